"""Count local names that are filler words, per top-level folder.

A filler is a pronoun or past participle that does not name the value it holds. The list is
word_lists/fillers.txt. Exit code 1 when the share is above the ceiling.

    python tools/names.py --ceiling 13.4
"""

import argparse
import ast
import sys
from collections import Counter
from pathlib import Path

from source_tree import PRODUCT_FOLDERS, python_files, words

FILLERS = frozenset(words("fillers"))


def local_names(tree: ast.AST) -> list[str]:
    """Return the assigned names and parameters in a syntax tree."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
        elif isinstance(node, ast.arg) and node.arg not in ("self", "cls"):
            names.append(node.arg)
    return [name for name in names if name != "_"]


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
        "--worst", type=int, default=0, metavar="N", help="list the N files with most fillers"
    )
    options = parser.parse_args()
    all_names = all_fillers = 0
    filler_counts: Counter[str] = Counter()
    by_file: Counter[Path] = Counter()
    for folder in options.folders:
        names = fillers = 0
        for path in python_files(options.root, [folder]):
            local = local_names(ast.parse(path.read_text(encoding="utf-8")))
            in_file = [name.strip("_") for name in local if name.strip("_") in FILLERS]
            names, fillers = names + len(local), fillers + len(in_file)
            filler_counts.update(in_file)
            by_file[path.relative_to(options.root)] = len(in_file)
        print(
            f"{folder:12}{names:8} names {fillers:7} fillers {100 * fillers / max(names, 1):6.1f} %"
        )
        all_names, all_fillers = all_names + names, all_fillers + fillers
    share = 100 * all_fillers / max(all_names, 1)
    print(f"{'all':12}{all_names:8} names {all_fillers:7} fillers {share:6.1f} %")
    most_used = (f"{word} {count}" for word, count in filler_counts.most_common(12))
    print("most used:", ", ".join(most_used))
    for path, count in by_file.most_common(options.worst):
        print(f"{count:5} {path}")
    if options.ceiling is not None and share > options.ceiling:
        print(f"FAILED: {share:.2f} % is above the ceiling of {options.ceiling} %")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
