"""Read the repository's Python files, their import graph and the word lists of the checks."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PRODUCT_FOLDERS = (
    "grammar",
    "rules",
    "connectors",
    "holding",
    "portal",
    "workers",
    "sandbox",
    "bench",
)
WORD_LISTS = Path(__file__).parent / "word_lists"


@dataclass
class Module:
    """A Python file of the product: its dotted name, path, line count and syntax tree."""

    name: str
    path: Path
    lines: int
    tree: ast.Module
    imports: set[str] = field(default_factory=set)
    runtime_imports: set[str] = field(default_factory=set)

    @property
    def folder(self) -> str:
        """Return the dotted name of the package that contains this module."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


def python_files(root: Path, folders: Iterable[str]) -> Iterator[Path]:
    """Yield every Python file below the given folders, in a stable order."""
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def words(name: str) -> list[str]:
    """Return the lines of a word list, such as "verbs"."""
    return (WORD_LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def load_modules(root: Path, folders: Iterable[str] = PRODUCT_FOLDERS) -> dict[str, Module]:
    """Return the modules by dotted name, each with the product modules that it imports."""
    modules: dict[str, Module] = {}
    for path in python_files(root, folders):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        source = path.read_text(encoding="utf-8")
        modules[name] = Module(name, path, source.count("\n"), ast.parse(source))
    for module in modules.values():
        _collect_imports(module, module.tree.body, modules, runtime=True)
    return modules


def _collect_imports(
    module: Module, body: Iterable[ast.AST], modules: dict[str, Module], *, runtime: bool
) -> None:
    for node in body:
        targets: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                targets.append(submodule if submodule in modules else node.module)
        elif isinstance(node, ast.Import):
            targets += [alias.name for alias in node.names]
        known = {target for target in targets if target in modules} - {module.name}
        module.imports |= known
        if runtime:
            module.runtime_imports |= known
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        is_typing_block = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for attribute in ("body", "orelse", "finalbody", "handlers"):
            block = getattr(node, attribute, None)
            if isinstance(block, list):
                inner = runtime and not is_function and not is_typing_block
                _collect_imports(module, block, modules, runtime=inner)


def find_cycle(modules: dict[str, Module]) -> list[str]:
    """Return the modules of one circle of run-time imports, or an empty list."""
    try:
        TopologicalSorter({m.name: m.runtime_imports for m in modules.values()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
