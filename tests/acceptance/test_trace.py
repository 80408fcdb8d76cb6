"""An order that was held, mapped, approved and posted: its page answers seven questions."""

import hashlib
import json
import re
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean, days_ago, later, priced
from tests.acceptance.parts import Part, answers, proofs, read
from tests.acceptance.product import (
    ADMIN,
    APPROVER,
    CURRENT_COMPANY,
    FINANCE,
    House,
    Product,
    item,
    until,
)
from tests.acceptance.quiet import (
    BASE,
    approve,
    download,
    fix_mapping,
    record,
    rows,
    timeless,
    until_shown,
    work,
    writes,
)

NUMBER = 501
ITEMS = [
    item(1, sku="TEA-EARL-100", name="Earl Grey", uom="CTN", qty="20", price="160.00"),
    item(2, sku="CUP GLASS", name="Glass", uom="BOX", qty="2", price="60.00", tax="NONE"),
]
ORDER = clean(NUMBER, status="Completed", items=ITEMS)
CUT = {
    "clearing.rules": "duplicates of order for aiaccount.sales_receipt\n",
    "orders_test.rules": 'test "a receipt that AiAccount has already is held"\n',
}
"""The rule against doubled receipts, and its test: how each begins, up to the next blank line."""
UNITS = "Yes: line 1: 20 CTN × 40 = 800 PCS; line 2: 2 BOX × 12 = 24 PCS."


@dataclass
class Told:
    """The record page of the order once it is posted, with the moments of the story as <now>."""

    house: House
    started: float
    page: Part
    call: dict[str, Any]

    def answer(self, no: int) -> str:
        return timeless(answers(self.page)[no], self.started)

    def tab(self, word: str) -> Part:
        return record(self.house.visitor(FINANCE), NUMBER, word)


@pytest.fixture(scope="module")
def told(house: House) -> Told:
    started = time.time()
    finance, approver = house.visitor(FINANCE), house.visitor(APPROVER)
    finance.show_rule_lines()
    assert house.deliver(ORDER).status_code == 202
    until_shown(finance, NUMBER, "On hold")
    fix_mapping(finance, "CUP GLASS", "CUP-GLASS-20", "Same glass, typed by hand")
    until_shown(finance, NUMBER, "On hold")
    _until_only_the_approval_is_missing(house)
    approve(approver, f"NS-{NUMBER}", reason="Within the budget")
    page = until_shown(finance, NUMBER, "Posted")
    (call,) = writes(house, f"NS-{NUMBER}")
    return Told(house, started, page, call)


def _until_only_the_approval_is_missing(house: House) -> None:
    finance = house.visitor(FINANCE)
    until(
        lambda: "Approval is required" in answers(record(finance, NUMBER))[2],
        "an order that only wants an approval",
    )


def test_G01_which_status_it_had(told: Told) -> None:
    source = datetime.fromisoformat(ORDER["updated_at"]).strftime("%Y-%m-%d %H:%M")
    assert told.answer(1) == (
        f"delivered (the source wrote “Completed”), version 1, source time {source}."
    )
    version, delivery, *rules = proofs(told.page, 1)
    assert version.startswith("version 1")
    assert delivery.startswith("delivery 1")
    assert any(rule.startswith("clearing.rules:11") for rule in rules)


def test_G02_who_approved_it(told: Told) -> None:
    content = _content_hash(told)
    assert told.answer(2) == (
        f"approver, <now>, content hash {content[:12]}. In the source: not recorded."
    )
    assert any(content in word for word in proofs(told.page, 2))

    assert told.house.deliver(clean(NUMBER + 2)).status_code == 202
    small = until_shown(told.house.visitor(FINANCE), NUMBER + 2, "Posted")
    assert re.match(r"No approval required by clearing\.rules:\d+\.", answers(small)[2])
    _a_deputy_is_named(told.house)


