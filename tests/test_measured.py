"""What `make test` and `make faults` are run under: time is told, nothing stays behind."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "measured.py"
LEAVES = """
import subprocess, sys
kept = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(3600)", "kept"], start_new_session=True
)
print(kept.pid)
"""
BUSY = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(20_000_000))'])"
linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux alone")


def measured(*command: str, grace: float = 10.0) -> subprocess.CompletedProcess[str]:
    told = f"import sys; sys.path.insert(0, {str(TOOL.parent)!r}); import measured; "
    told += f"measured.GRACE = {grace}; sys.exit(measured.main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", told, *command], capture_output=True, text=True, check=False
    )


@linux
def test_what_is_left_behind_is_named_ended_and_a_failure() -> None:
    done = measured(sys.executable, "-c", LEAVES, grace=0.2)
    pid = int(done.stdout.split()[0])
    assert done.returncode == 1
    assert re.search(rf"^Left behind and ended: process {pid}, .* kept$", done.stderr, re.M)
    assert "processes left behind: 1" in done.stdout
    assert not Path("/proc", str(pid)).exists()


def test_the_time_of_what_a_child_started_counts_and_its_exit_code_stays() -> None:
    quiet, busy = (
        measured(sys.executable, "-c", "raise SystemExit(3)"),
        measured(sys.executable, "-c", BUSY),
    )
    assert (quiet.returncode, busy.returncode) == (3, 0)
    assert seconds(busy) > seconds(quiet)
    assert busy.stdout.endswith("processes left behind: 0\n")


def seconds(done: subprocess.CompletedProcess[str]) -> float:
    found = re.search(r"^Processor time: ([0-9.]+) s", done.stdout, re.M)
    assert found
    return float(found[1])
