"""Only holding/approvals writes approvals; other modules read the table."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from holding.db.models import Approval

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = (
    "grammar",
    "rules",
    "connectors",
    "holding",
    "portal",
    "workers",
    "sandbox",
    "bench",
)
ROOM = ROOT / "holding" / "approvals"
MADE = ROOT / "holding" / "db" / "models"
READS = {"select", "join", "outerjoin", "aliased", "get", "get_one", "Cover"}
"""Functions that may be given the table: none of them writes it. A Cover seals its rows."""
COLUMNS = set(Approval.__table__.columns.keys()) | {"STANDING"}
SQL = re.compile(r"\b(insert\s+into|update|delete\s+from)\s+approval\b", re.IGNORECASE)


def faults(path: Path, text: str) -> list[str]:
    """Each use of the table in a module that is not one of reading, with its line."""
    if "approval" not in text.lower():
        return []  # the table cannot be named without it
    tree = ast.parse(text)
    names = set(_names(tree))
    found = [*_given_away(tree, names), *_written(tree, names), *_in_words(tree)]
    return [f"{path}:{line}: {said}" for line, said in sorted(found)]


def _names(tree: ast.Module) -> Iterator[str]:
    """What the module calls the table."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("holding.db.models"):
            yield from (one.asname or one.name for one in node.names if one.name == "Approval")


def _given_away(tree: ast.Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """The table as a value of its own: made, put into a tuple, given to what may write."""
    allowed = {id(inner) for node in ast.walk(tree) for inner in _reading(node)}
    for node in ast.walk(tree):
        mine = isinstance(node, ast.Name) and node.id in names
        through = isinstance(node, ast.Attribute) and node.attr == "Approval"
        if (mine or through) and id(node) not in allowed:
            yield getattr(node, "lineno", 0), "the table is used for more than reading"


def _reading(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node where the table may stand."""
    if isinstance(node, ast.Attribute) and node.attr in COLUMNS:
        yield node.value
    elif isinstance(node, ast.Call) and _called(node) in READS:
        yield from node.args
    elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        yield from ast.walk(node.annotation)
    elif isinstance(node, ast.FunctionDef) and node.returns is not None:
        yield from ast.walk(node.returns)


def _called(node: ast.Call) -> str:
    called = node.func
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def _written(tree: ast.Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """A column set on a row, in a module that knows the table."""
    if not names:
        return
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr in COLUMNS:
                yield target.lineno, f"sets {target.attr} on a row"
        if isinstance(node, ast.Call) and _called(node) == "setattr":
            yield node.lineno, "sets a column by its name"


def _in_words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """A statement as text."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and SQL.search(node.value)
        ):
            yield node.lineno, "a text that writes the table"


@pytest.mark.slow
def test_nobody_but_approvals_writes_approvals() -> None:
    found = [
        fault
        for floor in PRODUCT
        for path in sorted((ROOT / floor).rglob("*.py"))
        if not {ROOM, MADE} & set(path.parents)
        for fault in faults(path.relative_to(ROOT), path.read_text("utf-8"))
    ]
    assert found == []


IMPORT = "from holding.db.models import Approval, Release\n"


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        (f"{IMPORT}session.add(Approval(level='x'))", "more than reading"),
        (f"{IMPORT}session.execute(update(Approval).values(voided_at=None))", "more than reading"),
        (f"{IMPORT}session.execute(delete(Approval))", "more than reading"),
        (f"{IMPORT}bulk.insert(session, Approval, rows)", "more than reading"),
        (f"{IMPORT}bulk.update(session, Approval, rows)", "more than reading"),
        (f"{IMPORT}for of in (Approval, Release):\n    update(of)", "more than reading"),
        (f"{IMPORT}WHOLE = Approval.__table__", "more than reading"),
        ("from holding.db.models import Approval as A\nupdate(A)", "more than reading"),
        ("from holding.db.models.decisions import Approval\nupdate(Approval)", "more than reading"),
        ("from holding.db import models\nupdate(models.Approval)", "more than reading"),
        (f"{IMPORT}one: Approval = rows[0]\none.voided_at = now", "sets voided_at on a row"),
        (f"{IMPORT}setattr(one, 'hash', '')", "sets a column by its name"),
        ("text('UPDATE approval SET voided_at = NULL')", "a text that writes"),
        ("text('''insert  into approval (id) values (1)''')", "a text that writes"),
    ],
)
def test_a_writer_elsewhere_is_told(planted: str, said: str) -> None:
    found = faults(Path("holding/holds/planted.py"), planted)
    assert found, planted
    assert said in found[0]


def test_reading_is_free() -> None:
    read = (
        f"{IMPORT}def of(one: Approval) -> tuple[Approval, ...]:\n"
        "    query = select(Approval).join(Approval, Approval.posting_id == 1)\n"
        "    return tuple(session.scalars(query.where(Approval.voided_at.is_(None))))\n"
        "SAY = 'Nobody may update approvals'\n"
    )
    assert faults(Path("holding/records/planted.py"), read) == []
