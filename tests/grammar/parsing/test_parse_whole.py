"""Links, decision tables, billing in parts, reversals and steps become nodes."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from grammar import nodes
from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from grammar.text.problem import Span
from tests.grammar.kit import WAREHOUSE

HERE = Span("", 1, 1, 1, 1)
DRAFTS = sorted((Path(__file__).parents[4] / "shared" / "language").glob("*.rules"))


def words(*names: str) -> tuple[nodes.Word, ...]:
    return tuple(nodes.Word(name, HERE) for name in names)


@pytest.fixture(scope="module")
def store() -> nodes.Ruleset:
    ruleset, problems = parse({"warehouse.rules": WAREHOUSE})
    assert problems == ()
    return ruleset


def test_every_declaration_lands_on_its_shelf(store: nodes.Ruleset) -> None:
    shelves = ("links", "edits", "cancels", "retries", "posts", "reversals", "tests")
    assert [len(getattr(store, name)) for name in shelves] == [2, 2, 1, 1, 2, 1, 2]


def test_a_link(store: nodes.Ruleset) -> None:
    trips, orders = store.links
    assert (trips.name, trips.record, trips.other) == ("trips", "order", "trip")
    assert (trips.theirs, trips.ours, trips.most) == ("order_number", "number", 40)
    assert isinstance(trips.where, nodes.Compare)
    assert trips.action == nodes.Action("hold", "helpdesk", HERE)
    assert orders.where is None


def test_an_edit_and_its_groups(store: nodes.Ruleset) -> None:
    general, narrowed = store.edits
    assert [group.name for group in general.groups] == ["amounts", "party", "rest"]
    assert general.groups[1] == nodes.Group("party", words("buyer", "branch", "placed_on"), HERE)
    assert general.table.head == ("changed", "period")
    rows = general.table.rows
    assert [row.action.kind for row in rows if isinstance(row.action, nodes.Action)] == [
        "credit_and_new",
        "update",
        "review",
        "review",
        "ignore",
    ]
    assert rows[2].cells[0] == nodes.Among(words("amounts", "overbilled", "party"), HERE)
    assert rows[3].cells[1] == nodes.Any_(HERE)
    assert (general.route, str(narrowed.route)) == (None, "books.trip_note")
    assert narrowed.table.rows[0].action == nodes.Action("new_document", None, HERE)


def test_a_cancel_and_its_cells(store: nodes.Ruleset) -> None:
    (cancel,) = store.cancels
    assert cancel.records == words("order", "trip")
    _, age, out, status = cancel.table.rows[1].cells
    assert age == nodes.Compared("<=", nodes.Word("void_window", HERE), HERE)
    assert out == nodes.Among((nodes.Literal("yes_no", False, HERE),), HERE)
    assert status == nodes.Among((nodes.Literal("text", "void", HERE),), HERE)
    over = cancel.table.rows[2].cells[1]
    assert over == nodes.Compared(">", nodes.Literal("duration", timedelta(hours=72), HERE), HERE)


def test_a_cell_may_be_below_zero() -> None:
    text = "on cancel of a\n    | x | do |\n    | < -5, | block |\n"
    assert parse({"a": text})[1]
    ruleset, problems = parse({"a": text.replace("-5,", "-5")})
    assert problems == ()
    five = nodes.Literal("number", Decimal(-5), HERE)
    assert ruleset.cancels[0].table.rows[0].cells == (nodes.Compared("<", five, HERE),)


def test_a_retry(store: nodes.Ruleset) -> None:
    (retry,) = store.retries
    assert (retry.target, retry.table.head) == ("books", ("error",))
    then = nodes.Action("hold", "helpdesk", HERE)
    assert retry.table.rows[0].action == nodes.TryAgain(5, timedelta(seconds=30), then, HERE)
    assert retry.table.rows[1].action == nodes.Action("look_up", None, HERE)


def test_a_bill_and_a_reversal(store: nodes.Ruleset) -> None:
    note, invoice = store.posts
    assert note.bill is None
    shipped, qty = nodes.Name(("line", "shipped"), HERE), nodes.Name(("line", "qty"), HERE)
    assert invoice.bill == nodes.Bill(shipped, qty, nodes.Action("wait", None, HERE), HERE)
    (back,) = store.reversals
    assert (str(back.route), str(back.reversing)) == ("books.credit_note", "books.invoice")
    assert (back.number, back.they_own) == ("CN-{reversed}", ("Remark",))
    assert back.we_own == nodes.Action("block", None, HERE)
    assert [row.name for row in (*back.fields, *back.line_fields)] == ["NoteDate", "Reason"]


def test_a_reversal_needs_no_more_than_its_number() -> None:
    ruleset, problems = parse({"a": 'post o to t.cn reversing t.iv as "CN-{reversed}"\n'})
    assert problems == ()
    back = ruleset.reversals[0]
    assert (back.they_own, back.we_own, back.fields, back.line_fields) == ((), None, (), ())


def test_a_story_in_steps(store: nodes.Ruleset) -> None:
    plain, story = store.tests
    assert plain.steps == ()
    assert [type(fact).__name__ for fact in story.facts] == ["IsMissing", "IsValue", "IsValue"]
    now, cancelled, quiet = story.steps
    assert now.at is None
    assert [type(fact).__name__ for fact in now.facts] == [
        "IsRecords",
        "IsValue",
        "LineValue",
        "IsValue",
    ]
    assert cancelled.at == datetime(2026, 11, 22, 8, 30)  # noqa: DTZ001 - in the source's zone
    assert [type(fact).__name__ for fact in quiet.facts] == ["TargetShows"]
    outcomes = [expect.outcome for expect in story.expects]
    assert [outcome and (outcome.kind, outcome.reason) for outcome in outcomes] == [
        ("credit_and_new", "amounts"),
        None,
        ("try_again", None),
        ("look_up", None),
        ("wait", "bill"),
        ("void", "not_ready"),
    ]
    assert outcomes[2] is not None
    assert outcomes[2].again is not None
    assert outcomes[2].again.times == 5


def test_places_of_rows_are_exact(store: nodes.Ruleset) -> None:
    row = store.cancels[0].table.rows[0]
    lines = WAREHOUSE.split("\n")
    line = next(
        number for number, text in enumerate(lines, 1) if text.endswith("| block            |")
    )
    assert row.span == Span("warehouse.rules", line, 5, line, len(lines[line - 1]) + 1)
    assert (row.action.span.column, row.action.span.end_column) == (54, 59)


@pytest.mark.parametrize("path", DRAFTS, ids=lambda path: path.name)
def test_a_complete_file_parses_and_has_one_layout(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    ruleset, problems = parse({"a": text})
    assert problems == ()
    tidy = format_text(text, "a")
    assert format_text(tidy, "a") == tidy
    assert parse({"a": tidy}) == (ruleset, ())
