"""The template of a distributor on AutoCount: begun, checked, tested and tried from outside.

Each row writes further tests beside the template's own, from a table or a model that stands here,
and lets the product run them; some rows break a rule and see that this is noticed.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.autocount_books import stories
from tests.acceptance.autocount_cells import (
    FIVE,
    NOT_TAKEN,
    NOTHING,
    SAMPLES,
    SECOND_LORRY,
    SETTLED,
    answer,
    answers_in_state,
    cases,
    expectation,
    states,
    story,
    story_of_state,
)
from tests.acceptance.product import Product, free_environment
from tests.acceptance.rule_tables import Cell, Tables

Body = dict[str, Any]
PURCHASE: Body = {
    "number": "310",
    "status": "approved",
    "version": 2,
    "approved_version": 2,
    "approved_by": "Mei Ling",
    "created_by": "Suresh",
    "ordered_on": "2026-11-17",
    "supplier": "S-14",
    "branch": "KL",
    "tax_total": "0.00",
    "total": "1900.00",
    "lines": [
        {"pos": 1, "sku": "RICE-5", "uom": "BAG", "qty": "100", "price": "19.00", "tax": "NONE"}
    ],
}
ORDER: Body = {
    **{key: value for key, value in PURCHASE.items() if key != "supplier"},
    "number": "1001",
    "customer": "K-210",
    "agent": "Faiz",
    "lines": [{**PURCHASE["lines"][0], "name": "Rice, 5 kg"}],
}


class Template:
    """A folder that `init` began, and copies of it that may be changed."""

    def __init__(self, product: Product) -> None:
        self.product = product
        product.run("init", "rules", "--template", "orders-autocount")
        self.checked = product.json("check", "rules", "--strict", "--coverage", "--json")

    def copy(self, name: str) -> Path:
        folder = self.product.folder / name
        shutil.copytree(self.product.folder / "rules", folder)
        return folder

    def tested(self, folder: Path, *, red: bool = False) -> dict[str, bool]:
        """What `test` says of each test of a folder; whether some are meant to be red."""
        told = self.product.json("test", str(folder), "--json", code=int(red))
        return {one["test"]: one["passed"] for one in told["results"]}

    def added(self, name: str, text: str, *, red: bool = False) -> dict[str, bool]:
        """What becomes of further tests; the template's own stay green beside them."""
        folder = self.copy(name)
        own = text.count('\ntest "')
        (folder / "more_test.rules").write_text(text, "utf-8")
        results = self.tested(folder, red=red)
        more = {title: passed for title, passed in results.items() if title.startswith(name)}
        assert len(more) == own
        assert all(passed for title, passed in results.items() if title not in more)
        return more

    def tried(
        self, kind: str, body: Body, *, held: bool, folder: str | Path = "rules"
    ) -> dict[str, Body]:
        """The decision for each route of a record; `try` says with its exit whether one holds."""
        file = self.product.folder / f"{kind}.json"
        file.write_text(json.dumps(body), "utf-8")
        words = ("try", str(folder), str(file), "--kind", kind, "--at", "2026-11-20", "--json")
        told = self.product.json(*words, code=int(held))
        return {one["route"].partition(".")[2]: one for one in told["decisions"]}