def _a_deputy_is_named(house: House) -> None:
    """Somebody approves in the approver's name."""
    number, stands_in = NUMBER + 3, "deputy@kedai.example"
    company = ("--company", CURRENT_COMPANY)
    made = house.product.run("user", "add", stands_in, *company, "--role", "viewer").stdout
    house.passwords[stands_in] = made.split("only now: ")[1].split()[0]
    until_ = ("--until", days_ago(-3)[:10], "--reason", "On leave")
    by = (*company, "--as", ADMIN)
    house.product.run("deputy", "add", stands_in, "--for", APPROVER, *until_, *by)
    assert house.deliver(clean(number, items=priced("3500.00"))).status_code == 202
    until_shown(house.visitor(FINANCE), number, "On hold")
    approve(house.visitor(stands_in), f"NS-{number}")
    posted = until_shown(house.visitor(FINANCE), number, "Posted")
    assert answers(posted)[2].startswith("deputy for approver, ")


def _content_hash(told: Told) -> str:
    """The hash over what was planned, reckoned here from the stored content."""
    query = "SELECT connection_id, content, hash FROM posting WHERE number = ?"
    ((connection, content, stored),) = rows(told.house, query, f"NS-{NUMBER}")
    planned = json.loads(content)
    parts = [
        connection,
        "CMP-1042",
        planned["document"],
        planned["number"],
        "create",
        planned["fields"],
        planned["lines"],
    ]
    plain = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(plain.encode()).hexdigest()
    assert digest == stored
    return digest


def test_G03_which_fields_were_mapped(told: Told) -> None:
    assert re.fullmatch(
        r"34 of 34 fields: \d+ through mapping tables, 0 constants\.", told.answer(3)
    )
    lines = _lines(told.tab("lineage"))
    assert len(lines) == 34
    source, rule, planned, posted = lines["SKU line 2"]
    assert "line.sku = CUP GLASS" in source
    assert rule.startswith("posting.rules:")
    assert "SKU = item(line.sku)" in rule
    assert re.search(r"table item r\d+: CUP GLASS → CUP-GLASS-20, finance", planned)
    assert posted == "CUP-GLASS-20"
    sent = told.call["content"]
    assert sent["lines"][1]["SKU"] == "CUP-GLASS-20"
    assert lines["Customer"][3] == sent["Customer"] == "Warung Melati"
    assert lines["Quantity line 1"][3] == "800"


def test_G04_whether_units_and_items_matched(told: Told) -> None:
    assert told.answer(4) == UNITS
    named = " ".join(proofs(told.page, 4))
    assert "units(“CTN|TEA-EARL-100”) = 40 PCS" in named
    assert "item(“CUP GLASS”) = CUP-GLASS-20" in named
    sent = told.call["content"]
    assert [line["Quantity"] for line in sent["lines"]] == ["800", "24"]
    _no_is_an_answer_with_each_line_that_does_not_match(told.house)
    _it_is_asked_of_no_kind_without_items(told.house)


def _it_is_asked_of_no_kind_without_items(house: House) -> None:
    """What a blogger earned has no items."""
    given = {"id": "ST-88", "blogger": "B-12", "amount": "250.00", "currency": "MYR"}
    given |= {"period": f"{days_ago(9)[:10]}/{days_ago(3)[:10]}", "status": "approved"}
    raw = json.dumps({"event": "settlement.updated", "settlement": given}).encode()
    assert house.post_hook(raw, event_id="evt_g04").status_code == 202
    visitor = house.visitor(FINANCE)
    path = f"{house.address}{BASE}/records/netshop/settlement/ST-88"

    def shown() -> str:
        page = visitor.session.get(path, timeout=30)
        return answers(read(page.text)).get(4, "") if page.ok else ""

    said = until(shown, "the answers about a settlement")
    assert said == "Not applicable: this record has no items."


def _no_is_an_answer_with_each_line_that_does_not_match(house: House) -> None:
    """An item and a unit that nobody knows; the third line is no cause."""
    number = NUMBER + 4
    items = [
        item(1, sku="NO-SUCH-ARTICLE", name="Article"),
        item(2, uom="DRUM"),
        item(3, sku="TEA-EARL-100", name="Earl Grey", uom="CTN", qty="1", price="3.00"),
    ]
    assert house.deliver(clean(number, items=items)).status_code == 202
    page = until_shown(house.visitor(FINANCE), number, "On hold")
    said = answers(page)[4]
    assert said.startswith("No: "), said
    assert "line 1: Item NO-SUCH-ARTICLE is not mapped to an AiAccount item" in said
    assert "line 2: Unit conversion missing: how many pieces are in 1 DRUM of" in said
    assert "line 3" not in said
    red = page.one("li", id="answer_4").all("span", cls="t-bad")
    assert [part.text for part in red] == [said]


