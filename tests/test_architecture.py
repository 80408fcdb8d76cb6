"""The floors keep to themselves: import contracts, package list, no relative imports."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("grammar", "rules", "connectors", "holding", "portal", "workers")
SIMULATORS = ROOT / "connectors" / "simulators"
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

COMMANDS = {
    ROOT / "portal" / room
    for room in ("backtest", "bench", "cli", "demo", "rule_tools", "terminal")
}
"""Rooms of commands: each loads what it needs when it runs, so that a command starts fast."""
PROCESSES = {ROOT / "connectors" / "kit" / "workbook_child.py"}
"""Modules that are started as often as commands: for each workbook."""

STANDARD = {"collections.abc", "datetime", "decimal", "json", "re", "typing", "zlib"}

MACHINERY = {
    f"connectors.{name}"
    for name in (
        *("transport.clock", "transport.strict_json"),
        *("simulators.base.control", "simulators.base.scripted"),
        *("simulators.base.server", "simulators.base.shop", "simulators.base.market"),
        "simulators.base.order_scenarios",
        *("kit.confined_process", "kit.delivery_limits", "kit.sheet_tables"),
        *("kit.workbook", "kit.workbook_child"),
    )
}
"""What of ours a stand-in may use: none of it knows what any target says."""


def test_the_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def test_T33a_a_stand_in_reaches_nothing_of_its_client() -> None:
    graph = grimp.build_graph("connectors")
    stand_ins = {path.parent.name for path in SIMULATORS.glob("*/__main__.py")}
    shops = {"lazada", "netshop", "shopee", "shopify", "woocommerce"}
    ways = {"autocount", "autocount_aotg", "autocount_excel"}
    assert stand_ins - shops == {"aiaccount", "quickbooks", *ways}
    for name in stand_ins:
        own = f"connectors.simulators.{name}"
        assert _reached(graph, own) <= MACHINERY
        side, what = ("sources", "connector") if name in shops else ("targets", "documents")
        client = f"connectors.{side}.{name}.{what}"
        graph.add_import(importer=f"{own}.api", imported=client)
        assert client in _reached(graph, own)
    assert _reached(graph, "connectors.simulators.netshop.deliveries") == set()


def test_T33a_the_contract_of_the_stand_ins_names_all_that_a_client_is_made_of() -> None:
    (contract,) = [
        one
        for one in CONFIG["tool"]["importlinter"]["contracts"]
        if one["type"] == "forbidden" and one["source_modules"] == ["connectors.simulators"]
    ]
    assert "allow_indirect_imports" not in contract
    assert "ignore_imports" not in contract
    client = {f"connectors.{name}" for name in ("registry", "sources", "targets")}
    formats = {"connectors.contract", "connectors.kit.preflight"}
    assert set(contract["forbidden_modules"]) == client | formats


def test_one_module_outside_holding_speaks_sqlalchemy() -> None:
    """A database is a source: the one exception, and of one module (docs/decisions/0099)."""
    [contract] = [
        one
        for one in CONFIG["tool"]["importlinter"]["contracts"]
        if one["name"] == "Only holding imports sqlalchemy and alembic"
    ]
    assert contract["ignore_imports"] == ["connectors.sources.sql.database -> sqlalchemy"]
    assert contract["source_modules"] == ["portal", "workers", "connectors"]
    taken = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "connectors").rglob("*.py")
        for name in _imported(ast.parse(path.read_text("utf-8")))
        if name.split(".")[0] in {"sqlalchemy", "alembic", "psycopg", "pymysql", "pymssql"}
    }
    assert taken == {"connectors/sources/sql/database.py"}


def test_every_package_is_a_known_floor() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert found == set(FLOORS)
    assert tuple(CONFIG["tool"]["importlinter"]["root_packages"]) == FLOORS
    assert tuple(CONFIG["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == FLOORS


@pytest.mark.parametrize("floor", FLOORS)
def test_every_package_says_whose_it_is(floor: str) -> None:
    tree = ast.parse((ROOT / floor / "__init__.py").read_text("utf-8"))
    assert (ast.get_docstring(tree) or "").startswith(f"Clearpost {floor}:")


def test_every_module_says_what_lives_in_it() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if path.stat().st_size and not re.match('(#.*\n)*r?"""', path.read_text("utf-8"))
    ]
    assert silent == []


def test_a_module_says_what_lives_in_it_once() -> None:
    """A second list, behind what is not there, tells of two ideas in one module."""
    assert [
        str(path.relative_to(ROOT))
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if "\nAlso here:" in path.read_text("utf-8")
    ] == []


INDENTED_IMPORT = re.compile(r"^[ \t]+(import|from)\s", re.MULTILINE)
"""Only what has one is parsed: a tree of every module takes a second of each law."""


def test_functions_import_nothing_outside_the_rooms_of_commands() -> None:
    hidden = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if not COMMANDS.intersection(path.parents) and path not in PROCESSES
        for text in [path.read_text("utf-8")]
        if INDENTED_IMPORT.search(text)
        for outer in ast.walk(ast.parse(text))
        if isinstance(outer, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(outer)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]
    assert hidden == []


def test_acceptance_tests_import_nothing_of_ours() -> None:
    ours = [
        f"{path.name}: {name}"
        for path in (ROOT / "tests" / "acceptance").glob("*.py")
        for name in _imported(ast.parse(path.read_text("utf-8")))
        if name.split(".")[0] in FLOORS
    ]
    assert ours == []


def test_the_constraints_name_no_registry() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert lines
    assert all("==" in line and "://" not in line and not line.startswith("-") for line in lines)
    assert not any(line.startswith("fakeredis") for line in lines)


