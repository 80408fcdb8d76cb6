"""Heads of the chain, noted where who may write to the database cannot rewrite them.

Here: which heads are due, the file of one installation. Not here: the chain (`chain.py`), when it
is asked, and the log (workers/sweep.py).
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select

from holding.audit.chain import LINKED, Head, head
from holding.store.database import Database
from holding.tables import Company
from holding.tables.columns import moment_of, moment_text
from rules.values.canonical import dumps

EVERY: Final = timedelta(minutes=5)
MANY: Final = 1000
"""A head is noted before there are more events, or it is longer ago, than this."""
LOOKS: Final = timedelta(seconds=10)
"""How often at least it is asked whether a head is due; less is left of either then."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head of a company's chain, and when it was noted."""

    at: datetime
    company: str
    head: Head


class Anchors:
    """The file of one installation. What cannot be read in it raises ValueError with its line."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._newest: dict[str, Anchor] = {}
        self._read = self._lines_read = 0

    def note(self, database: Database, now: datetime) -> int:
        """Add the heads that are due; how many."""
        due = self.due(database, now)
        self.add(due)
        return len(due)

    def due(self, database: Database, now: datetime) -> list[Anchor]:
        """The head of every company that grew by nearly 1,000 events since its last one was noted,
        or grew at all and was noted 5 minutes ago.
        """
        last = self.newest()
        with database.read() as session:
            query = select(Company.code, Company.id).order_by(Company.code)
            heads = {code: head(session, key) for code, key in session.execute(query).all()}
        return [
            Anchor(now, code, found)
            for code, found in heads.items()
            if found.seq and _is_due(last.get(code), found, now)
        ]

    def of(self, company: str) -> tuple[Head, ...]:
        """All heads that were noted of a company, in their order."""
        return tuple(anchor.head for anchor in self._lines() if anchor.company == company)

    def newest(self) -> Mapping[str, Anchor]:
        """The last anchor of each company. What was read before is not read again."""
        size = self.file.stat().st_size if self.file.exists() else 0
        if size < self._read:  # another file than before
            self._newest, self._read, self._lines_read = {}, 0, 0
        if size > self._read:
            with self.file.open("rb") as file:
                file.seek(self._read)
                fresh = file.read()
            whole = fresh[: fresh.rfind(b"\n") + 1]  # another process may be writing the rest
            text = whole.decode("utf-8", "replace")
            found = list(self._anchors(text, self._lines_read + 1))
            self._newest |= {anchor.company: anchor for anchor in found}
            self._read, self._lines_read = self._read + len(whole), self._lines_read + len(found)
        return self._newest

    def _lines(self) -> Iterator[Anchor]:
        try:
            text = self.file.read_text("utf-8")
        except FileNotFoundError:
            return
        yield from self._anchors(text, 1)

    def _anchors(self, text: str, first: int) -> Iterator[Anchor]:
        for number, line in enumerate(text.splitlines(), start=first):
            try:
                told = json.loads(line)
                noted = Head(int(told["seq"]), str(told["hash"]))
                yield Anchor(moment_of(told["at"]), str(told["company"]), noted)
            except (ValueError, KeyError, TypeError) as problem:
                message = f"line {number} of {self.file.name} is not an anchor"
                raise ValueError(message) from problem

    def add(self, anchors: Sequence[Anchor]) -> None:
        """All lines in one write, on the disk before it counts as done."""
        if not anchors:
            return
        lines = [
            dumps(
                {
                    "at": moment_text(one.at),
                    "company": one.company,
                    "seq": one.head.seq,
                    "hash": one.head.hash,
                }
            )
            for one in anchors
        ]
        place = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(place, "".join(f"{line}\n" for line in lines).encode())
            os.fsync(place)
        finally:
            os.close(place)


def _is_due(last: Anchor | None, found: Head, now: datetime) -> bool:
    """A clock that was set back is no reason to wait."""
    if last is None:
        return True
    if found.seq - last.head.seq > MANY - LINKED:  # one more batch may follow before the next look
        return True
    return found != last.head and not last.at <= now < last.at + EVERY - LOOKS