def test_G06_whether_a_duplicate_rule_existed(told: Told, product: Product) -> None:
    rules = _rules_hash(told)
    keys = (
        "unique by number in history; customer as debtor + customer name + ordered on + total"
        " in history; InvoiceNumber + Customer in target"
    )
    said = told.answer(6)
    assert said.startswith(f"Yes, in rule version 1 (hash {rules[:12]}), {keys}: ")
    assert said.count("said pass") == 4
    party = f"with InvoiceNumber = NS-{NUMBER} and Customer = Warung Melati"
    assert f"no other record here has a document of aiaccount.sales_invoice {party}" in said
    assert "AiAccount itself takes no second document of that number and customer." in said
    assert "Party matching: debtor(" in said
    assert said.endswith("number one id; always in force) said pass.")
    assert f"compared number = NS-{NUMBER}" in said
    assert any(rules in word for word in proofs(told.page, 6))
    _none_is_an_answer_and_red(product)


def _none_is_an_answer_and_red(product: Product) -> None:
    """The invoices of these rules have a rule against duplicates, the receipts none; one that is
    published later changes no answer.
    """
    rules = product.folder / "rules"
    product.run("init", str(rules), "--template", "netshop-aiaccount-daily")
    before = {name: (rules / name).read_text("utf-8") for name in CUT}
    for name, begin in CUT.items():
        first, rest = before[name].split(begin)
        (rules / name).write_text(first + rest.partition("\n\n")[2], "utf-8")
    with quiet(product, rules) as house:
        house.visitor(FINANCE).show_rule_lines()
        assert house.deliver(clean(NUMBER)).status_code == 202
        work(house)
        query = "SELECT id FROM posting WHERE route = ?"
        ((receipt,),) = rows(house, query, "aiaccount.sales_receipt")
        ((invoice,),) = rows(house, query, "aiaccount.sales_invoice")
        ((hash_,),) = rows(house, "SELECT hash FROM ruleset_version WHERE no = 1")
        none = f"None: rule version 1 (hash {hash_[:12]}) had no duplicate rule for this document."
        for _ in range(2):
            page = _of_posting(house, receipt)
            text = answers(page)[6]
            assert text.startswith(f"{none} ")
            red = page.one("li", id="answer_6").all("span", cls="t-bad")
            assert [part.text for part in red] == [text]
            assert any(hash_ in word for word in proofs(page, 6))
            assert answers(_of_posting(house, invoice))[6].startswith("Yes, in rule version 1 ")
            for name, text in before.items():
                (rules / name).write_text(text, "utf-8")
            by = ("--company", CURRENT_COMPANY, "--as")
            house.product.run("rules", "push", str(rules), *by, "consultant@kedai.example")
            if not rows(house, "SELECT 1 FROM ruleset_version WHERE no = 2"):
                house.product.run("publish", "2", *by, "publisher@kedai.example")


def _of_posting(house: House, posting: int) -> Part:
    """The page of the order, about one of its documents."""
    path = f"{BASE}/records/netshop/order/{NUMBER}?posting={posting}"
    return read(house.visitor(FINANCE).get(path))


def _rules_hash(told: Told) -> str:
    ((found,),) = rows(told.house, "SELECT hash FROM ruleset_version WHERE no = 1")
    return str(found)


def test_G07_whether_the_holding_area_caught_it(told: Told) -> None:
    missing = (
        "Mapping missing (item), opened <now>, owner Sales administration, cleared <now> by"
        " finance: mapped item: CUP GLASS <now> (revision "
    )
    asked = (
        "Approval needed (approve by accounts), opened <now>, owner Accounts team,"
        " approved <now> by approver: Within the budget."
    )
    said = told.answer(7)
    assert said.startswith(f"Yes: {missing}")
    assert "Same glass, typed by hand" in said
    assert said.endswith(asked)

    assert told.house.deliver(clean(NUMBER + 1)).status_code == 202
    finance = told.house.visitor(FINANCE)
    other = until_shown(finance, NUMBER + 1, "Posted")
    assert answers(other)[7] == "No. It was never put on hold."
    shown = other.one("li", id="answer_7").all("span", cls="t-bad")
    assert [part.text for part in shown] == ["No. It was never put on hold."]


