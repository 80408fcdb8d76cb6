"""Read the product's Python files and their import graph. Used by the other scripts in this folder."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PRODUCT_FOLDERS = ("grammar", "rules", "connectors", "holding", "portal", "workers")


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
        is_typing_block = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for attribute in ("body", "orelse", "finalbody", "handlers"):
            block = getattr(node, attribute, None)
            if isinstance(block, list):
                inner = runtime and not is_function and not is_typing_block
                _collect_imports(module, block, modules, runtime=inner)


def find_cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected groups of more than one node (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    cycles: list[list[str]] = []
    for start in graph:
        if start in index:
            continue
        work: list[tuple[str, Iterator[str]]] = []
        _open(start, graph, index, low, stack, on_stack, work)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in index:
                    _open(target, graph, index, low, stack, on_stack, work)
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = stack[stack.index(node) :]
                    del stack[stack.index(node) :]
                    on_stack.difference_update(group)
                    if len(group) > 1:
                        cycles.append(sorted(group))
    return cycles


def _open(node, graph, index, low, stack, on_stack, work) -> None:
    index[node] = low[node] = len(index)
    stack.append(node)
    on_stack.add(node)
    work.append((node, iter(sorted(graph.get(node, ())))))
