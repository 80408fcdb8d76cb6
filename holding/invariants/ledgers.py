"""The ledgers that targets write themselves.

Here: reading the files of stand-ins into lines of one form. Not here: comparing them with ours.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules.canonical import sha256_hex

EMPTY = sha256_hex(b"")  # a call without a body

EFFECTS = {"created": "create", "updated": "update", "voided": "void"}
"""What a line says that it did, as the action of a push."""


@dataclass(frozen=True, slots=True)
class Line:
    """One effect in a target: what was done to which document, by which call.

    `key` is empty where the target takes none; `by_hand` means that nobody called, so it is not
    ours; `total` is in the document's currency.
    """

    company: str
    action: str
    number: str
    party: str
    key: str
    sha256: str
    total: str | None
    currency: str
    by_hand: bool


def read(paths: Sequence[Path]) -> tuple[Line, ...]:
    """All effects, in the order in which they happened; half a line at the end was told to nobody.

    Raises OSError for a file that cannot be read, ValueError for one that is no ledger.
    """
    return tuple(line for path in paths for line in _read(path))


def of_company(lines: Sequence[Line], places: Collection[str]) -> tuple[Line, ...]:
    """The lines of the companies in the target that our connections post to."""
    return tuple(line for line in lines if line.company in places)


def _read(path: Path) -> Iterator[Line]:
    found: list[Line] = []
    for raw in path.read_bytes().splitlines(keepends=True):
        if not raw.endswith(b"\n") or not raw.strip():
            continue
        line = json.loads(raw)
        if line.get("act") == "reset":
            found = []
        elif line.get("effect") in EFFECTS:
            found.append(_line(line))
    return iter(found)


def _line(told: Mapping[str, Any]) -> Line:
    total = told.get("total")
    return Line(
        company=str(told.get("company", "")),
        action=EFFECTS[str(told["effect"])],
        number=str(told["number"]),
        party=str(told.get("party", "")),
        key=str(told.get("key") or ""),
        sha256=str(told.get("body_sha256") or EMPTY),
        total=None if total is None else str(total),
        currency=str(told.get("currency") or ""),
        by_hand=told.get("call") == "by_hand",
    )
