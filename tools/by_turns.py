"""Measures this commit and an earlier one by turns, so that what else the machine does meets both.

Here: a work tree of the other commit, `clearpost bench` of each in a process of its own, and what
each figure was, with its spread. Not here: what is measured (portal/bench).

    python tools/by_turns.py COMMIT [--part orders] [--turns 3] [--python PYTHON] [-- ARGUMENT …]

Both run under the Python that runs this; `--python` names the one of an environment that was set up
for the earlier commit, where that needs other packages.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
START = "from portal.cli import main; main()"
Figures = Mapping[str, object]


def main(words: Sequence[str]) -> int:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("commit", help="the earlier one")
    parser.add_argument("--part", default="orders", help="of clearpost bench")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="that of the earlier commit")
    parser.add_argument("more", nargs="*", help="further words for clearpost bench")
    asked = parser.parse_args(words)
    before, after = list[Figures](), list[Figures]()
    with _tree(asked.commit) as other:
        for turn in range(asked.turns):
            sys.stderr.write(f"turn {turn + 1} of {asked.turns} …\n")
            before.append(_figures(asked.python, other, asked.part, asked.more))
            after.append(_figures(sys.executable, HERE, asked.part, asked.more))
    sys.stdout.writelines(f"{line}\n" for line in compared(before, after))
    return 0


def compared(before: Sequence[Figures], after: Sequence[Figures]) -> Iterator[str]:
    """Each figure that is a number: least, middle and most before and after, and how many times the
    middle after is that before. A figure that only one of them tells is told alone.
    """
    names = dict.fromkeys(name for turn in (*before, *after) for name in turn)
    for name in names:
        told = [_numbers(turns, name) for turns in (before, after)]
        if any(told):
            texts = [_spread(numbers) for numbers in told]
            middles = [_middle(numbers) for numbers in told if numbers]
            times = f"{middles[1] / middles[0]:.2f} times" if all(told) and middles[0] else ""
            yield f"{name:<42} {texts[0]:<28} {texts[1]:<28} {times}".rstrip()


def _numbers(turns: Sequence[Figures], name: str) -> list[float]:
    found = (turn.get(name) for turn in turns)
    return sorted(float(one) for one in found if type(one) in {int, float})  # type: ignore[arg-type]


def _middle(numbers: Sequence[float]) -> float:
    return numbers[len(numbers) // 2]


def _spread(numbers: Sequence[float]) -> str:
    if not numbers:
        return "-"
    return f"{numbers[0]:g} / {_middle(numbers):g} / {numbers[-1]:g}"


@contextmanager
def _tree(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="clearpost-by-turns-") as folder:
        path = Path(folder) / "tree"
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(path), commit], check=True)
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=False)


def _figures(python: str, tree: Path, part: str, more: Sequence[str]) -> Figures:
    """What one run tells; one that fails ends all of it, with its own words."""
    free = {k: v for k, v in os.environ.items() if not k.startswith("CLEARPOST_")}
    with tempfile.TemporaryDirectory(prefix="clearpost-by-turns-") as home:
        done = subprocess.run(
            [python, "-c", START, "bench", "--part", part, "--json", *more],
            cwd=tree,
            env={**free, "PYTHONPATH": str(tree), "CLEARPOST_HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(done.stderr[-2000:] or f"clearpost bench ended with {done.returncode}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
