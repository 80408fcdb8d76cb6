"""A document that names a code which its target does not list."""

from dataclasses import replace

import pytest

from connectors.contract.schema import DocumentSchema, FieldSchema
from grammar.parsing.parser import parse
from rules.facts import Facts, PostingFact, Subject, TargetState, load_seeds
from rules.outcomes import Outcome
from rules.program import Program, compile_ruleset
from rules.types.symbol_table import Schemas
from rules.values.canonical import PostingState
from tests.rules.one_meaning import in_every_way
from tests.rules.shop import NOW, TEXT, found, judged, line, order

TWO = (line(), line(pos=2, tax="Z"))
INVOICE = DocumentSchema(
    target="books",
    name="invoice",
    title="Invoice",
    header=(
        FieldSchema(name="DocNo"),
        FieldSchema(name="DocDate", type="date"),
        FieldSchema(name="Money", refers="currency"),
        FieldSchema(name="Total", type="money"),
    ),
    lines=(
        FieldSchema(name="ItemCode", refers="item"),
        FieldSchema(name="TaxCode", title="Tax", refers="tax"),
        FieldSchema(name="AccNo", refers="account"),
    ),
    number_field="DocNo",
    number_max=20,
    date_field="DocDate",
    party_field="",
    total_field="Total",
    lists=(("tax_code", "Settings → Taxes"),),
)
CHANGES = {
    "    price    money\n": "    price    money\n    tax      text\n",
    "    Total      = total\n": '    Money      = "MYR"\n',
    '        TaxCode    = "S"\n': "        TaxCode    = tax_code(line.tax)\n"
    '        AccNo      = "500"\n',
    "    immediately\n": '    immediately\n    amount   not compared because "No total here."\n',
    "map item\n": 'map tax_code\n    match    exact\n    "S" -> "S-10"\n    "Z" -> "NT"\n'
    '    missing  hold for taxes  say "{key} has no tax code."\n\nmap item\n',
    'role accounts  "Accounts"\n': 'role accounts  "Accounts"\nrole taxes  "Taxes"\n',
}


def program() -> Program:
    """The shop's rules, with a map of tax codes that its own team keeps, under this schema."""
    ruleset, problems = parse({"shop.rules": _text()})
    assert problems == ()
    return compile_ruleset(ruleset, hash="", schemas=Schemas((INVOICE,), ()))


def _text() -> str:
    text = TEXT
    for old, new in CHANGES.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def told(**codes: str) -> TargetState:
    """A target that lists these codes, by their kinds."""
    return TargetState(
        known=True, codes={kind: frozenset(of.split()) for kind, of in codes.items()}
    )


def said(state: TargetState, *lines: dict[str, object], **changes: object) -> Outcome:
    rows = lines or TWO
    body = order(*({"tax": "S", **row} for row in rows), **changes)
    return judged(program(), body, state=state)


def test_E11_a_tax_code_that_is_not_listed_holds_with_its_field_lines_and_place() -> None:
    of = said(told(tax_code="S-10", account="500 700"), *TWO, line(pos=3, tax="Z"))
    (finding,) = found(of)
    assert (finding.code, finding.owner, finding.lines) == ("LST01", "taxes", (2, 3))
    assert finding.message == (
        "books does not list the tax code NT, which the document names as Tax. Nothing was sent."
    )
    assert "added there (books, Settings → Taxes)" in finding.would_pass
    assert str(finding.cause_key) == "listed:books:tax_code:NT"
    assert str(finding.clears) == "itself"
    (verdict,) = [v for v in of.verdicts if v.kind == "codes"]
    assert (verdict.rule, verdict.result, verdict.line) == ("listed_codes", "hit", 2)
    assert verdict.operands == (("Tax", "NT"),)


def test_E13_an_account_that_the_rules_write_is_held_for_whom_the_rules_ask() -> None:
    (finding,) = found(said(told(tax_code="S-10 NT", account="700")))
    assert (finding.owner, finding.lines) == ("accounts", (1, 2))
    assert "the account 500, which the document names as AccNo" in finding.message
    assert "added there (books)" in finding.would_pass


def test_E12_a_currency_of_the_header_is_no_matter_of_a_line() -> None:
    (finding,) = found(said(told(currency="SGD USD")))
    assert "the currency MYR" in finding.message
    assert finding.lines == ()


def test_E11_each_code_is_a_cause_of_its_own_and_spelling_counts() -> None:
    of = said(told(tax_code="s-10", account="5"))
    assert {str(f.cause_key) for f in found(of)} == {
        "listed:books:tax_code:S-10",
        "listed:books:tax_code:NT",
        "listed:books:account:500",
    }


@pytest.mark.parametrize(
    "state",
    [
        told(),
        told(tax_code="", account="", currency=""),
        told(item="other"),
        told(tax_code="S-10 NT", account="500", currency="MYR"),
    ],
)
def test_E11_what_is_not_told_or_all_listed_is_no_finding(state: TargetState) -> None:
    assert found(said(state)) == []


def test_E11_nothing_is_said_of_what_is_not_sent_or_of_an_old_reading_less() -> None:
    assert found(said(told(tax_code="S-10"), status="open")) == []
    old = TargetState(known=False, codes={"account": frozenset({"700"})})
    assert [f.code for f in found(said(old))] == ["LST01"]


