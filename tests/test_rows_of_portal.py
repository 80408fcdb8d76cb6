"""Portal holds no rows of tables: it imports none, and no service that it calls answers one."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLES = "holding.tables"
OF_TABLES = {"holding.tables.columns", "holding.tables.row_states"}
"""What portal may take of the tables: exact values and the words of states, no rows."""
TOOLS = {"bench", "demo"}
"""Folders of portal that read rows of their own: what the sample shows of itself, and what a
measuring counts or asks for many times a second, is of no use to anybody else.
"""


@dataclass(frozen=True)
class Answer:
    """What a name of a service hands on: every other name that its annotations speak of."""

    name: str
    speaks_of: frozenset[str]


def test_pages_hold_no_rows_of_tables() -> None:
    planted = "from holding.tables import Hold\nfrom holding.tables.row_states import HoldState"
    assert _of_tables(planted) == ["holding.tables"]
    assert [
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "portal").rglob("*.py")
        if not TOOLS & set(path.relative_to(ROOT / "portal").parts[:-1])
        for name in _of_tables(path.read_text("utf-8"))
    ] == []


def test_no_service_answers_portal_with_a_row() -> None:
    giving = _giving_rows(list(_answers()))
    assert [
        f"{path.relative_to(ROOT)}:{place}"
        for path in (ROOT / "portal").rglob("*.py")
        for place in _handed_rows(path.read_text("utf-8"), giving)
    ] == []


def test_a_row_is_seen_inside_whatever_carries_it() -> None:
    module = ast.parse(
        "from holding.tables import Hold\n"
        "class Left:\n    hold: 'Hold | None'\n"
        "class Plan:\n    def first(self) -> Left: ...\n    _own: Hold\n"
        "class Quiet:\n    _own: Hold\n    def _first(self) -> Hold: ...\n"
        "def bare() -> Hold | Refusal: ...\n"
        "def carried() -> dict[int, Plan]: ...\n"
        "def given(hold: Hold) -> Quiet: ...\n"
    )
    giving = _giving_rows(list(_of_module("holding.x", module)))
    assert giving == {f"holding.x.{name}" for name in ("Left", "Plan", "bare", "carried")}
    for asked in (
        "from holding import x\nx.bare()",
        "from holding.x import carried as c\nc()",
        "def late():\n    from holding import x as y\n    return y.Plan",
    ):
        assert len(_handed_rows(asked, giving)) == 1, asked
    assert _handed_rows("from holding import x\nx.given(1)\nbare()", giving) == []


def _of_tables(text: str) -> list[str]:
    return [
        module
        for module, _ in _taken(ast.parse(text)).values()
        if module.startswith(TABLES) and module not in OF_TABLES
    ]


def _answers() -> Iterator[Answer]:
    for path in (ROOT / "holding").rglob("*.py"):
        if "tables" not in path.parts:
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield from _of_module(module, ast.parse(path.read_text("utf-8")))


def _of_module(module: str, tree: ast.Module) -> Iterator[Answer]:
    """The functions and classes of a module, with what a caller gets to see of them."""
    taken = _taken(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            said = [node] if isinstance(node, ast.FunctionDef) else node.body
            words = {word for one in said for word in _words(_annotation(one))}
            meant = {".".join(taken.get(word, (module, word))) for word in words}
            yield Answer(f"{module}.{node.name}", frozenset(meant))


def _annotation(node: ast.stmt) -> ast.expr | None:
    """What a function answers or a field holds; nothing where only its own module may ask."""
    if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
        return node.returns
    if isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_"):
        return node.annotation
    return None


def _words(annotation: ast.expr | None) -> Iterator[str]:
    for node in ast.walk(annotation) if annotation else ():
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _words(ast.parse(node.value, mode="eval").body)


def _giving_rows(told: list[Answer]) -> set[str]:
    """Whatever hands on a row, itself or inside something that does."""
    rows = _rows()
    while more := {one.name for one in told if one.speaks_of & rows} - rows:
        rows |= more
    return {name for name in rows if not name.startswith(TABLES)}


def _rows() -> set[str]:
    """The models, under both names that a module may take them by."""
    tree = ast.parse((ROOT / "holding" / "tables" / "__init__.py").read_text("utf-8"))
    made = {".".join(one) for one in _taken(tree).values()}
    return made | {f"{TABLES}.{one.rpartition('.')[2]}" for one in made}


def _handed_rows(text: str, giving: set[str]) -> list[str]:
    """Where a module asks for what answers with a row."""
    tree = ast.parse(text)
    taken = {name: ".".join(found) for name, found in _taken(tree).items()}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked = f"{taken.get(node.value.id)}.{node.attr}"
        elif isinstance(node, ast.Name):
            asked = taken.get(node.id, "")
        else:
            continue
        if asked in giving:
            found.append(f"{node.lineno}: {asked}")
    return found


def _taken(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Name -> the module that it is taken from, and what it is called there."""
    return {
        one.asname or one.name: (node.module or "", one.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for one in node.names
    }
