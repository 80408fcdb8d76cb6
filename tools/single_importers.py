"""List modules whose only importer is in the same folder: merge them into it, or give a reason.

Both modules together must stay within the size limit to count. Exit code 1 above the ceiling.

    python tools/single_importers.py --max-lines 800 --ceiling 189
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from source_tree import PRODUCT_FOLDERS, load_modules


def main() -> int:
    """Print the modules to merge and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="repository root")
    parser.add_argument(
        "--folders", nargs="+", default=PRODUCT_FOLDERS, help="top-level folders to read"
    )
    parser.add_argument(
        "--max-lines", type=int, default=800, help="largest allowed module after the merge"
    )
    parser.add_argument("--ceiling", type=int, help="highest allowed number of such modules")
    parser.add_argument("--list", action="store_true", help="print every pair")
    options = parser.parse_args()
    modules = load_modules(options.root, options.folders)
    importers: dict[str, set[str]] = defaultdict(set)
    for module in modules.values():
        for target in module.imports:
            importers[target].add(module.name)
    pairs, lines = [], 0
    for name, users in sorted(importers.items()):
        module = modules[name]
        if len(users) != 1 or module.path.name in ("__init__.py", "__main__.py"):
            continue
        user = modules[next(iter(users))]
        fits = module.lines + user.lines <= options.max_lines
        if user.folder == module.folder and user.path.name != "__init__.py" and fits:
            pairs.append((module, user))
            lines += module.lines
    if options.list:
        for module, user in pairs:
            print(f"{module.lines:5} {module.name} -> {user.name} ({user.lines})")
    sizes = sorted(module.lines for module in modules.values() if module.lines > 1)
    print(
        f"modules {len(sizes)}, median {sizes[len(sizes) // 2]} lines, below 80: {sum(s < 80 for s in sizes)}, above 800: {sum(s > 800 for s in sizes)}"
    )
    print(f"modules with a single importer in their folder: {len(pairs)} ({lines} lines)")
    if options.ceiling is not None and len(pairs) > options.ceiling:
        print(f"FAILED: {len(pairs)} is above the ceiling of {options.ceiling}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
