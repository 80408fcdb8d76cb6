"""Count docstrings that break the writing rules, per top-level folder.

A function's docstring must start with a verb. No docstring may use a banned word. A class or module
docstring is checked for banned words only. The lists are word_lists/verbs.txt and
word_lists/banned.txt; add a verb when it is a good one. Exit code 1 when the share is above the
ceiling.

    python tools/docstrings.py --ceiling 85
"""

import argparse
import ast
import re
import sys
from collections import Counter
from pathlib import Path

from source_tree import PRODUCT_FOLDERS, python_files, words

BANNED = re.compile(rf"\b({'|'.join(words('banned'))})\b", re.IGNORECASE)
VERBS = frozenset(words("verbs"))


def first_word(text: str) -> str:
    """Return the first word of a text in lower case, or an empty string."""
    match = re.match(r"[A-Za-z]+", text.lstrip('"`* '))
    return match.group().lower() if match else ""


def is_property(node: ast.AST) -> bool:
    """Check whether a function is a property, whose docstring may be a noun phrase."""
    return any(
        "property" in ast.unparse(decorator) for decorator in getattr(node, "decorator_list", ())
    )


def main() -> int:
    """Print the share per folder and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="repository root")
    parser.add_argument(
        "--folders", nargs="+", default=PRODUCT_FOLDERS, help="top-level folders to read"
    )
    parser.add_argument(
        "--ceiling", type=float, help="highest allowed share in percent, over all folders"
    )
    parser.add_argument(
        "--list", action="store_true", help="print each docstring that breaks a rule"
    )
    options = parser.parse_args()
    totals: Counter[str] = Counter()
    for folder in options.folders:
        counts: Counter[str] = Counter()
        for path in python_files(options.root, [folder]):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(
                    node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
                ):
                    continue
                text = ast.get_docstring(node)
                if not text:
                    continue
                counts["docstrings"] += 1
                is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                no_verb = is_function and not is_property(node) and first_word(text) not in VERBS
                banned = bool(BANNED.search(text))
                counts["no verb"] += no_verb
                counts["banned word"] += banned
                counts["broken"] += no_verb or banned
                if options.list and (no_verb or banned):
                    line = getattr(node, "lineno", 1)
                    print(f"{path.relative_to(options.root)}:{line}: {text.splitlines()[0]}")
        _print_row(folder, counts)
        totals += counts
    _print_row("all", totals)
    share = 100 * totals["broken"] / max(totals["docstrings"], 1)
    if options.ceiling is not None and share > options.ceiling:
        print(f"FAILED: {share:.2f} % is above the ceiling of {options.ceiling} %")
        return 1
    return 0


def _print_row(label: str, counts: Counter[str]) -> None:
    share = 100 * counts["broken"] / max(counts["docstrings"], 1)
    print(
        f"{label:12}{counts['docstrings']:7} docstrings {counts['no verb']:6} without a verb first "
        f"{counts['banned word']:6} with a banned word {counts['broken']:6} broken {share:6.1f} %"
    )


if __name__ == "__main__":
    sys.exit(main())
