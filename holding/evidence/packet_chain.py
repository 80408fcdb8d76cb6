"""The events of a record with their places in the chain, up to a head that was noted.

Here: which places a packet holds, and the text that was sealed at each. Reads only. Not here: the
chain itself (holding/platform/events.py), proving it from the file (packet_check.py).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Hide, changes
from holding.db.models import Event, EventLink
from holding.db.models.columns import moment_text
from holding.platform import events as chain
from holding.platform.events import Head, Link, shown_actor

MOST_PLACES: Final = 20_000
"""Places that one packet holds beside those of its record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The events of the record as JSON, and in words what of the proof is not in the packet."""

    events: dict[str, Any]
    left_out: tuple[str, ...]


def proof(
    session: Session,
    company_id: int,
    record_id: int,
    *,
    noted: Sequence[Head],
    others: bool,
    hide: Hide,
    now: datetime,
    head: Head,
) -> Proof:
    """The events of a record until `now`, with the places that the chain had at `head`; `others`:
    with those of other records up to the next noted head, so that nothing between has to be
    believed. A place whose event `hide` changes stands without its text.
    """
    found = session.execute(
        select(Event, EventLink.seq)
        .outerjoin(EventLink, EventLink.event_id == Event.id)
        .where(Event.record_id == record_id, Event.company_id == company_id, Event.at <= now)
        .order_by(Event.id)
    )
    rows = [(event, seq if seq and seq <= head.seq else None) for event, seq in found]
    mine = sorted(seq for _, seq in rows if seq is not None)
    noted = [one for one in noted if one.seq <= head.seq]
    spans = [(seq, seq) for seq in mine]
    left_out = []
    if others:
        reached = _joined((seq, _end(seq, noted, head)) for seq in mine)
        if sum(last - first + 1 for first, last in reached) <= MOST_PLACES:
            spans = reached
        else:
            left_out.append(f"Other events: there are more than {MOST_PLACES:,} between.")
    else:
        left_out.append("Events of other records between these and a noted head: not asked for.")
    stretches = [_stretch(session, company_id, span, hide) for span in spans]
    held = {one["seq"] for stretch in stretches for one in stretch["links"]}
    whole = {
        one["seq"] for stretch in stretches for one in stretch["links"] if one["text"] is not None
    }
    if late := sum(1 for _, seq in rows if seq is None):
        left_out.append(f"Places of {late:,} events that are not sealed yet.")
    return Proof(
        events={
            "events": [_listed(event, seq, hide, proved=seq in whole) for event, seq in rows],
            "stretches": stretches,
            "anchors": [{"seq": one.seq, "hash": one.hash} for one in noted if one.seq in held],
            "head": {"seq": head.seq, "hash": head.hash},
        },
        left_out=tuple(left_out),
    )


def _end(seq: int, noted: Sequence[Head], head: Head) -> int:
    """The place of the next head that was noted, else of the newest one."""
    return min((one.seq for one in noted if one.seq >= seq), default=head.seq)


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for first, last in spans:
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _stretch(
    session: Session, company_id: int, span: tuple[int, int], hide: Hide
) -> dict[str, Any]:
    first, last = span
    links = chain.links(session, company_id, first, last)
    return {
        "first": first,
        "before": chain.hash_at(session, company_id, first - 1),
        "links": [_link(one, hide) for one in links],
    }


def _link(one: Link, hide: Hide) -> dict[str, Any]:
    """A place; its text stands as it was sealed, or is said to be removed."""
    if not _changes(hide, one.text):
        return {"seq": one.seq, "hash": one.hash, "text": one.text}
    return {"seq": one.seq, "hash": one.hash, "text": None, "removed": True}


def _changes(hide: Hide, sealed: str) -> bool:
    """Whether it hides anything, also where the sealed text writes a line break or a quote as JSON
    does.
    """
    if hide(sealed) != sealed:
        return True
    try:
        told = json.loads(sealed)
        return changes(hide, told) or changes(hide, json.loads(told["body"]))
    except (ValueError, KeyError, TypeError):  # what was tampered with is sealed as it stands
        return False


def _listed(event: Event, seq: int | None, hide: Hide, *, proved: bool) -> dict[str, Any]:
    return {
        "id": event.id,
        "seq": seq,
        "at": moment_text(event.at),
        "actor": event.actor,
        "who": shown_actor(event.actor, event.body),
        "act": event.act,
        "say": hide(str(event.body.get("say") or "")),
        "proved": proved,
    }
