"""Holds that somebody acts on: locked, with all that each act has to look at.

Here: `Desk`, read with a constant number of statements however many holds there are, the answer for
each hold, and whether it is still as the person saw it. Not here: the acts (`releases.py`,
`retries.py`, `assignments.py`, `corrections.py`, `notes.py`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Actor
from holding.access.operations import once
from holding.access.people import in_team, who_may
from holding.access.reach import Reach, within
from holding.approvals import separation
from holding.approvals import separation as releasers
from holding.db import bulk
from holding.db.models import Event, Hold, Posting, Record, Version
from holding.db.models.columns import HoldState
from holding.db.refusal import Refusal
from holding.platform.events import Acting, Fact, record_events
from holding.platform.states import HOLD_LABELS
from rules.values.posting_states import in_sentence


@dataclass(frozen=True, slots=True)
class Moved(Refusal):
    """Somebody was faster: what they did (`theirs`), and what this person wanted (`mine`)."""

    theirs: str = ""
    mine: str = ""


def changed_hold(session: Session, hold: Hold, seen: int | None, mine: str) -> Moved | None:
    """What happened to a hold since it had this lock, if anything did."""
    if seen is None or seen == hold.lock:
        return None
    return moved(latest(session, hold), mine)


def beyond(desk: "Desk", hold: Hold, reach: Reach, mine: str) -> Refusal | None:
    """Why whoever is to have a hold cannot: its source is none of theirs."""
    if not reach.limited or reach.has(desk.records[hold.record_id].source_id):
        return None
    return Refusal(
        code="hold.beyond",
        message=f"You cannot {mine}, because {hold.number} is of a source they do not see.",
        hint="Choose a person who works with that source.",
    )


def moved(theirs: str, mine: str) -> Moved:
    """The refusal with both sides."""
    return Moved(
        code="hold.moved",
        message=f"Another user changed this first. {theirs}",
        hint=f"Your change ({mine}) was not saved. Compare both and decide.",
        status=409,
        theirs=theirs,
        mine=mine,
    )


def latest(session: Session, hold: Hold, but: str | None = None) -> str:
    """What was done last with a hold, as its event tells it; `but`: the form that asks."""
    query = select(Event).where(Event.record_id == hold.record_id)
    if but:
        query = query.where(Event.operation_id.is_distinct_from(but))
    query = query.where(Event.object == f"hold:{hold.id}").order_by(Event.id.desc())
    event = session.scalars(query.limit(1)).first()
    return str(event.body["say"]) if event else "It was changed while you looked."


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a hold: the record it stands on and a sentence for the page."""

    hold_id: int
    record_id: int
    say: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """A hold that was left as it is, and why."""

    hold_id: int
    number: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Each:
    """The answers of one act over many holds, in their order."""

    done: tuple[Done, ...] = ()
    left: tuple[Left, ...] = ()

    @property
    def only(self) -> Done | Refusal:
        """The answer of the one hold there was."""
        return self.done[0] if self.done else self.left[0].refusal


