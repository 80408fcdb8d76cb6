"""Measures this commit and an earlier one by turns, so that what else the machine does meets both.

Here: a work tree of the other commit, `clearpost bench` of each in a process of its own, and what
each figure was, with its spread; on Linux the workers' processor seconds, too, seen from outside,
for each step that the bench says it begins. Not here: what is measured (bench).

    python tools/by_turns.py COMMIT [--part orders] [--turns 3] [--python PYTHON] [-- ARGUMENT …]

Both run under the Python that runs this; `--python` names the one of an environment that was set up
for the earlier commit, where that needs other packages.
"""

import argparse
import contextlib
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
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100  # in a second


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
    with (
        tempfile.TemporaryDirectory(prefix="clearpost-by-turns-") as home,
        subprocess.Popen(
            [python, "-c", START, "bench", "--part", part, "--json", *more],
            cwd=tree,
            env={**free, "PYTHONPATH": str(tree), "CLEARPOST_HOME": home},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as bench,
    ):
        said, seconds = _steps(bench)
        told = bench.stdout.read() if bench.stdout else ""
    if bench.returncode:
        sys.exit("".join(said)[-2000:] or f"clearpost bench ended with {bench.returncode}")
    return {**json.loads(told.splitlines()[-1]), **seconds}


def _steps(bench: "subprocess.Popen[str]") -> tuple[list[str], dict[str, float]]:
    """What the bench says, and the workers' processor seconds of each step that it announces."""
    said, seconds = list[str](), dict[str, float]()
    step, begun = "", 0.0
    for line in bench.stderr or ():
        so_far = workers_seconds(bench.pid)
        if step and so_far > begun:
            seconds[f"workers: {step}"] = round(so_far - begun, 2)
        step, begun = line.strip(), so_far
        said.append(line)
    return said, seconds


def workers_seconds(ancestor: int, proc: Path = Path("/proc")) -> float:
    """Processor seconds of all workers below a process, with those of their ended children; 0
    where the system does not tell.
    """
    parents, used = dict[int, int](), dict[int, int]()
    for stat in proc.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            fields = stat.read_text("utf-8").rpartition(")")[2].split()
            pid = int(stat.parent.name)
            parents[pid] = int(fields[1])
            words = (stat.parent / "cmdline").read_bytes().split(b"\0")
            if b"workers" in words:
                used[pid] = sum(int(ticks) for ticks in fields[11:15])
    return sum(ticks for pid, ticks in used.items() if _below(pid, ancestor, parents)) / TICKS


def _below(pid: int, ancestor: int, parents: Mapping[int, int]) -> bool:
    while pid not in {0, ancestor}:
        pid = parents.get(pid, 0)
    return pid == ancestor


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