def test_what_was_sent_is_what_the_target_noted(told: Told) -> None:
    pushes = told.tab("pushes")
    body = download(told.house.visitor(FINANCE), pushes)
    digest = hashlib.sha256(body).hexdigest()
    assert digest == told.call["body_sha256"]
    assert f"sha256 of what was sent: {digest}" in pushes.text
    assert any(digest in word for word in proofs(told.page, 2))
    assert told.call["key"] in pushes.text


def test_a_change_after_the_sync_is_told(told: Told) -> None:
    """Last: it changes the order."""
    assert told.answer(5) == "No. Version 1 is the latest version."
    more = [{**ITEMS[0], "qty": "21"}, ITEMS[1]]
    assert told.house.deliver(later(ORDER, items=more)).status_code == 202
    page = until_shown(told.house.visitor(FINANCE), NUMBER, "On hold")
    said = timeless(answers(page)[5], told.started)
    assert said.startswith("Yes, since version 1 was sent: version 2 at <now> from NetShop: ")
    assert "line 1 quantity: 20 → 21" in said
    assert len(writes(told.house, f"NS-{NUMBER}")) == 1


def test_T35d_history_is_answered_from_then(told: Told) -> None:
    """After other rules, another mapping and a new version: word by word."""
    before = _history(told, told.page)
    finance = told.house.visitor(FINANCE)
    table = finance.get(f"{BASE}/mappings/item")
    wish = {"table": "item", "key": "CUP GLASS", "other": "CUP-PORC-25", "reason": "Porcelain now"}
    assert finance.post(f"{BASE}/mappings/fix", table, rev="99", **wish).ok
    _publish_longer_rules(told.house)
    assert told.house.deliver(later(ORDER, minutes=9, note="Ring twice")).status_code == 202
    other = NUMBER + 7
    assert told.house.deliver(clean(other, items=[ITEMS[1]])).status_code == 202
    until_shown(finance, other, "Posted")
    _, _, planned, posted = _lines(record(finance, other, "lineage"))["SKU line 1"]
    assert (posted, "CUP-PORC-25, finance" in planned) == ("CUP-PORC-25", True)
    assert "rule version 2" in record(finance, other, "trace").text
    page = record(finance, NUMBER)
    assert _history(told, page) == before
    until_then = answers(told.page)[7].removesuffix(".")
    assert answers(page)[7].startswith(until_then), "what was held later comes after it"


def _history(told: Told, page: Part) -> dict[object, object]:
    """What was so when it was posted; what changed and was held since are matters of their own."""
    said: dict[object, object] = {
        no: (text, proofs(page, no)) for no, text in answers(page).items() if no not in (5, 7)
    }
    return said | {"lineage": _lines(told.tab("lineage"))}


def _lines(page: Part) -> dict[str, list[str]]:
    found = page.one("section", id="lineage").all("tr", role="row")
    return {
        row.all("td")[2].one("a", cls="path").text: [cell.text for cell in row.all("td")]
        for row in found
    }


def _publish_longer_rules(house: House) -> None:
    """The same rules, each some lines further down, as version 2."""
    rules = house.product.folder / "longer-rules"
    shutil.copytree(STARTER, rules)
    for name in ("clearing.rules", "posting.rules"):
        file = rules / name
        head, rest = file.read_text("utf-8").split("\n", 1)
        file.write_text(f"{head}\n" + "# More is said here than before.\n" * 3 + rest, "utf-8")
    company = ("--company", CURRENT_COMPANY)
    house.product.run("rules", "push", str(rules), *company, "--as", "consultant@kedai.example")
    told = house.product.run("publish", "2", *company, "--as", "publisher@kedai.example")
    assert "version 2" in told.stdout
