"""Measure functions: their length, their parameters, and the parameters repeated everywhere.

Methods are counted without self and cls. Exit code 1 when a function is longer than --max-length,
or when more functions than the ceiling have too many parameters.

    python tools/parameters.py --limit 6 --ceiling 136
"""

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from source_tree import PRODUCT_FOLDERS, python_files

WORK_PARAMETERS = frozenset(
    {"session", "company_id", "company", "actor", "person_id", "now", "clock"}
)


@dataclass(frozen=True)
class Function:
    """A function or method: its place in the repository, parameters and length."""

    place: str
    parameters: list[str]
    lines: int


def read_functions(root: Path, folder: str) -> Iterator[Function]:
    """Yield every function below a top-level folder."""
    for path in python_files(root, [folder]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield Function(
                    f"{path.relative_to(root)}:{node.lineno} {node.name}",
                    parameter_names(node),
                    (node.end_lineno or node.lineno) - node.lineno + 1,
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
    functions: list[Function] = []
    for folder in options.folders:
        in_folder = list(read_functions(options.root, folder))
        _print_row(folder, in_folder, options.limit)
        functions += in_folder
    _print_row("all", functions, options.limit)
    _print_work_parameters(functions)
    above = [function for function in functions if len(function.parameters) > options.limit]
    if options.list:
        for function in sorted(above, key=lambda function: -len(function.parameters)):
            print(f"{len(function.parameters):3} {function.place}")
    problems = [
        f"{function.place} has {function.lines} lines, the limit is {options.max_length}"
        for function in functions
        if function.lines > options.max_length
    ]
    if options.ceiling is not None and len(above) > options.ceiling:
        problems.append(f"{len(above)} is above the ceiling of {options.ceiling}")
    for problem in problems:
        print(f"FAILED: {problem}")
    return 1 if problems else 0


def _print_row(label: str, functions: list[Function], limit: int) -> None:
    above = sum(len(function.parameters) > limit for function in functions)
    print(f"{label:12}{len(functions):7} functions {above:5} with more than {limit} parameters")


def _print_work_parameters(functions: list[Function]) -> None:
    repeated: Counter[str] = Counter()
    pairs = 0
    for function in functions:
        common = WORK_PARAMETERS.intersection(function.parameters)
        repeated.update(common)
        pairs += len(common) >= 2
    print("repeated:", ", ".join(f"{name} {count}" for name, count in repeated.most_common()))
    print(f"functions with two or more of these: {pairs}")


if __name__ == "__main__":
    sys.exit(main())
