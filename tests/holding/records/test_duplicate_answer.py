"""Question 6: which rules were to find the same thing twice, what they asked, what they found."""

from dataclasses import replace

import pytest

from connectors.contract import Found
from holding.holds import releases
from holding.programs.world import program
from holding.records import lineage, seven_answers, story, trace
from holding.records.seven_answers import Answer
from rules.outcomes import Use
from tests.holding.life import NUMBERED, TABLES, Begun, Life
from tests.holding.shop import FILES, Shop, incoming, order

ALWAYS = "Identity (one id has one number, and one number one id; always in force)"
BY_HISTORY = "    unique by number in history\n"
DEBTOR = "debtor(“C-77”) = Aisyah Rahman, trimmed, any case match"
TWO_WAYS = """
map debtor_of_tin
    match    any punctuation
    "IG-1"   -> "Boon & Co"
    missing  hold for sales_admin  say "TIN {key} is nobody's."

check one_debtor_by_tin on order
    when     tin is known and debtor_of_tin(tin) is known
    require  debtor_of_tin(tin) = debtor(customer)
    else     hold for sales_admin
    say      "TIN {tin} is {debtor_of_tin(tin)}, order {number} is of {debtor(customer)}."
    clears   when it passes
"""


def sixth(shop: Shop, number: str) -> Answer:
    with shop.database.read() as session:
        return trace.answer_questions(session, shop.record(session, number).id)[5]


def two_ways() -> str:
    """Rules that look at the number in the target, too, and know a party in two ways."""
    changes = {
        BY_HISTORY: f"{BY_HISTORY}    unique by document_number in target\n",
        "    created_by  text ": "    tin         text  optional\n    created_by  text ",
        "= status, created_by": "= status, tin, created_by",
        "gate order": f"{TWO_WAYS}\ngate order",
    }
    text = NUMBERED + TABLES
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    return text


@pytest.fixture
def life(begun: Begun) -> Life:
    return begun(FILES | {"shop.rules": two_ways()})


def test_T26a_the_identity_rule_is_named_with_what_it_said(life: Life) -> None:
    life.arrive("A-1")
    assert f" {ALWAYS} said pass." in sixth(life.shop, "A-1").text


def test_T26a_a_conflict_of_identity_is_told_and_its_release(life: Life) -> None:
    shop = life.shop
    life.arrive("A-1", status="pending")
    body = order("A-9", updated_at=shop.now.isoformat())
    one = incoming("order", body, body["updated_at"])
    shop.clock.advance(60)
    shop.deliver([replace(one, external_id="A-1")])
    life.work()
    told = sixth(shop, "A-1")
    was = "It was A-1 before and calls itself A-9 now, under the same id."
    assert (f"{ALWAYS} said conflict: {was}" in told.text, told.tone) == (True, "plain")
    with shop.database.write() as session:
        (hold,) = shop.holds(session, "A-1")
        releases.release(session, shop.actor("lim"), hold.id, "renumbered", shop.now)
    life.work()
    assert f"{ALWAYS} said released: it was A-1, too." in sixth(shop, "A-1").text


def test_T26a_how_the_party_was_matched_is_told(life: Life) -> None:
    life.arrive("A-1")
    told = sixth(life.shop, "A-1")
    assert f" Party matching: {DEBTOR}; one_debtor_by_tin (shop.rules:" in told.text
    assert ") said not applicable. " in told.text
    labels = [proof.label for proof in told.proofs]
    assert {"map debtor", "check one_debtor_by_tin on order"} <= set(labels)


def test_T26a_a_party_that_two_ways_tell_otherwise_is_told(life: Life) -> None:
    life.arrive("A-1", tin="IG1")
    compared = "said two parties, compared"
    assert compared in sixth(life.shop, "A-1").text
    assert "debtor of TIN for TIN = Boon & Co" in sixth(life.shop, "A-1").text


def test_T26a_where_no_duplicate_rule_was_in_force_the_others_are_named(begun: Begun) -> None:
    life = begun(FILES | {"shop.rules": NUMBERED + TABLES})
    life.arrive("A-1")
    assert sixth(life.shop, "A-1").text.endswith(f" Party matching: {DEBTOR}. {ALWAYS} said pass.")


def test_T26b_a_number_in_the_target_is_told_as_it_was_asked(life: Life) -> None:
    life.arrive("A-1")
    text = sixth(life.shop, "A-1").text
    asked = "said pass: no other record here has a document of aiaccount.sales_invoice"
    assert f"{asked} with the number A-1-1. " in text
    assert "(missing)" not in text
    assert " aiaccount itself takes no second document of that number. " in text


def test_T26b_the_rule_tree_shows_the_number_that_was_asked_for(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-2", customer="C-99")
    for number, shown in (("A-1", "A-1-1"), ("A-2", "not known yet")):
        with life.shop.database.read() as session:
            record = life.shop.record(session, number)
            rows = lineage.verdict_rows(session, trace.deciding_evaluation(session, record.id) or 0)
        (row,) = [row for row in rows if "document_number" in dict(row.operands)]
        assert dict(row.operands)["document_number"] == shown


def test_T26b_before_there_is_a_document_its_number_is_not_told(life: Life) -> None:
    life.arrive("A-1", customer="C-99")
    text = sixth(life.shop, "A-1").text
    assert "said pass: no other record here has a document of aiaccount.sales_invoice with" in text


def test_T26b_a_target_that_can_be_searched_was_searched(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Found] = []
    monkeypatch.setattr(type(life.books), "alike", lambda *_: tuple(found), raising=False)
    life.arrive("A-1")
    like = "one of the same party and amount, about the same day, that was not sent from here"
    assert f" Before it was sent, aiaccount was searched for {like}: there was none. " in (
        sixth(life.shop, "A-1").text
    )
    life.arrive("A-2", customer="C-99")
    assert f" Before it is sent, aiaccount is searched for {like}. " in sixth(life.shop, "A-2").text


def test_only_the_party_of_the_header_and_the_rules_of_the_route_are_told(life: Life) -> None:
    """A line may have a field of the same name, and another route has its own rules."""
    life.arrive("A-1")
    with life.shop.database.read() as session:
        case = story.load_case(session, life.shop.record(session, "A-1").id)
        assert case is not None
        assert case.outcome is not None
        assert case.rules is not None
        ruleset = program(session, case.rules.id).ruleset
        header = next(row for row in case.outcome.lineage if row.field == "Customer")
        line = replace(header, line=1, used=(Use("item", "TEA-1", 1, "TEA-1"),))
        more = replace(case.outcome, lineage=(*case.outcome.lineage, line))
        text, _, _ = seven_answers.answer_duplicates(replace(case, outcome=more), ruleset)
        assert f"Party matching: {DEBTOR};" in text
        assert "item(“TEA-1”)" not in text

        assert ", unique by number in history; " in text
        rules = tuple(
            replace(rule, route=replace(rule.route, document="sales_receipt"))
            for rule in ruleset.duplicates
            if rule.route is not None
        )
        assert rules
        other = replace(ruleset, duplicates=rules)
        assert "unique by" not in seven_answers.answer_duplicates(case, other)[0]
