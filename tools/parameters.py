"""Measure function signatures: functions above a parameter limit, and parameters repeated everywhere.

Methods are counted without self and cls. Exit code 1 when more functions than the ceiling break the limit.

    python tools/parameters.py --limit 6 --ceiling 170
"""

import argparse
import ast
import sys
from collections import Counter
from pathlib import Path

from source_tree import PRODUCT_FOLDERS, python_files

WORK_PARAMETERS = frozenset(
    {"session", "company_id", "company", "actor", "person_id", "now", "clock"}
)


def parameter_names(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Return the names of a function's parameters without self and cls."""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [argument.arg for argument in arguments if argument.arg not in ("self", "cls")]


def main() -> int:
    """Print the counts per folder and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="repository root")
    parser.add_argument(
        "--folders", nargs="+", default=PRODUCT_FOLDERS, help="top-level folders to read"
    )
    parser.add_argument("--limit", type=int, default=6, help="highest number of parameters")
    parser.add_argument("--max-length", type=int, default=60, help="longest function in lines")
    parser.add_argument(
        "--ceiling", type=int, help="highest allowed number of functions above the limit"
    )
    parser.add_argument("--list", action="store_true", help="print each function above the limit")
    options = parser.parse_args()
    total = too_long = 0
    above: list[tuple[int, str]] = []
    repeated: Counter[str] = Counter()
    pairs = 0
    for folder in options.folders:
        functions = above_here = 0
        for path in python_files(options.root, [folder]):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                names = parameter_names(node)
                functions += 1
                repeated.update(WORK_PARAMETERS.intersection(names))
                pairs += len(WORK_PARAMETERS.intersection(names)) >= 2
                too_long += node.end_lineno - node.lineno + 1 > options.max_length
                if len(names) > options.limit:
                    above_here += 1
                    above.append(
                        (len(names), f"{path.relative_to(options.root)}:{node.lineno} {node.name}")
                    )
        total += functions
        print(
            f"{folder:12}{functions:7} functions {above_here:5} with more than {options.limit} parameters"
        )
    print(f"{'all':12}{total:7} functions {len(above):5} with more than {options.limit} parameters")
    print(f"functions longer than {options.max_length} lines: {too_long}")
    print("repeated:", ", ".join(f"{name} {count}" for name, count in repeated.most_common()))
    print(f"functions with two or more of these: {pairs}")
    if options.list:
        for count, place in sorted(above, reverse=True):
            print(f"{count:3} {place}")
    if options.ceiling is not None and len(above) > options.ceiling:
        print(f"FAILED: {len(above)} is above the ceiling of {options.ceiling}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