class Desk:
    """The holds that somebody acts on; their records are locked first, in order of ids."""

    def __init__(self, session: Session, actor: Actor, hold_ids: Iterable[int]) -> None:
        self.session, self.actor = session, actor
        self.company_id = actor.company_id or 0
        self.wanted = tuple(dict.fromkeys(hold_ids))
        self.holds = self._locked()
        self._teams: dict[tuple[int | None, int | None], bool] = {}

    def _locked(self) -> dict[int, Hold]:
        lock_records(self.session, self.company_id, self.wanted)
        reached = within(self.actor.reach, Hold)
        mine = (Hold.company_id == self.company_id, bulk.among(Hold.id, self.wanted), *reached)
        fresh = select(Hold).where(*mine).order_by(Hold.id)
        return {
            hold.id: hold
            for hold in self.session.scalars(fresh.execution_options(populate_existing=True))
        }

    def each(self, ask: Callable[[Hold], Refusal | None]) -> tuple[list[Hold], list[Left]]:
        """The open holds to which `ask` has no objection, and the others with what speaks against
        them.
        """
        good: list[Hold] = []
        left: list[Left] = []
        for hold_id in self.wanted:
            hold = self.holds.get(hold_id)
            refusal = gone(hold) if hold is None or hold.state != HoldState.OPEN else ask(hold)
            if hold is None or refusal is not None:
                number = hold.number if hold else ""
                left.append(Left(hold_id, number, refusal or gone(None)))
            else:
                good.append(hold)
        return good, left

    def in_team(self, team_id: int | None, person_id: int | None) -> bool:
        """Whether a person answers for a team."""
        key = (team_id, person_id)
        if key not in self._teams:
            self._teams[key] = in_team(self.session, team_id, person_id)
        return self._teams[key]

    def who(self, act: str, team_id: int | None = None, but: Iterable[int] = ()) -> str:
        """Who could do an act instead, as the begin of a sentence."""
        names = who_may(self.session, self.company_id, act, team_id=team_id, but=but)
        return separation.could(names) if names else "No other user can yet"

    @cached_property
    def records(self) -> Mapping[int, Record]:
        """The records, as they stand under the lock."""
        found: Mapping[int, Record] = self._rows(Record, {h.record_id for h in self.holds.values()})
        return found

    @cached_property
    def postings(self) -> Mapping[int, Posting]:
        """The postings that the holds stand on."""
        wanted = {hold.posting_id for hold in self.holds.values() if hold.posting_id is not None}
        found: Mapping[int, Posting] = self._rows(Posting, wanted)
        return found

    @cached_property
    def hands(self) -> separation.Hands:
        """Who may release no hold of each posting, and why."""
        return releasers.hands_of(self.session, list(self.postings.values()))

    @cached_property
    def contents(self) -> Mapping[int, str]:
        """Record id -> the hash of its current content."""
        query = (
            select(Record.id, Version.sha256)
            .join(Version, Version.id == Record.version_id)
            .where(bulk.among(Record.id, sorted({h.record_id for h in self.holds.values()})))
        )
        return dict(self.session.execute(query).all())

    def tell(
        self,
        done: Sequence[Done],
        act: str,
        now: datetime,
        op: str | None,
        *,
        actor: Acting | None = None,
        sealed: Mapping[int, Mapping[str, Any]] | None = None,
        **more: Any,
    ) -> None:
        """One event for each hold; `sealed`: what of it is sealed there, by the id of the hold."""
        of = sealed or {}
        facts = [self._fact(one, act, now, op, {**more, **of.get(one.hold_id, {})}) for one in done]
        record_events(self.session, [replace(fact, actor=actor or self.actor) for fact in facts])

    def _fact(
        self, one: Done, act: str, now: datetime, op: str | None, more: Mapping[str, Any]
    ) -> Fact:
        hold = self.holds[one.hold_id]
        body = {"say": one.say, "hold": hold.id, "rule": hold.rule, "code": hold.code, **more}
        return Fact(
            company_id=self.company_id,
            at=now,
            act=act,
            record_id=hold.record_id,
            posting_id=hold.posting_id,
            object=f"hold:{hold.id}",
            operation_id=op,
            body=body,
        )

    def _rows(self, model: Any, ids: Collection[int]) -> Any:
        query = select(model).where(bulk.among(model.id, sorted(ids)))
        rows = self.session.scalars(query.execution_options(populate_existing=True))
        return {row.id: row for row in rows}


def lock_records(session: Session, company_id: int, hold_ids: Collection[int]) -> None:
    """Lock the records of holds, in order of ids. What stands on them is read by a later statement:
    one that waits for a lock shows its other tables as they were before.
    """
    mine = (Hold.company_id == company_id, bulk.among(Hold.id, hold_ids))
    records = select(Record.id).where(Record.id.in_(select(Hold.record_id).where(*mine)))
    session.execute(records.order_by(Record.id).with_for_update(key_share=True))


def alone(
    session: Session,
    actor: Actor,
    now: datetime,
    op: str | None,
    asked: tuple[object, ...],
    ask: Callable[[], Each | Refusal],
) -> Done | Refusal:
    """An act over many asked of one hold, once a form."""

    def act() -> Done | Refusal:
        answer = ask()
        return answer if isinstance(answer, Refusal) else answer.only

    return once(session, actor, op, asked=asked, now=now, act=act, read=read_done)


def done(hold: Hold, say: str) -> Done:
    """The answer of a hold with which something was done."""
    return Done(hold_id=hold.id, record_id=hold.record_id, say=say, number=hold.number)


def read_done(stored: Mapping[str, Any]) -> Done:
    """The answer as it was kept for a second click."""
    return Done(**stored)


def read_each(stored: Mapping[str, Any]) -> Each:
    """The same for an act over many."""
    return Each(
        tuple(Done(**one) for one in stored["done"]),
        tuple(
            Left(one["hold_id"], one["number"], Refusal(**one["refusal"])) for one in stored["left"]
        ),
    )


def gone(hold: Hold | None) -> Refusal:
    """What to say of a hold that is not there, or not open."""
    if hold is None:
        return Refusal(code="hold.unknown", message="There is no such hold.", status=404)
    state = in_sentence(HOLD_LABELS[hold.state])
    return Refusal(
        code="hold.closed",
        message=f"This hold is already {state}: {hold.closed_why or 'a change cleared it'}.",
        hint="Reload the page.",
    )
