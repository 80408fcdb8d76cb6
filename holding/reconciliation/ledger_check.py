"""The database against a target's own ledger: what was lost, what was doubled.

Here: reading the ledger of a simulator and comparing it with postings and records. Not here: our
own bookkeeping of runs, which proves nothing about the target.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.models import Connection, Posting, Push, Record
from holding.posting.evidence import KEY_MARK

THERE = ("posted", "reversed")

Meant = tuple[int, str, int]  # record, route, seq: what one document stands for


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts, and one sentence for each thing that is wrong; `strangers` are documents of other
    programs, which is no fault.
    """

    lost: int
    doubled: int
    details: tuple[str, ...]
    strangers: tuple[str, ...] = ()

    @property
    def strange(self) -> int:
        """How many documents other programs made."""
        return len(self.strangers)


@dataclass(frozen=True, slots=True)
class _Ours:
    """What the database says: which posting each number stands for, and which are posted."""

    meant: Mapping[str, Meant]
    posted: Mapping[Meant, str]


def compare(
    session: Session,
    company_id: int,
    ledger_path: Path,
    sent_numbers: Sequence[str] | None = None,
) -> Comparison:
    """Compare; `sent_numbers` are external ids of all records that were given in, if known.

    Lost: posted here and not there, there and not posted here, or given in and not here at all.
    Doubled: more than one document there for the same record and route, or number and customer.
    A stranger's is one whose number nobody here ever sent, under a key that is not of our form;
    where a target keeps no key, nobody can tell, and it counts as lost.
    """
    ours = _ours(session, company_id)
    theirs: dict[Meant | tuple[str, str], int] = defaultdict(int)
    strangers: list[str] = []
    for line in _created(ledger_path, _companies_there(session, company_id)):
        number, party, key = (str(line.get(name, "")) for name in ("number", "party", "key"))
        if number not in ours.meant and key and not key.startswith(KEY_MARK):
            strangers.append(f"{number} of {party}: sent by another program, with the key {key}")
            continue
        theirs[ours.meant.get(number, (number, party))] += 1
    lost = [
        *(f"{n} is posted here, not there" for m, n in ours.posted.items() if m not in theirs),
        *(f"{_name(m)} exists there, not posted here" for m in theirs if m not in ours.posted),
        *(
            f"{one} was given in and is not here"
            for one in _missing(session, company_id, sent_numbers)
        ),
    ]
    doubles = {what: count - 1 for what, count in theirs.items() if count > 1}
    told = [f"{_name(what)} exists there {more + 1} times" for what, more in doubles.items()]
    return Comparison(len(lost), sum(doubles.values()), (*lost, *told), tuple(strangers))


def _ours(session: Session, company_id: int) -> _Ours:
    postings = session.execute(
        select(
            Posting.id, Posting.record_id, Posting.route, Posting.seq, Posting.number, Posting.state
        ).where(Posting.company_id == company_id)
    ).all()
    by_id: dict[int, Meant] = {row.id: (row.record_id, row.route, row.seq) for row in postings}
    pushed = session.execute(
        select(Push.number, Push.posting_id)
        .join(Posting, Posting.id == Push.posting_id)
        .where(Posting.company_id == company_id)
    )
    meant = {number: by_id[posting_id] for number, posting_id in pushed}
    posted = {by_id[row.id]: row.number for row in postings if row.state in THERE}
    return _Ours(meant=meant, posted=posted)


def _created(path: Path, companies: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    """The lines that made a document; half a line at the end was told to nobody."""
    for raw in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
        if raw.endswith(b"\n") and raw.strip():
            line = json.loads(raw)
            if line.get("effect") == "created" and line.get("company") in companies:
                yield line


def _companies_there(session: Session, company_id: int) -> frozenset[str]:
    query = select(Connection.settings).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    return frozenset(str(found.get("company_id", "")) for found in session.scalars(query))


def _missing(session: Session, company_id: int, sent: Sequence[str] | None) -> list[str]:
    query = select(Record.external_id).where(Record.company_id == company_id)
    known = set(session.scalars(query)) if sent else set()
    return sorted(set(sent or ()) - known)


def _name(what: tuple[Any, ...]) -> str:
    return " of ".join(map(str, what)) if len(what) == 2 else f"the document of record {what[0]}"
