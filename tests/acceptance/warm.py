"""The installed command, entered in a fork of a process that has loaded it: a start costs little.

Here: one such process for each installed command, and what a run in it came to. Every run is a
process of its own, with its own folder, environment and streams, entered as the command's own
script enters it. Not here: runs whose environment matters to Python itself; those start it anew
(product.py). Nothing of the six packages is imported.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_DRIVER = """
import gc, importlib, io, json, os, runpy, signal, sys, traceback
from importlib.metadata import entry_points
(script,) = entry_points(group="console_scripts", name="clearpost")
main = script.load()
for name in (
    "portal.app", "holding.trace", "holding.rulesets", "holding.people", "rules.samples",
    "workers.jobs", "workers.listen", "workers.loop",
):
    importlib.import_module(name)
importlib.import_module("grammar").parse({"a.rules": "language 1\\nrole a \\"A\\"\\n"})
gc.freeze()

def become(_, words):
    # a command that becomes a module of ours goes on here: it is loaded already
    sys.argv = words[2:]
    runpy.run_module(words[2], run_name="__main__", alter_sys=True)

def enter(job):
    os.execv = become
    signal.alarm(300)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
    for place, (name, flag) in enumerate(zip(job["streams"], flags)):
        os.dup2(os.open(name, flag, 0o600), place)
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(place, mode, closefd=False), encoding="utf-8")
        for place, mode in enumerate("rww")
    )
    sys.argv = ["clearpost", *job["words"]]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        enter(job)
    stays = job.get("stays")
    print(child if stays else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run(
    command: Path, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], said: str
) -> subprocess.CompletedProcess[str]:
    """What one run of the command came to; its exit code is negative when a signal ended it."""
    with tempfile.TemporaryDirectory(prefix="clearpost-run-") as folder:
        streams = [Path(folder) / name for name in ("in", "out", "err")]
        streams[0].write_text(said, "utf-8")
        code = _ask(command, {"words": words, "cwd": str(cwd), "env": env, "streams": streams})
        told = [path.read_text("utf-8") if path.exists() else "" for path in streams[1:]]
    return subprocess.CompletedProcess([command, *words], code, *told)


@contextmanager
def staying(
    command: Path, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], notes: Path
) -> Iterator[int]:
    """A run that goes on beside the block; its process id. At the end it is told to stop."""
    silent = Path(os.devnull)
    job = {"words": words, "cwd": str(cwd), "env": env, "streams": [silent, silent, notes]}
    child = _ask(command, {**job, "stays": True})
    try:
        yield child
    finally:
        os.kill(child, signal.SIGTERM)
        limit = time.monotonic() + 30
        while not _over(child):
            assert time.monotonic() < limit, f"{words} did not end: {notes.read_text('utf-8')}"
            time.sleep(0.02)


def _over(child: int) -> bool:
    """Whether it has ended; the driver keeps its number until it ends itself."""
    try:
        told = Path(f"/proc/{child}/stat").read_text("ascii", "replace")
    except OSError:
        return True
    return told.rpartition(")")[2].split()[0] == "Z"


def _ask(command: Path, job: Mapping[str, Any]) -> int:
    """What the driver answers to a job: an exit code, or a process id."""
    driver = _driver(command)
    assert driver.stdin
    assert driver.stdout
    driver.stdin.write(json.dumps(job, default=str) + "\n")
    driver.stdin.flush()
    return int(driver.stdout.readline())


@cache
def _driver(command: Path) -> subprocess.Popen[str]:
    """It ends with this process: its standard input closes then."""
    return subprocess.Popen(
        [command.with_name("python"), "-c", _DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    )
