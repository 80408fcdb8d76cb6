"""A set of records that a person looks at while the world moves on.

Here: the filter of an address, sums for the button, and what is different between the set that was
seen and the set now. Not here: approving.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from holding import approvals
from holding.queries import groups as queries
from holding.queries.wanted import Filter
from holding.words import money
from portal import forms

VIEWS = ("todo", "mine", "approve", "snoozed", "all", "uncertain", "accepted", "ignored",
         "cleared")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changed:
    """The difference between what was seen and what is there now."""

    seen: tuple[forms.Seen, ...]
    now: tuple[queries.Member, ...]
    arrived: tuple[queries.Member, ...]
    gone: tuple[forms.Seen, ...]
    other: tuple[tuple[forms.Seen, queries.Member], ...]
    unchanged: tuple[queries.Member, ...]

    @property
    def different(self) -> bool:
        """Whether the set is another one."""
        return bool(self.arrived or self.gone or self.other)


def now_there(session: Any, company_id: int, wish: forms.ApproveSet) -> tuple[queries.Member, ...]:
    """The set behind the wish, read now."""
    ids = tuple(s.posting_id for s in wish.seen)
    if wish.cause_id is not None:
        return queries.chosen(session, company_id, cause_id=wish.cause_id, after=wish.after)
    return queries.chosen(session, company_id, postings=ids)


def seen_of(rows: Sequence[queries.Member]) -> dict[int, str]:
    """Posting id -> hash, as the service wants to know what was looked at."""
    return {row.posting_id: row.posting_hash or "" for row in rows if row.posting_id is not None}


def compare(wish: forms.ApproveSet, now: tuple[queries.Member, ...]) -> Changed:
    """What came, what went, what has another content."""
    seen = {s.posting_id: s for s in wish.seen}
    here = {m.posting_id: m for m in now}
    other = tuple(
        (seen[i], m) for i, m in here.items() if i in seen and seen[i].hash != m.posting_hash
    )
    return Changed(
        seen=wish.seen,
        now=now,
        arrived=tuple(m for m in now if m.posting_id not in seen),
        gone=tuple(s for s in wish.seen if s.posting_id not in here),
        other=other,
        unchanged=tuple(
            m for m in now if m.posting_id in seen and seen[m.posting_id].hash == m.posting_hash
        ),
    )


def wanted(args: MultiDict[str, str], person_id: int | None) -> Filter:
    """The filter that an address names."""

    def numbers(name: str) -> tuple[int, ...]:
        return tuple(n for n in map(forms.whole, args.getlist(name)) if n is not None)

    view = args.get("view", "todo")
    return Filter(
        view=view if view in VIEWS else "todo",
        classes=tuple(args.getlist("class")),
        teams=numbers("team"),
        people=numbers("person"),
        causes=numbers("cause"),
        text=args.get("q", "").strip()[:100],
        person_id=person_id,
    )


def sums(rows: Sequence[Any]) -> str:
    """RM 12,345.00 + SGD 120.00: one sum a currency, never added."""
    by_currency: dict[str, int] = {}
    for row in rows:
        by_currency[row.currency] = by_currency.get(row.currency, 0) + (row.amount or 0)
    listed = sorted(by_currency.items(), key=lambda pair: (pair[0] != "MYR", pair[0]))
    return " + ".join(money(minor, currency) for currency, minor in listed) or "RM\u00a00.00"


def said(rows: Sequence[queries.Member], answer: approvals.Approved) -> str:
    """One sentence on what came of an approval."""
    done = [row for row in rows if row.posting_id in set(answer.done)]
    told = f"{len(done)} approved, {sums(done)}." if done else "Nothing was approved."
    if answer.waiting:
        levels = sorted({left.reason.removeprefix("still waits: ") for left in answer.waiting})
        told += f" Others still decide: {', '.join(levels)}."
    if not answer.refused:
        return told
    reasons = sorted({left.reason for left in answer.refused})
    return f"{told} {len(answer.refused)} left out: {'; '.join(reasons)}."
