"""The simulator of a target as a process of a test, and the documents it takes."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEMO_KEY = "aia_live_demo_7Qk2"


def ledger_lines(ledger: Path) -> list[dict[str, Any]]:
    """What a target wrote itself so far; of the line that it is writing, a reader may see half."""
    if not ledger.exists():
        return []
    found = ledger.read_bytes().splitlines(keepends=True)
    return [json.loads(line) for line in found if line.endswith(b"\n")]


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator: where it listens, what it wrote."""

    url: str
    ledger: Path

    def lines(self, effect: str = "") -> list[dict[str, Any]]:
        """The ledger's lines since the last reset, all or those of one effect."""
        found = ledger_lines(self.ledger)
        resets = [at for at, line in enumerate(found) if line.get("act") == "reset"]
        found = found[resets[-1] + 1 :] if resets else found
        return [line for line in found if not effect or line.get("effect") == effect]

    def writes(self) -> list[dict[str, Any]]:
        """The lines of calls that were meant to change something."""
        return [line for line in self.lines() if line["call"] in ("json", "xlsx")]

    def control(self, act: str, **given: Any) -> None:
        """Change a setting there, or plan a fault."""
        request = urllib.request.Request(
            f"{self.url}/_sim/{act}", data=json.dumps(given).encode(), method="POST"
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 200


@contextmanager
def simulator(folder: Path, *options: str, name: str = "aiaccount") -> Iterator[Simulator]:
    """Start one; it ends with the block, or with this process."""
    ledger = folder / "ledger.jsonl"
    command = [sys.executable, "-m", f"sandbox.simulators.{name}"]
    child = subprocess.Popen(
        [*command, "--port", "0", "--ledger", str(ledger), "--watch-parent", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout is not None
        yield Simulator(json.loads(child.stdout.readline())["url"], ledger)
    finally:
        child.kill()
        child.communicate()