@pytest.fixture(scope="module")
def template(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template(Product(command, tmp_path_factory.mktemp("autocount"), free_environment()))


def test_it_begins_clean_answers_every_exception_and_tells_what_is_not_carried_out(
    template: Template,
) -> None:
    assert template.checked["findings"] == []
    assert {row["state"] for row in template.checked["coverage"]} <= {"answered", "never"}
    kinds = {row["record"] for row in template.checked["coverage"]}
    assert kinds >= {"order", "receipt", "settlement", "settlement_payment", "delivery", "purchase"}
    told = template.product.json("check", "rules", "--publish", "--json", code=1)
    missing = {one["message"].partition("posting to ")[2].strip("'") for one in told["findings"]}
    assert missing == {f"autocount.{document}" for document in NOT_TAKEN}
    assert template.checked["not_carried_out"] == len(NOT_TAKEN)


def test_the_book_says_in_a_sentence_what_happens_in_a_locked_period(template: Template) -> None:
    told = template.product.run("explain", "rules", "--topic", "exceptions").stdout
    sentences = [line for line in told.splitlines() if "order that is cancelled after" in line]
    invoiced, *_ = [line for line in sentences if "period of the document is locked" in line]
    assert "e-invoice" in invoiced
    assert "nothing is done in autocount, and the hold cannot be released" in invoiced


# ---- what happens to a posted document, cell by cell ----


def test_B09_every_cell_of_edits_and_cancels_has_one_of_five_answers(template: Template) -> None:
    tables = Tables(template.product.folder / "rules")
    assert tables.record.keys() == SAMPLES.keys()
    text, wanted, driven = ["language 1\n", SECOND_LORRY], {}, set[Cell]()
    for document in SAMPLES:
        told = {case: answer(tables, document, case) for case in cases(tables, document)}
        driven |= {cell for hit, _ in told.values() for cell in hit}
        every = sorted({one for _, one in told.values()})
        for at, (case, (_, right)) in enumerate(told.items()):
            others = [one for one in every if one != right]
            for one in (right, others[at % len(others)]):
                title = f"B09 {document}: {', '.join(case)}: {one}"
                text.append(f'\ntest "{title}"\n{story(document, case)}')
                text.append(expectation(document, one))
                wanted[title] = one == right
    assert driven == tables.all()
    assert template.added("B09", "".join(text), red=True) == wanted
    answers = {title.split(": ")[2].split(" by ")[0] for title, right in wanted.items() if right}
    assert {FIVE[one] for one in answers - {"ignore"}} == set(FIVE.values())
    ignored = {title.split(": ")[1].split(", ")[0] for title, right in wanted.items()
               if right and title.endswith("ignore")}  # fmt: skip
    assert ignored == {NOTHING, SETTLED}, "whatever else a document shows has an answer"
    _every_state_of_a_record_that_changed_has_one_of_the_five(template, tables)


def _every_state_of_a_record_that_changed_has_one_of_the_five(
    template: Template, tables: Tables
) -> None:
    """Kind by status by lock by 72 hours by partial delivery: another amount, or other goods."""
    text, wanted = ["language 1\n", SECOND_LORRY], {}
    for document in SAMPLES:
        told = {case: answers_in_state(tables, document, case) for case in states(tables, document)}
        assert {case[0] for case in told} == set(tables.gates[tables.record[document]])
        every = sorted(set(told.values()))
        for at, (case, right) in enumerate(told.items()):
            others = [one for one in every if one != right]
            for one in (right, others[at % len(others)]):
                title = f"states {document}: {', '.join(case)}: {one}"
                text.append(f'\ntest "{title}"\n{story_of_state(document, case)}')
                text.append(expectation(document, one))
                wanted[title] = one == right
    assert len(wanted) > 800
    assert template.added("states", "".join(text), red=True) == wanted
    answers = {title.split(": ")[2].split(" by ")[0] for title, right in wanted.items() if right}
    assert {FIVE[one] for one in answers} == set(FIVE.values())
    assert answers <= FIVE.keys(), "none is ignored"


# ---- the order of documents ----

CHAIN = {
    "goods.rules": (
        "    after    autocount.sales_order\n",
        "    after    autocount.purchase_order\n",
    ),
    "posting.rules": ("    after    autocount.delivery_order\n",),
}
WAITING = {
    "a delivery waits for its sales order",
    "a delivery that came before its order waits for it",
    "an invoice waits for its delivery order",
    "goods received wait for their purchase order",
}


def test_what_goes_in_order_is_told_by_tests_beside_the_template(template: Template) -> None:
    folder = template.copy("B13")
    for name, clauses in CHAIN.items():
        text = (folder / name).read_text("utf-8")
        for clause in clauses:
            assert text.count(clause) == 1
            text = text.replace(clause, "")
        (folder / name).write_text(text, "utf-8")
    red = {title for title, passed in template.tested(folder, red=True).items() if not passed}
    assert red == WAITING

    never = {"approved_version": None, "approved_by": None}
    request = {**PURCHASE, **never, "status": "Requested"}
    (waits,) = template.tried("purchase", request, held=False).values()
    assert (waits["state"], waits["plan"]) == ("waiting", [])
    (ready,) = template.tried("purchase", PURCHASE, held=False).values()
    assert (ready["state"], ready["document"]["number"]) == ("ready", "PO-310-1")


# ---- never more billed than delivered ----


def test_never_more_is_billed_than_was_delivered_in_a_hundred_random_stories(
    template: Template,
) -> None:
    texts, wanted = zip(*stories(40), strict=True)
    results = template.added("F11", "".join(texts))
    assert len(results) > 100
    assert all(results.values())
    assert set(wanted) >= {
        "ready",
        "posted",
        "wait because bill",
        "credit note because overbilled",
        "credit note and new because overbilled",
        "hold for warehouse because not_too_much",
    }


# ---- the window of the e-invoice ----


def test_a_minute_within_72_hours_it_is_void_a_minute_after_a_credit_note(
    template: Template,
) -> None:
    void, credit = "void", "credit note"
    text, wanted = "language 1\n", {}
    for age, right in {"4319min": void, "72h": void, "4321min": credit}.items():
        for told in (void, credit):
            title = f"F13 {age}: {told}"
            text += f'\ntest "{title}"\n    given    soap\n'
            text += "    then     status = cancelled, deliveries is missing\n"
            text += f"    and      e_invoice_age = {age}\n    expect   autocount.invoice {told}\n"
            wanted[title] = told == right
    assert template.added("F13", text, red=True) == wanted


# ---- names that AutoCount does not have ----


def findings(template: Template, kind: str, body: Body) -> list[Body]:
    """What holds the first document of a record: always for names that are not mapped."""
    decision = next(iter(template.tried(kind, body, held=True).values()))
    assert (decision["state"], decision["document"]) == ("held", None)
    assert {finding["code"] for finding in decision["findings"]} == {"MAP01"}
    return list(decision["findings"])


def test_an_unknown_party_is_held_with_what_it_may_be_and_posted_elsewhere_only_by_a_rule(
    template: Template,
) -> None:
    for kind, body, field, word, near, owner in (
        ("purchase", PURCHASE, "supplier", "S14", "S-14", "purchasing"),
        ("order", ORDER, "customer", "K210", "K-210", "sales_admin"),
    ):
        (finding,) = findings(template, kind, {**body, field: word})
        assert finding["owner"] == owner
        assert f'"{near}" is known: it differs by special characters' in finding["message"]
        assert near in finding["would_pass"]

    folder = template.copy("F17")
    posting = folder / "goods.rules"
    text = posting.read_text("utf-8")
    text = text.replace("debtor(customer)", "debtor(customer) otherwise walk_in")
    text += '\nconst walk_in\n    from 2026-01-01 = "300-CASH"\n'
    posting.write_text(text, "utf-8")
    named = template.tried("order", {**ORDER, "customer": "K210"}, held=False, folder=folder)
    assert named["sales_order"]["document"]["party"] == "300-CASH"


def test_an_unknown_item_is_held_and_another_taken_only_by_a_rule(template: Template) -> None:
    (line,) = ORDER["lines"]
    lines = [
        {**line, "pos": at, "sku": sku, "uom": "PCS"} for at, sku in ((1, "rice-5"), (2, "FISH"))
    ]
    near, unknown = findings(template, "order", {**ORDER, "lines": lines, "total": "3800.00"})
    assert '"RICE-5" is known: it differs by case' in near["message"]
    assert "Item FISH is not mapped to an AutoCount item" in unknown["message"]
    for at, finding in ((1, near), (2, unknown)):
        assert (finding["rule"], finding["owner"], finding["lines"]) == (
            "item",
            "sales_admin",
            [at],
        )

    folder = template.copy("F19")
    goods = folder / "goods.rules"
    text = goods.read_text("utf-8").replace("item(line.sku)", "item(line.sku) otherwise common")
    text += '\nconst common\n    from 2026-01-01 = "RICE-5"\n'
    goods.write_text(text, "utf-8")
    body = {**ORDER, "lines": [{**line, "sku": "FISH", "uom": "PCS"}]}
    named = template.tried("order", body, held=False, folder=folder)
    assert named["sales_order"]["document"]["lines"][0]["ItemCode"] == "RICE-5"
