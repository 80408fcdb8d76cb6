"""The laws of rooms: where a module lies and its tests, how it is called and how long it is.

Here: what import-linter cannot say. `python tools/rooms.py` lists each fault; without any it ends
with 0. Not here: which room may use which (the contracts in pyproject.toml).
"""

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FLOORS = ("grammar", "rules", "connectors", "holding", "portal", "workers")
ONE_MEANING = ("grammar", "rules", "holding")
"""Where a module's own name means one thing on its whole floor; connectors repeat theirs."""
PASS_ON = {"grammar.nodes", "connectors.contract", "holding.tables"}
"""The packages that may name what others made."""
ALONE = {"grammar.version", "connectors.registry", "holding.refusal", "holding.words", "portal.app"}
"""Modules that stand beside the rooms of their floor."""
ONE_ROOM = {"workers"}
"""Floors that are a room themselves."""
MODULES, LINES, SLIVER = 14, 320, 50

_DRAWERS = """
util utils common misc helper helpers core shared lib general stuff manager managers handler
handlers various other tools support services service data info items things
"""
_VAGUE = """
alike told said lives wishes asking glancing again heard standing around takers pill pills weighing
many leaving tell telling looking look seen wanted beside card stumble broken habits going undoing
posts worlds desk trouble doubts flight tally case quiet moved owed assumed moves wakes later
silences hooks panes signs judging deciding reading
"""
DRAWERS, VAGUE = frozenset(_DRAWERS.split()), frozenset(_VAGUE.split())
"""Names of drawers, and names that say nothing to a newcomer: words of a sentence."""


class Code:
    """The modules of a tree, what each defines, and what each imports."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = {
            ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
            for floor in FLOORS
            for path in sorted((root / floor).rglob("*.py"))
        }
        self.texts = {name: path.read_text("utf-8") for name, path in self.paths.items()}
        self.trees = {name: ast.parse(text) for name, text in self.texts.items()}
        self.defined = {name: set(_defined(tree.body)) for name, tree in self.trees.items()}

    def under_the_laws(self) -> list[str]:
        """The modules with code."""
        return [name for name, path in self.paths.items() if path.name != "__init__.py"]

    def imports(self, module: str) -> Iterator[tuple[int, str, str]]:
        """Line, module and name of everything of ours that a module imports by name."""
        for node in ast.walk(self.trees[module]):
            if isinstance(node, ast.ImportFrom) and node.module in self.paths:
                yield from ((node.lineno, node.module, alias.name) for alias in node.names)

    def at(self, module: str, line: int) -> str:
        """The place of a fault."""
        return f"{self.paths[module].relative_to(self.root)}:{line}"


def faults(code: Code) -> list[str]:
    """Everything that breaks a law, one line each."""
    laws = (_size, _outside, _names, _one_meaning, _where_made, _private, _slivers, _tests)
    return [fault for law in laws for fault in law(code)]


def _size(code: Code) -> Iterator[str]:
    rooms = Counter(name.rpartition(".")[0] for name in code.under_the_laws())
    for room, count in rooms.items():
        if count > MODULES:
            yield f"{room}: {count} modules; a room has at most {MODULES}"
    for name in code.under_the_laws():
        if (lines := code.texts[name].count("\n")) > LINES:
            yield f"{code.at(name, lines)}: {lines} lines; a module has at most {LINES}"


def _outside(code: Code) -> Iterator[str]:
    for name in code.under_the_laws():
        if name.count(".") == 1 and name not in ALONE and name.split(".")[0] not in ONE_ROOM:
            yield f"{code.at(name, 1)}: stands in no room"


def _names(code: Code) -> Iterator[str]:
    for name, path in code.paths.items():
        _, *words = name.split(".")
        if not words:
            continue
        if words[-1] in DRAWERS:
            yield f"{path.relative_to(code.root)}: {words[-1]} is a drawer, no name"
        if words[-1] in VAGUE:
            yield f"{path.relative_to(code.root)}: {words[-1]} says nothing to a newcomer"
        if len(words) > 1 and words[-1] == words[-2]:
            yield f"{path.relative_to(code.root)}: repeats the name of its room"


def _one_meaning(code: Code) -> Iterator[str]:
    called = defaultdict(list)
    for name in code.under_the_laws():
        floor, leaf = name.split(".")[0], name.split(".")[-1]
        if floor in ONE_MEANING:
            called[floor, leaf].append(name)
    yield from (f"{' and '.join(all_)}: one name" for all_ in called.values() if len(all_) > 1)


def _where_made(code: Code) -> Iterator[str]:
    for module in code.paths:
        for line, source, name in code.imports(module):
            made = name in code.defined[source] or f"{source}.{name}" in code.paths
            if not made and source not in PASS_ON:
                yield f"{code.at(module, line)}: {name} is not made in {source}"


def _private(code: Code) -> Iterator[str]:
    for module, tree in code.trees.items():
        modules = {}
        for line, source, name in code.imports(module):
            modules[name] = f"{source}.{name}"
            if _hidden(name) and source != module:
                yield f"{code.at(module, line)}: {name} is private to {source}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                source = modules.get(node.value.id, "")
                if source in code.paths and _hidden(node.attr):
                    yield f"{code.at(module, node.lineno)}: {node.attr} is private to {source}"


def _hidden(name: str) -> bool:
    return re.match(r"_[^_]", name) is not None


def _slivers(code: Code) -> Iterator[str]:
    users = defaultdict(set)
    for module in code.paths:
        for _, source, name in code.imports(module):
            whole = f"{source}.{name}"
            users[whole if whole in code.paths else source].add(module)
    for name in code.under_the_laws():
        process = name.endswith("__main__") or 'if __name__ == "__main__":' in code.texts[name]
        lines = code.texts[name].count("\n")
        if lines >= SLIVER or len(users[name]) != 1 or process:
            continue
        (user,) = users[name]
        if lines + code.texts[user].count("\n") <= LINES:
            yield f"{code.at(name, 1)}: {lines} lines for {user} alone: they belong there"


def _tests(code: Code) -> Iterator[str]:
    tests = code.root / "tests"
    rooms = {path.parent.relative_to(code.root) for path in code.paths.values()}
    for floor in FLOORS:
        modules = [path.relative_to(tests) for path in sorted((tests / floor).rglob("*.py"))]
        for folder in sorted({path.parent for path in modules} - rooms - {Path(floor)}):
            yield f"tests/{folder}: there is no room {folder}"
        for path in () if floor in ONE_ROOM else modules:
            loose = path.parent == Path(floor) and path.name.startswith("test_")
            if loose and f"{floor}.{path.stem.removeprefix('test_')}" not in ALONE:
                yield f"tests/{path}: lies in no room of {floor}"


def _defined(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            yield from re.findall(r"\w+", " ".join(map(ast.unparse, _targets(node))))
        elif isinstance(node, ast.If | ast.Try):
            yield from _defined(node.body)


def _targets(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


if __name__ == "__main__":
    found = faults(Code(ROOT))
    sys.stdout.write("".join(f"{fault}\n" for fault in found) or "The rooms keep their laws.\n")
    sys.exit(bool(found))
