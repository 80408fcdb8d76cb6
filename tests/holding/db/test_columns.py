"""Rows become objects by the names of their columns: neither a person nor a tool swaps two unseen.

Here: what may stand in the code, what the type checker sees, what a template refuses. Not here:
what any query finds.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from holding.db.bulk import Columns, named, of
from holding.db.models import Connection, Record
from tests.support.shop import Shop, order

ROOT = Path(__file__).parents[3]
ROWS = ("execute", "tuples", "all", "one", "one_or_none", "first")


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for package in ("holding", "workers", "portal"):
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def test_T34a_the_positional_helpers_are_gone() -> None:
    rows = import_module("holding.db.database")
    assert not {"each", "first"} & set(vars(rows))


_SNIPPET = """
from dataclasses import dataclass

from sqlalchemy import func

from holding.db.bulk import Columns, known, of
from holding.db.models import Posting


@dataclass(frozen=True, slots=True)
class Line:
    id: int
    number: str
    book: int | None
    tries: int


LINE = Columns(
    Line(
        id={id},
        number={number},
        book={book},
        tries={tries},
    )
)
"""
_RIGHT = {
    "id": "of(Posting.id)",
    "number": "of(Posting.number)",
    "book": "of(Posting.book)",
    "tries": "of(func.coalesce(Posting.tries, 0).label('tries'))",
}
_SWAPPED = _RIGHT | {"id": _RIGHT["number"], "number": _RIGHT["id"]}
_EMPTY = _RIGHT | {"tries": "of(Posting.book)"}  # it may be None


def test_T34b_the_type_checker_sees_two_swapped_columns(tmp_path: Path) -> None:
    written = {"right": _RIGHT, "swapped": _SWAPPED, "empty": _EMPTY}
    paths = {name: tmp_path / f"{name}.py" for name in written}
    for name, columns in written.items():
        paths[name].write_text(_SNIPPET.format(**columns))
    config = ("--config-file", str(ROOT / "pyproject.toml"))
    run = subprocess.run(
        (sys.executable, "-m", "mypy", *config, *map(str, paths.values())),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in run.stdout.splitlines() if ": error: " in line]
    told = {name: [line for line in errors if f"{name}.py" in line] for name in written}
    assert {name: len(lines) for name, lines in told.items()} == {
        "right": 0,
        "swapped": 2,
        "empty": 1,
    }, run.stdout + run.stderr
    assert len(errors) == 3
    assert (
        'Argument "id" to "Line" has incompatible type "str"; expected "int"' in told["swapped"][0]
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """Two texts, another table's text and a number."""

    number: str
    external_id: str
    source: str
    records: int


_source = aliased(Connection, name="source")
_RECORDS = func.count().label("records")
_RENAMED = {"source": "source.name"}
_RIGHT_ONE = Seen(
    number=of(Record.number),
    external_id=of(Record.external_id),
    source=of(_source.name),
    records=of(_RECORDS),
)


def _seen(**swapped: object) -> Seen:
    found = {name: getattr(_RIGHT_ONE, name) for name in Seen.__slots__}
    return Seen(**(found | swapped))


@pytest.mark.parametrize(
    ("pattern", "renamed", "told"),
    [
        (
            _seen(number=of(Record.external_id), external_id=of(Record.number)),
            _RENAMED,
            "Seen.number reads record.external_id",
        ),
        (_seen(source=of(Record.number)), _RENAMED, "Seen.source reads record.number"),
        (_seen(source=of(Connection.name)), _RENAMED, "Seen.source reads connection.name"),
        (_seen(), {}, "Seen.source reads source.name"),
        (
            _seen(number=of(Record.external_id.label("number"))),
            _RENAMED,
            "Seen.number reads record.external_id",
        ),
        (_seen(records=of(func.count())), _RENAMED, "Seen.records reads ."),
        (_seen(), {**_RENAMED, "sauce": "source.name"}, "Seen has no column in sauce"),
    ],
)
def test_T34c_a_column_in_a_field_of_another_name_is_refused(
    pattern: Seen, renamed: dict[str, str], told: str
) -> None:
    assert Columns(_RIGHT_ONE, _RENAMED).labelled
    with pytest.raises(ValueError, match=told):
        Columns(pattern, renamed)


def test_T34c_templates_are_made_and_so_compared_when_their_module_is_loaded() -> None:
    """What is refused is refused at the start, and not by the page that asks for it first."""
    at_once, later = 0, []
    for path, tree in _trees():
        loaded = {
            id(one) for top in tree.body if isinstance(top, ast.Assign) for one in ast.walk(top)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Columns":
                at_once += id(node) in loaded
                later += [path] if id(node) not in loaded else []
                import_module(path.removesuffix(".py").replace("/", "."))
    assert at_once > 30
    of_a_subquery = [
        "holding/reconciliation/document_sides.py",
        "holding/worklist/facets.py",
        "holding/worklist/groups.py",
    ]
    assert sorted(later) == of_a_subquery  # that of the filter


def test_T34_values_go_by_name_whatever_the_order_of_the_statement(shop: Shop) -> None:
    shop.arrive(order("1001"))
    plain = Seen(
        number=of(Record.number), external_id=of(Record.external_id), source="-", records=7
    )
    columns = Columns(plain)
    turned = select(Record.id, Record.external_id, Record.number)
    with shop.database.read() as session:
        row = session.execute(turned).one()
        wanted = Seen(number=row.number, external_id=row.external_id, source="-", records=7)
        assert row.number != row.external_id
        assert columns.each(session.execute(turned)) == (wanted,)
        assert columns.first(session.execute(columns.select(Record.id))) == wanted
        assert columns.first(session.execute(columns.select().where(Record.id < 0))) is None
        with pytest.raises(ValueError, match="external_id"):
            columns.reader(session.execute(select(Record.number)))


def test_rows_are_named_tuples_by_the_names_of_their_query(shop: Shop) -> None:
    shop.arrive(order("NS-1"), order("NS-2"))
    query = select(Record.number.label("told"), Record.id, Record.state).order_by(Record.id)
    with shop.database.read() as session:
        rows, asked = named(session.execute(query)), session.execute(query).all()
    assert rows == [tuple(one) for one in asked]
    told = [(one.told, one.id, one.state) for one in rows]
    assert told == [(one.told, one.id, one.state) for one in asked]
