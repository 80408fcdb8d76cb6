"""Where a page and a worker both want a processor, the page has it first."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from workers.__main__ import AUTOGROUP, ENVIRONMENT, NICENESS

BEHIND = max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))  # the tests may have been put behind
BEGUN = """
import os
from workers.__main__ import AUTOGROUP, main

code = main(["--once", "--no-redis"])
print(code, os.getpriority(os.PRIO_PROCESS, 0))
print(AUTOGROUP.read_text() if AUTOGROUP.exists() else "")
"""


def _begun(command: list[str], home: Path) -> tuple[list[int], str]:
    """Exit code and niceness of a worker without a database, and what its session is given."""
    told = subprocess.run(
        command,
        env={**os.environ, "CLEARPOST_HOME": str(home), "DATABASE_URL": "", "REDIS_URL": ""},
        start_new_session=True,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [int(word) for word in told[0].split()], told[1]


def test_a_worker_gives_way_within_its_session_and_with_it(tmp_path: Path) -> None:
    numbers, session = _begun([sys.executable, "-c", BEGUN], tmp_path)
    assert numbers == [ENVIRONMENT, BEHIND]
    if not AUTOGROUP.exists():
        pytest.skip("this kernel shares processors between processes alone")
    assert session.endswith(f"nice {NICENESS}")


def test_a_session_that_is_another_s_is_left_as_it_is(tmp_path: Path) -> None:
    quoted = shlex.join([sys.executable, "-c", BEGUN])
    numbers, session = _begun(["sh", "-c", f"{quoted}; exit $?"], tmp_path)
    assert numbers == [ENVIRONMENT, BEHIND]
    assert session == "" or session.endswith("nice 0")


def test_who_was_put_behind_already_stays_there(tmp_path: Path) -> None:
    numbers, _ = _begun(["nice", "-n", "11", sys.executable, "-c", BEGUN], tmp_path)
    assert numbers == [ENVIRONMENT, min(os.getpriority(os.PRIO_PROCESS, 0) + 11, 19)]