RAW = {
    "tax_code(line.tax)": "line.tax",
    "        ItemCode   = item(line.sku)\n": "        ItemCode   = line.sku\n",
    '    Money      = "MYR"\n': "    Money      = money_code\n",
    "    day      date   dated\n": "    day      date   dated\n    money_code text\n",
    "    all  = status, day,": "    all  = status, day, money_code,",
}
"""What makes the shop name codes as its orders have them, through no map."""


def raw() -> Program:
    text = _text()
    for old, new in RAW.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    ruleset, problems = parse({"shop.rules": text})
    assert problems == ()
    return compile_ruleset(ruleset, hash="", schemas=Schemas((INVOICE,), ()))


UNSEEN = {
    "customer": (order(line(tax="S"), money_code="MY\u200bR"), "Money", "MY[U+200B]R", ()),
    "item": (
        order(line(tax="S"), line(tax="S", pos=2, sku="T-1\u2060"), money_code="MYR"),
        "ItemCode",
        "T-1[U+2060]",
        (2,),
    ),
    "tax": (order(line(tax="S\u00ad"), money_code="MYR"), "Tax", "S[U+00AD]", (1,)),
}


@pytest.mark.parametrize("name", UNSEEN)
@pytest.mark.parametrize("state", [told(), told(tax_code="S", currency="MYR")])
def test_T16j_a_code_with_what_nobody_sees_is_held_and_shown(name: str, state: TargetState) -> None:
    body, field, shown, lines = UNSEEN[name]
    (finding,) = found(judged(raw(), body, state=state))
    assert (finding.code, finding.error_class, finding.lines) == ("VAL01", "bad_value", lines)
    point = shown.partition("[")[2].partition("]")[0]
    assert finding.message == (
        f"The document names {field} as {shown}, which holds an invisible character ({point})."
        " Nothing was sent."
    )
    plain = shown.replace(f"[{point}]", "")
    assert finding.would_pass == f"the source or the rules write it without that: {plain}"
    assert str(finding.clears) == "itself"


def test_T16j_a_glance_holds_it_too() -> None:
    of = raw()
    world = load_seeds(of.ruleset, {}).world(1, {"books": told()})
    seen = order(line(tax="S"), money_code="MYR")
    for body, expected in ((seen, "ready"), *((one, "held") for one, *_ in UNSEEN.values())):
        glance = of.glance(Subject("order", "shop", body, 1), Facts(NOW), world, NOW)
        assert [route.state for route in glance.routes] == [expected]


def test_T16j_a_code_with_what_nobody_sees_is_held_though_the_target_lists_it() -> None:
    of = raw()
    for name, state in (
        ("customer", told(currency="MY\u200bR")),
        ("tax", told(tax_code="S\u00ad")),
    ):
        body, world = UNSEEN[name][0], load_seeds(of.ruleset, {}).world(1, {"books": state})
        outcome = of.decision(Subject("order", "shop", body, 1), Facts(NOW), world, NOW)
        assert "VAL01" in {f.code for d in outcome.decisions for f in d.findings}, name
        glance = of.glance(Subject("order", "shop", body, 1), Facts(NOW), world, NOW)
        assert [route.state for route in glance.routes] == ["held"], name


def test_E11_a_glance_says_it_as_the_whole_outcome_does() -> None:
    of, facts = program(), Facts(NOW)
    body = order(*({"tax": "S", **row} for row in TWO))
    good = {"tax_code": "S-10 NT", "account": "500", "currency": "MYR"}
    for kind, codes, expected in (
        ("account", "500", "ready"),
        ("account", "700", "held"),
        ("tax_code", "S-10", "held"),
        ("currency", "SGD", "held"),
    ):
        world = load_seeds(of.ruleset, {}).world(1, {"books": told(**{**good, kind: codes})})
        glance = of.glance(Subject("order", "shop", body, 1), facts, world, NOW)
        assert [route.state for route in glance.routes] == [expected], (kind, codes)


BACK = """
on cancel of order
    | total | do          |
    | -     | credit note |

post order to books.credit reversing books.invoice as "CN-{reversed}"
    DocDate  = today
"""


def test_E13_what_takes_a_document_back_needs_its_codes_too() -> None:
    """A credit note says the codes of the invoice: one that is gone since would be refused."""
    text = _text().replace("    wait     open\n", "    cancel   open\n") + BACK
    ruleset, problems = parse({"shop.rules": text})
    assert problems == ()
    credit = replace(INVOICE, name="credit", lists=(("tax_code", "Settings → Taxes"),))
    of = compile_ruleset(ruleset, hash="", schemas=Schemas((INVOICE, credit), ()))
    body = order({**line(), "tax": "S"})
    content = {
        "fields": {"DocNo": "A-1", "DocDate": "2026-11-19", "Money": "MYR"},
        "lines": [{"ItemCode": "TEA", "TaxCode": "S-10", "AccNo": "500"}],
        "amount": "10.04",
    }
    stands = PostingFact("books.invoice", 1, PostingState.POSTED, "A-1", 1, content, body)
    facts = Facts(NOW, postings=(stands,))
    for account, expected in (("500", []), ("700", ["LST01"])):
        world = load_seeds(of.ruleset, {}).world(
            1, {"books": told(tax_code="S-10", account=account)}
        )
        again = Subject("order", "shop", {**body, "status": "open"}, 2)
        outcome = in_every_way(of, again, facts, world, NOW)
        (decision,) = outcome.decisions
        assert [step.action for step in decision.plan] == ["credit_note"]
        assert [f.code for f in decision.findings] == expected
    (finding,) = decision.findings
    assert (finding.route, finding.lines) == ("books.credit", (1,))
