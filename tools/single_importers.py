"""Check module sizes, and list modules to merge because one module of their folder imports them.

A module and its only importer are listed when both together stay within the size limit. An entry
point (`__main__.py`) does not count as an importer: importing is all it does. A module below 80
lines needs the reason in its docstring, with the word "because"; `__init__.py` and `__main__.py`
need none. Exit code 1 when a module is too long, too short without a reason, part of
a circle of imports, or when more modules than the ceiling have a single importer.

    python tools/single_importers.py --ceiling 15
"""

import argparse
import ast
import sys
from collections import defaultdict
from pathlib import Path

from source_tree import PRODUCT_FOLDERS, Module, find_cycle, load_modules

MIN_LINES = 80
MAX_LINES = 800
REASON = " because "
ENTRY_POINTS = ("__init__.py", "__main__.py")


def modules_to_merge(modules: dict[str, Module]) -> list[tuple[Module, Module]]:
    """Return each module that only one module of its folder imports, with this importer."""
    importers: dict[str, list[Module]] = defaultdict(list)
    for module in modules.values():
        for target in module.imports:
            importers[target].append(module)
    return [
        (modules[name], users[0])
        for name, users in sorted(importers.items())
        if len(users) == 1 and _can_merge(modules[name], users[0])
    ]


def _can_merge(module: Module, importer: Module) -> bool:
    return (
        module.path.name not in ENTRY_POINTS
        and importer.path.name not in ENTRY_POINTS
        and importer.folder == module.folder
        and module.lines + importer.lines <= MAX_LINES
    )


def modules_of_wrong_size(modules: dict[str, Module]) -> list[str]:
    """Return a line for each module that is too long, or too short without a reason."""
    problems = []
    for module in modules.values():
        if module.lines > MAX_LINES:
            problems.append(f"{module.name} has {module.lines} lines, the limit is {MAX_LINES}")
        elif module.lines < MIN_LINES and module.path.name not in ENTRY_POINTS:
            docstring = " ".join((ast.get_docstring(module.tree) or "").split())
            if REASON not in docstring:
                problems.append(f"{module.name} has {module.lines} lines and gives no reason")
    return problems


def main() -> int:
    """Print the modules to merge and the sizes, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="repository root")
    parser.add_argument(
        "--folders", nargs="+", default=PRODUCT_FOLDERS, help="top-level folders to read"
    )
    parser.add_argument("--ceiling", type=int, help="highest allowed number of such modules")
    parser.add_argument("--list", action="store_true", help="print every pair")
    options = parser.parse_args()
    modules = load_modules(options.root, options.folders)
    pairs = modules_to_merge(modules)
    if options.list:
        for module, importer in pairs:
            print(f"{module.lines:5} {module.name} -> {importer.name} ({importer.lines})")
    sizes = sorted(m.lines for m in modules.values() if m.path.name not in ENTRY_POINTS)
    print(f"modules {len(sizes)}, median {sizes[len(sizes) // 2]} lines, longest {sizes[-1]}")
    print(f"modules with a single importer in their folder: {len(pairs)}")
    problems = modules_of_wrong_size(modules)
    if cycle := find_cycle(modules):
        problems.append(f"circular imports: {' -> '.join(cycle)}")
    if options.ceiling is not None and len(pairs) > options.ceiling:
        problems.append(f"{len(pairs)} single importers, the ceiling is {options.ceiling}")
    for problem in problems:
        print(f"FAILED: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
