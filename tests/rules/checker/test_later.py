"""What is judged and not carried out yet: each is refused once before rules come into force."""

import re
from pathlib import Path

import pytest

from connectors.contract.schema import DocumentSchema, FieldSchema, KindSchema
from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from rules.checker.all_checks import check, not_yet
from rules.types.symbol_table import Schemas
from tests.rules.kedai import TEXT

PAGE = (Path(__file__).parents[3] / "docs" / "findings" / "SYN40.md").read_text("utf-8")
TABLE = "    | period | do    |\n    | -      | ACTION |\n"
NOW = ("review by accounts", "block", "ignore", "new document", "credit note and new")


def found(text: str, *, in_force: bool = True) -> list[Problem]:
    ruleset, broken = parse({"kedai.rules": text})
    assert broken == ()
    return [p for p in check(ruleset, in_force=in_force) if p.code in {"SYN40", "OWN02"}]


def errors(text: str) -> list[str]:
    return [p.code for p in found(text)]


def table(head: str, action: str) -> str:
    return f"{TEXT}\n{head}\n{TABLE.replace('ACTION', action)}"


@pytest.mark.parametrize("route", ["", " for aiaccount.sales_invoice"])
def test_an_update_is_refused_where_the_target_has_none(route: str) -> None:
    text = table(f"on edit of order{route}\n    all = total", "update")
    (problem,) = found(text)
    assert (problem.code, problem.span.line) == ("SYN40", len(text.splitlines()))
    assert "aiaccount does not offer" in problem.message
    assert problem.hint
    assert found(text, in_force=False) == []


def test_so_is_a_void() -> None:
    assert errors(table("on cancel of order", "void")) == ["SYN40"]


@pytest.mark.parametrize("action", NOW)
def test_an_answer_that_leaves_it_as_it_is_may_come_into_force(action: str) -> None:
    assert errors(TEXT) == []
    assert errors(table("on edit of order\n    all = total", action)) == []


def test_further_steps_of_a_test_may_come_into_force() -> None:
    story = '\ntest "later"\n    given tea\n    then  status = cancelled\n'
    assert errors(TEXT + story + "    expect aiaccount.sales_invoice posted\n") == []


def test_a_retry_table_may_come_into_force() -> None:
    retry = "\nretry aiaccount\n    | error | do |\n    | business_rule | hold for accounts |\n"
    assert "SYN40" not in errors(TEXT + retry)


def test_an_action_of_a_table_cannot_stand_elsewhere() -> None:
    for action in ("update", "void", "new document", "credit note and new", "look up first"):
        text = TEXT.replace("    else     hold for accounts\n", f"    else     {action}\n", 1)
        assert text != TEXT
        assert errors(text) == ["OWN02"]


def test_the_page_of_the_finding_shows_it() -> None:
    wrong, right = re.findall(r"```rules(?: wrong)?\n(.*?)```", PAGE, re.DOTALL)
    assert "SYN40" in errors(f"{TEXT}\n{wrong}")
    assert "SYN40" not in errors(f"{TEXT}\n{right}")


def world(*, connected: bool, needed: str = "number") -> Schemas:
    """A target and a source that the example speaks of, with or without a connector."""
    number = (FieldSchema(name=needed, needed=needed != "number"),)
    invoice = DocumentSchema(
        target="aiaccount",
        name="sales_invoice",
        title="",
        header=number,
        lines=number,
        number_field="number",
        number_max=50,
        date_field="number",
        party_field="number",
        connected=connected,
    )
    order = KindSchema(source="netshop", kind="order", fields=number, connected=connected)
    return Schemas(documents=(invoice,), kinds=(order,))


def test_what_no_connector_serves_is_refused_by_name() -> None:
    ruleset = parse({"kedai.rules": TEXT})[0]
    told = {p.message.partition(": ")[2] for p in not_yet(ruleset, world(connected=False))}
    assert "posting to 'aiaccount.sales_invoice'" in told
    assert "'order' from 'netshop'" in told
    assert not_yet(ruleset, world(connected=True)) == not_yet(ruleset)
    everything = {p.message for p in check(ruleset, world(connected=False))}
    assert {m for m in everything if "posting to" in m}
    tested = {p.code for p in check(ruleset, world(connected=False), in_force=False)}
    assert "SYN40" not in tested


def test_what_a_connector_needs_for_a_new_document_is_asked_for_by_name() -> None:
    ruleset = parse({"kedai.rules": TEXT})[0]

    def told(needed: str) -> list[str]:
        found = not_yet(ruleset, world(connected=True, needed=needed))
        assert all(f"Add: {needed} = " in p.hint for p in found if "without" in p.message)
        return [p.message.partition(" without ")[2] for p in found if "without" in p.message]

    assert told("Term") == ["Term", "Term in each line"]
    assert told("InvoiceNumber") == ["InvoiceNumber in each line"]
    assert told("Quantity") == ["Quantity"]
