"""Heads of the chain of events, noted where who may write to the database cannot rewrite them.

Here: a line an hour in a file that is only ever added to, and reading it again. Not here: the chain
(`chain.py`), keeping the file out of reach, which is the operator's (docs/operations.md).
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select

from holding.chain import Head, head
from holding.database import Database
from holding.models import Company
from holding.types import moment_of, moment_text
from rules.canonical import dumps

EVERY: Final = timedelta(hours=1)


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

    def note(self, database: Database, now: datetime) -> int:
        """Add the head of every company whose last one was noted an hour ago; how many.

        A chain that did not grow since is not noted again.
        """
        last = self.newest()
        with database.read() as session:
            query = select(Company.code, Company.id).order_by(Company.code)
            heads = {code: head(session, key) for code, key in session.execute(query).all()}
        due = [
            Anchor(now, code, found)
            for code, found in heads.items()
            if found.seq and _is_due(last.get(code), found, now)
        ]
        if due:
            self._append(due)
        return len(due)

    def of(self, company: str) -> tuple[Head, ...]:
        """All heads that were noted of a company, in their order."""
        return tuple(anchor.head for anchor in self._lines() if anchor.company == company)

    def newest(self) -> Mapping[str, Anchor]:
        """The last anchor of each company."""
        return {anchor.company: anchor for anchor in self._lines()}

    def _lines(self) -> Iterator[Anchor]:
        try:
            text = self.file.read_text("utf-8")
        except FileNotFoundError:
            return
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                told = json.loads(line)
                noted = Head(int(told["seq"]), str(told["hash"]))
                yield Anchor(moment_of(told["at"]), str(told["company"]), noted)
            except (ValueError, KeyError, TypeError) as problem:
                message = f"line {number} of {self.file.name} is no anchor"
                raise ValueError(message) from problem

    def _append(self, anchors: list[Anchor]) -> None:
        """All lines in one write, on the disk before it counts as done."""
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
    return found != last.head and not last.at <= now < last.at + EVERY
