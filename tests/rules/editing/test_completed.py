"""`completed by TEAM` of a field: read, laid out, checked, named, explained and compared."""

import pytest

from grammar.layout.written import format_text
from grammar.nodes import Field
from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.comparison.difference import difference
from rules.editing.mentions import Symbol, suggest
from rules.editing.symbols import mentions
from rules.rulebook.actions import owned_by
from rules.rulebook.book import build_book
from rules.types.symbol_table import Index, Schemas
from tests.rules.roaster import TEXT

RECORD = TEXT[TEXT.index("record order from") : TEXT.index("record parcel from")]
LAID_OUT = """record note from cafe
    number   text   key
    made_on  date   dated  completed by books
    buyer    text          completed by books
    total    money
"""


def said_by(text: str, field: str) -> str:
    """The rules with a clause at a field of the order, or of its lines."""
    line = next(one for one in RECORD.split("\n") if one.split()[:1] == [field])
    return text.replace(f"{line}\n", f"{line}  completed by books\n", 1)


def found(text: str) -> list[tuple[str, str]]:
    ruleset, problems = parse({"r": text})
    assert problems == ()
    known = {(p.code, p.message) for p in check(parse({"r": TEXT})[0])}
    return [(p.code, p.message) for p in check(ruleset) if (p.code, p.message) not in known]


def test_T21a_a_field_says_who_completes_it() -> None:
    ruleset, problems = parse({"r": said_by(said_by(TEXT, "buyer"), "price")})
    assert problems == ()
    named = {
        f"{record.name}.{field.name}": field.completed.role
        for record in ruleset.records
        for field in record.fields
        if isinstance(field, Field) and field.completed is not None
    }
    assert named == {"order.buyer": "books", "order_line.price": "books"}
    assert (
        format_text(LAID_OUT.replace("  completed", " completed").replace("  text", " text"))
        == LAID_OUT
    )
    assert found(said_by(TEXT, "buyer")) == []


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ("number", "tells records apart"),
        ("status", "is what the source says of its state"),
        ("written_by", "names a person of the source"),
        ("lines", "is all lines at once"),
        ("eyed", "keeps its people from approving"),
    ],
)
def test_T21a_what_people_never_complete_is_told(field: str, why: str) -> None:
    text = TEXT.replace("never    written_by", "never    written_by, eyed")
    told = found(said_by(text, field))
    assert [(code, message) for code, message in told if code == "OWN03"] == [
        ("OWN03", f"'{field}' {why}: people never complete it")
    ]


def test_T21a_who_completes_is_a_declared_team() -> None:
    ((code, message),) = found(
        said_by(TEXT, "buyer").replace("completed by books", "completed by bookz")
    )
    assert code == "OWN01"
    assert "'bookz'" in message


def test_T21a_a_computed_field_has_nobody_to_complete_it() -> None:
    line = next(one for one in TEXT.split("\n") if one.startswith("    bags     = "))
    _, problems = parse({"r": TEXT.replace(line, f"{line} completed by books")})
    assert problems


def test_T21a_names_words_and_differences_follow() -> None:
    text = said_by(TEXT, "buyer")
    ruleset = parse({"r": text})[0]
    index, at = Index(ruleset), text.split("\n")
    places = [m.span for m in mentions(index, {"r": text}) if m.symbol == Symbol("role", "books")]
    assert any("completed by" in at[s.line - 1] for s in places)
    assert all(at[s.line - 1][s.column - 1 : s.end_column - 1] == "books" for s in places)
    typed = f"{text}\nrecord more from cafe\n    tin  text  optional  completed by "
    assert "books" in {one.label for one in suggest(typed, index, Schemas((), ()))}
    assert "a blank buyer of an order" in owned_by(index)["books"]
    told = [entry.text for section in build_book(ruleset).sections for entry in section.entries]
    title = index.roles["books"].title
    wanted = f"{title} may fill in a blank or unreadable buyer of an order; no one else does."
    assert wanted in told
    (change,) = difference(parse({"r": TEXT})[0], ruleset)
    assert change.name == "record order"
    assert any("completed: nothing → by books" in text for text in change.details), change.details
