"""What duplicate rules take for the same value: by the match of the map that knows the key."""

from typing import Any

import pytest

from grammar.parsing.parser import parse
from grammar.text.problem import Span
from rules.checker.all_checks import check
from rules.decisions.document_rules import duplicate_findings as identity
from rules.facts import Conflict, Facts, Subject, TargetDocument, TargetState, load_seeds
from rules.outcomes import Outcome
from rules.program import compile_interpreted, compile_ruleset
from tests.rules.one_meaning import in_every_way
from tests.rules.shop import NOW, TEXT, line, order

MAP = """
map debtor
    match    trimmed, any case
    "C-101"  -> "300-C101"
    missing  hold for accounts  say "{key} is no debtor."
"""
PIECES = {
    "    day      date   dated\n": "    day      date   dated\n    customer text\n",
    "    all  = status,": "    all  = status, customer,",
    "    DocDate    = day\n": "    DocDate    = day\n    DebtorCode = debtor(customer)\n",
    "    unique by document_number in target\n": "    unique by customer, day in history\n",
}
"""What makes the shop compare orders by their customer, which a map looks up."""


def rules(changes: dict[str, str] | None = None, more: str = "") -> str:
    text = TEXT
    for old, new in (PIECES | (changes or {})).items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return text + MAP + more


def keys(text: str, customer: str, made_by: Any = compile_ruleset, **given: Any) -> dict[str, str]:
    """The values by which an order of this customer is found as somebody's duplicate."""
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    program = made_by(ruleset, hash="h", **given)
    found = program.link_keys(order(line(), customer=customer), "order")
    return {name: value for name, value in found if name.startswith("dup:")}


def findings(text: str) -> list[tuple[str, str, str]]:
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    return [(p.code, p.severity, p.hint) for p in check(ruleset) if p.code.startswith("DUP")]


@pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])
def test_T18a_what_a_map_takes_for_one_key_is_one_value(made_by: Any) -> None:
    same = [keys(rules(), spelt, made_by) for spelt in ("C-101", "c-101", " C-101 ")]
    assert same[0] == same[1] == same[2]
    assert list(same[0].values()) == ['{"customer":"c-101","day":"2026-11-19"}']
    assert keys(rules(), "C-102", made_by) != same[0]
    assert keys(rules(), "C101", made_by) != same[0]  # the map minds punctuation


def test_long_values_that_begin_alike_are_two_values() -> None:
    one, other = (keys(rules(), f"{'C-' * 200}{end}") for end in (1, 2))
    assert one.keys() == other.keys()
    assert one != other
    assert all(len(value) < 200 for value in (*one.values(), *other.values()))


@pytest.mark.parametrize(("route", "codes"), [("books.invoice", ["DUP01"]), ("books.other", [])])
def test_another_document_type_may_have_the_number_too(route: str, codes: list[str]) -> None:
    of = compile_ruleset(parse({"shop.rules": TEXT})[0], hash="h")
    theirs = TargetDocument(route, "A-1", {}, "A-9")
    world = load_seeds(of.ruleset, {}).world(1, {"books": TargetState(known=True)})
    facts = Facts(NOW, documents=(theirs,))
    body = order(line(), total="11.04")
    (decision,) = in_every_way(of, Subject("order", "shop", body, 1), facts, world, NOW).decisions
    assert [one.code for one in decision.findings] == codes


def test_T18a_an_exact_map_minds_the_case_and_so_do_duplicates() -> None:
    exact = rules().replace("match    trimmed, any case", "match    exact")
    assert keys(exact, "C-101") != keys(exact, "c-101")
    assert findings(exact) == []


def test_T18a_where_two_maps_look_a_key_up_it_is_one_where_either_says_so() -> None:
    area = (
        '\nmap area\n    match    any punctuation\n    "C101"  -> "north"\n'
        '    missing  hold for accounts  say "{key} has no area."\n'
    )
    text = rules({"    DocNo      = document_number\n": "    DocNo      = area(customer)\n"}, area)
    assert keys(text, "C-101") == keys(text, "c 101")
    told = rules({"unique by customer, day": "unique by customer as debtor, day"}, area)
    assert keys(told, "C-101") == keys(told, "c-101") != keys(told, "c101")


def test_T18a_whose_match_counts_can_be_said() -> None:
    told = rules({"unique by customer, day": "unique by customer as debtor, day"})
    assert keys(told, "C-101") == keys(told, "c-101")
    assert findings(told) == []


@pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])
def test_T16i_what_nobody_sees_makes_no_other_value(made_by: Any) -> None:
    """An order that came again with a joiner in the customer was billed twice: it was another."""
    exact = rules().replace("match    trimmed, any case", "match    exact")
    for text in (rules(), exact):
        same = keys(text, "C-101", made_by)
        for spelt in ("C-101\u200b", "\u2060C-1\u00ad01", "C-101 \ufeff"):
            assert keys(text, spelt, made_by) == same, spelt
    assert keys(exact, "C-102\u200b", made_by) != keys(exact, "C-101", made_by)


ASKED: dict[str, Any] = {"owner": "accounts", "span": Span("a", 1, 1, 1, 2)}


@pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])
def test_T18f_who_released_a_duplicate_has_not_said_which_of_two_ids_it_is(made_by: Any) -> None:
    ruleset, _ = parse({"shop.rules": TEXT})
    of = made_by(ruleset, hash="h")
    world = load_seeds(of.ruleset, {}).world(1, {"books": TargetState(known=True)})
    for released in ("duplicates", "identity"):
        facts = Facts(
            NOW,
            conflicts=(Conflict("id", "NS-1 (a)", ("b",)),),
            releases=frozenset({("books.invoice", released)}),
        )
        outcome = in_every_way(of, Subject("order", "shop", order(line()), 1), facts, world, NOW)
        codes = [finding.code for one in outcome.decisions for finding in one.findings]
        assert ("IDN01" not in codes) == (released == "identity"), (released, codes)


def test_T16k_two_ids_that_look_alike_are_told_apart() -> None:
    """A source that sent an id again with a joiner was told: NS-1 came under another id, NS-1."""
    facts = Facts(NOW, conflicts=(Conflict("id", "NS-1", ("NS-1\u200b", "NS-9")),))
    (finding,) = identity(facts, "books.invoice", **ASKED)
    assert "came under another id, too: NS-1[U+200B], NS-9." in finding.message
    facts = Facts(NOW, conflicts=(Conflict("number", "NS-1\u200b", ("NS-1",)),))
    (finding,) = identity(facts, "books.invoice", **ASKED)
    assert finding.message.endswith("calls itself NS-1[U+200B] now, under the same id.")


def test_T18c_a_raw_key_beside_such_a_map_is_a_finding() -> None:
    assert findings(rules()) == [("DUP02", "warning", "Write customer as debtor.")]


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("customer as debitor", "Did you mean 'debtor'?"),
        ("day as debtor, customer as debtor", "Only a text is a key of a map."),
    ],
)
def test_T18d_a_map_that_is_not_there_or_cannot_match_is_an_error(said: str, hint: str) -> None:
    text = rules({"unique by customer, day": f"unique by {said}"})
    assert ("error", hint) in [(severity, told) for _, severity, told in found(text)]


def found(text: str) -> list[tuple[str, str, str]]:
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    return [(p.code, p.severity, p.hint) for p in check(ruleset)]


def test_T18d_a_key_in_a_target_is_compared_as_it_is_written_there() -> None:
    text = rules(
        {"unique by customer, day in history": "unique by document_number as debtor in target"}
    )
    assert [code for code, severity, _ in found(text) if severity == "error"] == ["DUP03"]


def test_T18e_what_a_map_says_cannot_be_stored_when_a_record_comes() -> None:
    """Its entries change, so nothing would ever be found by it: say so before."""
    text = rules(
        {
            "    total    money\n": "    total    money\n    code     = debtor(customer)\n",
            "unique by customer, day": "unique by code, day",
        }
    )
    ((code, severity, hint),) = findings(text)
    assert (code, severity) == ("DUP03", "error")
    assert hint == "Compare the field that the map looks up: customer as debtor."


ASKING = """
const some
    from 2026-01-01 = "300-A001"

const other
    from 2026-01-01 = "300-A002"

check known_{n} on order
    require  {of}(customer) <> some
    else     hold for accounts
    say      "{{number}} is of nobody."
    clears   when it passes
"""


def test_T18c_a_map_that_only_a_check_asks_is_one_that_looks_the_key_up() -> None:
    raw = {"    DocDate    = day\n": "    DocDate    = day\n"}  # no field is filled by a map
    area = MAP.replace("map debtor", "map area")
    asked, unasked = (ASKING.format(n=n, of=of) for n, of in enumerate(("debtor", "area")))
    told = [("DUP02", "warning", "Write customer as debtor.")]
    assert findings(rules(raw, area + asked)) == told
    assert findings(rules(raw, area + unasked)) == [("DUP02", "warning", "Write customer as area.")]
    assert findings(rules(raw, area)) == []


def test_T18c_a_check_that_names_one_dated_const_of_several_is_asked_for_its_day() -> None:
    text = rules({"    day      date   dated\n": "    day      date\n    customer text\n"})
    ruleset, broken = parse({"shop.rules": text + ASKING.format(n=1, of="debtor")})
    assert broken == ()
    assert [p.code for p in check(ruleset) if p.code == "NAM23"] == ["NAM23"]


OPTIONAL = {
    "    day      date   dated\n": "    day      date   dated\n    customer text   optional\n",
    "    all  = status,": "    all  = status, customer,",
    "    unique by document_number in target\n": (
        "    unique by customer, day in history\n    unique by number in history\n"
    ),
}
"""What makes the shop compare orders by a customer that the rules call optional."""


def judged_with_optional_customer(customer: str | None) -> Outcome:
    """Return the outcome of an order that may have no customer."""
    text = TEXT
    for old, new in OPTIONAL.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    program = compile_ruleset(ruleset, hash="h")
    world = load_seeds(ruleset, {}).world(1, {"books": TargetState(known=True)})
    body = order(line(), total="11.04", customer=customer)
    return in_every_way(program, Subject("order", "shop", body, 1), Facts(NOW), world, NOW)


def test_a_blank_optional_part_makes_that_comparison_not_apply() -> None:
    """A sale at the till has no customer; it was held for a field that nobody has to fill."""
    outcome = judged_with_optional_customer(None)
    (decision,) = outcome.decisions
    assert (decision.state, decision.findings) == ("ready", ())
    verdicts = [v.result for v in outcome.verdicts if v.kind == "duplicates"]
    assert verdicts == ["not_applicable", "pass"]


def test_a_filled_optional_part_is_compared() -> None:
    outcome = judged_with_optional_customer("C-101")
    assert [v.result for v in outcome.verdicts if v.kind == "duplicates"] == ["pass", "pass"]