def _reached(graph: grimp.ImportGraph, package: str) -> set[str]:
    """What a package imports, also through others, outside itself."""
    found = graph.find_upstream_modules(package, as_package=True)
    return {one for one in found if not one.startswith(f"{package}.")}


def _imported(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


def test_a_migration_stands_alone() -> None:
    """What a version did to a database changes neither with the product nor with another one."""
    files = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    assert len(files) >= 16
    for path in files:
        assert _taken_in(path.read_text("utf-8")) <= {"sqlalchemy", "alembic.op"} | STANDARD, path


def _taken_in(text: str) -> set[str]:
    """What a module imports, of alembic name by name."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "alembic":
            found |= {f"alembic.{one.name}" for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module))
    return found


STATE_WORDS = ("state", "posting_state", "record_state", "breaker", "retry")
SAYS_STATE = re.compile(rf"\b({'|'.join(STATE_WORDS)})\b")
PARTS_OF_KEYS = ("cause_key", "clears")
SAYS_KEY = re.compile(rf"\b({'|'.join(PARTS_OF_KEYS)})\b")
TAKING_APART = {"split", "rsplit", "partition", "rpartition", "startswith", "removeprefix"}


def _texts_beside_states(text: str) -> list[str]:
    """Where a state is compared with a bare text, or asked for by one."""
    found = []
    for node in ast.walk(ast.parse(text)) if SAYS_STATE.search(text) else ():
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and _last(node.func) in {"in_", "not_in"}:
            sides = [getattr(node.func, "value", node.func), *node.args]
        else:
            continue
        if any(_last(one) in STATE_WORDS for one in sides) and any(map(_is_text, sides)):
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


def _texts_set_as_states(text: str) -> list[str]:
    """Where a row of a model gets a bare text as its state."""
    return [
        f"{word.value.lineno}: {ast.unparse(word.value)}"
        for node in (ast.walk(ast.parse(text)) if SAYS_STATE.search(text) else ())
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg in STATE_WORDS and _is_text(word.value)
    ]


def _keys_taken_apart(text: str) -> list[str]:
    """Where the key of a cause, or what ends a hold, is read as a text."""
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in (ast.walk(ast.parse(text)) if SAYS_KEY.search(text) else ())
        if isinstance(node, ast.Call)
        and _last(node.func) in TAKING_APART
        and any(_last(one) in PARTS_OF_KEYS for one in ast.walk(node.func))
    ]


def _last(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Tuple | ast.Set | ast.List):
        return any(map(_is_text, node.elts))
    if isinstance(node, ast.IfExp):
        return _is_text(node.body) or _is_text(node.orelse)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != ""


LAWS = {
    "compared": (
        _texts_beside_states,
        ['x = row.state == "open"', 'x = state in {"held"}', 'q.where(H.state.in_(("open", "o")))'],
    ),
    "set": (_texts_set_as_states, ['Hold(state="open")', 'q.values(state="a" if b else OPEN)']),
    "taken apart": (
        _keys_taken_apart,
        ['f.cause_key.partition(":")', 'str(h.clears).startswith("by:")', 'a.cause_key.split(":")'],
    ),
}


@pytest.mark.parametrize("law", LAWS)
def test_states_and_keys_are_no_bare_texts(law: str) -> None:
    found, broken = LAWS[law]
    for planted in broken:
        assert len(found(planted)) == 1, planted
    assert found("x = row.state == HoldState.OPEN or row.kind == 'open'\nf.cause_key.kind") == []
    assert [
        f"{path.relative_to(ROOT)}:{place}"
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*.py")
        if "simulators" not in path.parts
        for place in found(path.read_text("utf-8"))
    ] == []


ANY = {
    "backtest/record_lines.py": "structs that msgspec makes of dataclasses while it runs",
    "bench/editor_bench.py": "messages of the language server, as they come",
    "bench/rivals.py": "invoices as JSON has them, and a rival that is not always installed",
    "bench/order_by_hand.py": "invoices as JSON has them: narrowing them would be measured too",
    "bench/rule_bench.py": "invoices as JSON has them: narrowing them would be measured too",
    "bench/shop_bench.py": "a query, whose type only sqlalchemy names",
    "api/openapi.py": "a JSON document of any depth, as its standard has it",
    "hold_views/hold_filter.py": "the words of an address, which flask takes as they come",
    "hold_views/hold_facets.py": "a word of a filter, which is a number or a text",
    "totals/daily_page.py": "the words of an address, which flask takes as they come",
    "web/frame.py": "the words of an address, which flask takes as they come",
    "lists/downloads.py": "the words of an address, which flask takes as they come",
    "demo/progress.py": "the terms of a query, whose type only sqlalchemy names",
}
"""The modules of portal that may say `Any`, each with its reason."""


def test_portal_says_any_only_with_a_reason() -> None:
    for planted in (
        "from typing import Any",
        "import typing\ndef f(x: typing.Any) -> None: ...",
        "from typing import TYPE_CHECKING, Any as Whatever",
    ):
        assert _says_any(planted), planted
    assert not _says_any('"""Any of them."""\ndef f(x: object) -> bool: return any((x,))')
    found = {
        str(path.relative_to(ROOT / "portal"))
        for path in (ROOT / "portal").rglob("*.py")
        if _says_any(path.read_text("utf-8"))
    }
    assert found == set(ANY)


def _says_any(text: str) -> bool:
    """Whether a module takes `Any` from typing, which it must before an annotation may name it."""
    nodes = list(ast.walk(ast.parse(text))) if "Any" in text else []
    taken = {one.name for node in nodes if isinstance(node, ast.ImportFrom) for one in node.names}
    return "Any" in taken or any(isinstance(n, ast.Attribute) and n.attr == "Any" for n in nodes)
