"""The installed command, entered in a fork of a process that has loaded it: a start costs little.

Here: one such process for each installed command, and what a run in it came to. Every run is a
process of its own, with its own folder, environment and streams, entered as the command's own
script enters it. Not here: runs whose environment matters to Python itself; those start it anew
(product.py). Nothing of the six packages is imported.
"""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

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
    child = os.fork()
    if child == 0:
        enter(json.loads(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run(
    command: Path, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], said: str
) -> subprocess.CompletedProcess[str]:
    """What one run of the command came to; its exit code is negative when a signal ended it."""
    driver = _driver(command)
    assert driver.stdin
    assert driver.stdout
    with tempfile.TemporaryDirectory(prefix="clearpost-run-") as folder:
        streams = [Path(folder) / name for name in ("in", "out", "err")]
        streams[0].write_text(said, "utf-8")
        job = {"words": list(words), "cwd": str(cwd), "env": dict(env)}
        driver.stdin.write(json.dumps({**job, "streams": [str(path) for path in streams]}) + "\n")
        driver.stdin.flush()
        code = int(driver.stdout.readline())
        told = [path.read_text("utf-8") if path.exists() else "" for path in streams[1:]]
    return subprocess.CompletedProcess([command, *words], code, *told)


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
