"""Lock holds for an action, check that each is unchanged, and store corrections and acceptances."""

import copy
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from holding.access.actors import Actor, Voice, may
from holding.access.operations import once
from holding.access.people import in_team, who_may
from holding.access.reach import Reach, within
from holding.approvals import separation
from holding.db import bulk
from holding.db.models import (
    AcceptedDifference,
    Company,
    Event,
    Hold,
    Person,
    Posting,
    Record,
    Release,
    Version,
)
from holding.db.models.columns import HoldState
from holding.db.refusal import Refusal
from holding.intake.deliveries import text_of
from holding.intake.families import CurrentContent, update_families
from holding.intake.open_fields import (
    ACT,
    field_changes,
    find_allowed_field,
    flatten,
    settle_faults,
)
from holding.platform import row_seals
from holding.platform.changes import wake_records
from holding.platform.events import Acting, Fact, record_events
from holding.platform.row_seals import Sealed
from holding.platform.states import HOLD_LABELS
from holding.programs import posted_differences, world
from holding.programs.posted_differences import Difference
from rules.decisions.corrections import Correctable, parse_typed
from rules.values.canonical import dumps, in_sentence, sha256_hex
from rules.values.wording import clears_when

_STEP: Final = re.compile(r"([a-z_][a-z0-9_]*)(?:\[(\d+)\])?")

_WORDS: Final = {
    "whole": "a whole number such as 12",
    "decimal": "a number such as 12.5",
    "money": "an amount such as 1250.00, without commas",
    "quantity": "a quantity such as 12 or 2.5",
    "date": "a day such as 2026-11-20",
    "moment": "a date and time such as 2026-11-20T14:03:00+08:00",
    "yesno": "yes or no",
}

FINDING: Final = ("record_id", "route", "seq", "code", "cause_id")
"""The columns that identify what a decision is about, beside the record's content."""


@dataclass(frozen=True, slots=True)
class Moved(Refusal):
    """The refusal when another user was faster, with their change and this user's change."""

    theirs: str = ""
    mine: str = ""


def changed_hold(session: Session, hold: Hold, seen_lock: int | None, mine: str) -> Moved | None:
    """Return a refusal if the hold changed since it had this lock."""
    if seen_lock is None or seen_lock == hold.lock:
        return None
    return moved_refusal(latest_event_text(session, hold), mine)


def refuse_out_of_reach(desk: "Desk", hold: Hold, reach: Reach, mine: str) -> Refusal | None:
    """Refuse to assign a hold to a user who cannot see the hold's source."""
    if not reach.limited or reach.has(desk.records[hold.record_id].source_id):
        return None
    return Refusal(
        code="hold.beyond",
        message=f"You cannot {mine}, because {hold.number} is of a source they do not see.",
        hint="Choose a person who works with that source.",
    )


def moved_refusal(theirs: str, mine: str) -> Moved:
    """Return the refusal that names both users' changes."""
    return Moved(
        code="hold.moved",
        message=f"Another user changed this first. {theirs}",
        hint=f"Your change ({mine}) was not saved. Compare both and decide.",
        status=409,
        theirs=theirs,
        mine=mine,
    )


def latest_event_text(session: Session, hold: Hold, but: str | None = None) -> str:
    """Return the text of the hold's latest event, without events of the form `but`."""
    query = select(Event).where(Event.record_id == hold.record_id)
    if but:
        query = query.where(Event.operation_id.is_distinct_from(but))
    query = query.where(Event.object == f"hold:{hold.id}").order_by(Event.id.desc())
    event = session.scalars(query.limit(1)).first()
    return str(event.body["say"]) if event else "It was changed while you looked."


@dataclass(frozen=True, slots=True)
class Done:
    """A changed hold: its record, and the sentence for the page and the audit trail."""

    hold_id: int
    record_id: int
    say: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """A hold that was left unchanged, and the reason."""

    hold_id: int
    number: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Each:
    """The results of one action on several holds, in order."""

    done: tuple[Done, ...] = ()
    left: tuple[Left, ...] = ()

    @property
    def only(self) -> Done | Refusal:
        """The result of an action on a single hold."""
        return self.done[0] if self.done else self.left[0].refusal


class Desk:
    """The holds that a user acts on. Their records are locked first, in order of ids."""

    def __init__(self, session: Session, actor: Actor, hold_ids: Iterable[int]) -> None:
        self.session, self.actor = session, actor
        self.company_id = actor.company_id or 0
        self.wanted = tuple(dict.fromkeys(hold_ids))
        self.holds = self._locked()
        self._teams: dict[tuple[int | None, int | None], bool] = {}
        self._names: dict[tuple[str, int | None, frozenset[int]], str] = {}
        self.proof: Mapping[str, str] = {}  # what events record about the second factor

    def _locked(self) -> dict[int, Hold]:
        lock_records(self.session, self.company_id, self.wanted)
        reached = within(self.actor.reach, Hold)
        conditions = (
            Hold.company_id == self.company_id,
            bulk.among(Hold.id, self.wanted),
            *reached,
        )
        fresh = select(Hold).where(*conditions).order_by(Hold.id)
        return {
            hold.id: hold
            for hold in self.session.scalars(fresh.execution_options(populate_existing=True))
        }

    def each(self, ask: Callable[[Hold], Refusal | None]) -> tuple[list[Hold], list[Left]]:
        """Split the holds into those that are open and pass the check, and the refused others."""
        good: list[Hold] = []
        refused_holds: list[Left] = []
        for hold_id in self.wanted:
            hold = self.holds.get(hold_id)
            refusal = (
                gone_refusal(hold) if hold is None or hold.state != HoldState.OPEN else ask(hold)
            )
            if hold is None or refusal is not None:
                number = hold.number if hold else ""
                refused_holds.append(Left(hold_id, number, refusal or gone_refusal(None)))
            else:
                good.append(hold)
        return good, refused_holds

    def in_team(self, team_id: int | None, person_id: int | None) -> bool:
        """Check whether a person belongs to a team."""
        key = (team_id, person_id)
        if key not in self._teams:
            self._teams[key] = in_team(self.session, team_id, person_id)
        return self._teams[key]

    def who(self, act: str, team_id: int | None = None, but: Iterable[int] = ()) -> str:
        """Return who else could perform an action, as the start of a sentence."""
        names = self.names(act, team_id, but)
        return f"{names} can" if names else "No other user can yet"

    def names(self, act: str, team_id: int | None = None, but: Iterable[int] = ()) -> str:
        """Return the names of the users who could perform an action, or an empty text."""
        key = (act, team_id, frozenset(but))
        if key not in self._names:
            users = who_may(self.session, self.company_id, act, team_id=team_id, but=key[2])
            self._names[key] = " or ".join(users)
        return self._names[key]

    @cached_property
    def records(self) -> Mapping[int, Record]:
        """The records of the holds by id, read under the lock."""
        rows: Mapping[int, Record] = self._rows(Record, {h.record_id for h in self.holds.values()})
        return rows

    @cached_property
    def postings(self) -> Mapping[int, Posting]:
        """The postings of the holds by id."""
        posting_ids = {
            hold.posting_id for hold in self.holds.values() if hold.posting_id is not None
        }
        rows: Mapping[int, Posting] = self._rows(Posting, posting_ids)
        return rows

    @cached_property
    def hands(self) -> separation.Hands:
        """The people who may not release each posting because they took part in it, with the
        reason.
        """
        return separation.hands_of(self.session, list(self.postings.values()))

    @cached_property
    def contents(self) -> Mapping[int, str]:
        """Content hash of each record's current version, by record id."""
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
        """Record one event for each changed hold. `sealed` adds sealed content by hold id."""
        sealed_by_hold = sealed or {}
        facts = [
            self._fact(result, act, now, op, {**more, **sealed_by_hold.get(result.hold_id, {})})
            for result in done
        ]
        record_events(self.session, [replace(fact, actor=actor or self.actor) for fact in facts])

    def _fact(
        self, result: Done, act: str, now: datetime, op: str | None, more: Mapping[str, Any]
    ) -> Fact:
        hold = self.holds[result.hold_id]
        body = {"say": result.say, "hold": hold.id, "rule": hold.rule, "code": hold.code}
        body |= {**self.proof, **more}
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


class ViewedDesk(Desk):
    """The holds that a page shows, without a lock."""

    def _locked(self) -> dict[int, Hold]:
        visible_holds = select(Hold).where(
            Hold.company_id == self.company_id,
            bulk.among(Hold.id, self.wanted),
            *within(self.actor.reach, Hold),
        )
        return {hold.id: hold for hold in self.session.scalars(visible_holds)}

    def refusals(self, ask: Callable[[Hold], Refusal | None]) -> dict[int, Refusal]:
        """Return by id the holds that the check refuses, with the refusal."""
        return {refused_hold.hold_id: refused_hold.refusal for refused_hold in self.each(ask)[1]}


def lock_records(session: Session, company_id: int, hold_ids: Collection[int]) -> None:
    """Lock the records of holds in order of ids.

    Read dependent rows in a later statement: a statement that waits for a lock still shows older
    rows of its other tables.
    """
    conditions = (Hold.company_id == company_id, bulk.among(Hold.id, hold_ids))
    records = select(Record.id).where(Record.id.in_(select(Hold.record_id).where(*conditions)))
    session.execute(records.order_by(Record.id).with_for_update(key_share=True))


def apply_to_one_hold(
    session: Session,
    actor: Actor,
    now: datetime,
    op: str | None,
    request: tuple[object, ...],
    ask: Callable[[], Each | Refusal],
) -> Done | Refusal:
    """Run an action for several holds on a single hold, once for each form."""

    def act() -> Done | Refusal:
        answer = ask()
        return answer if isinstance(answer, Refusal) else answer.only

    return once(session, actor, op, asked=request, now=now, act=act, read=read_done)


def done_with(hold: Hold, say: str) -> Done:
    """Return an action's result for a hold, with the sentence for the page and the audit trail."""
    return Done(hold_id=hold.id, record_id=hold.record_id, say=say, number=hold.number)


def read_done(stored: Mapping[str, Any]) -> Done:
    """Restore a stored result for a repeated request."""
    return Done(**stored)


def read_each(stored: Mapping[str, Any]) -> Each:
    """Restore the stored results of an action on several holds."""
    return Each(
        tuple(Done(**result) for result in stored["done"]),
        tuple(
            Left(result["hold_id"], result["number"], Refusal(**result["refusal"]))
            for result in stored["left"]
        ),
    )


def gone_refusal(hold: Hold | None) -> Refusal:
    """Return the refusal for a hold that is missing or closed."""
    if hold is None:
        return Refusal(code="hold.unknown", message="There is no such hold.", status=404)
    state = in_sentence(HOLD_LABELS[hold.state])
    return Refusal(
        code="hold.closed",
        message=f"This hold is already {state}: {hold.closed_why or 'a change cleared it'}.",
        hint="Reload the page.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A correction of one value; `seen` is the version number the user looked at."""

    path: str
    value: str
    reason: str
    seen: int


def correct(
    session: Session,
    actor: Actor,
    hold_id: int,
    wish: Correction,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Write a new version with one corrected value. The original version stays."""

    def act() -> Done | Refusal:
        refusal = may(actor, ACT)
        if refusal:
            return refusal
        steady = select(Company.id).where(Company.id == actor.company_id)
        session.execute(steady.with_for_update(read=True)).all()  # a publish waits until this is in
        desk = Desk(session, actor, [hold_id])
        hold = desk.holds.get(hold_id)
        if hold is None:
            return gone_refusal(None)
        record = desk.records[hold.record_id]
        before = session.get_one(Version, record.version_id or 0)
        refusal = _refuse_outdated(session, before, wish)
        if hold.state != HoldState.OPEN:
            refusal = refusal or gone_refusal(hold)
        return refusal or _correct(desk, hold, before, wish, now, op)

    request = ("correct", hold_id, wish)
    return once(session, actor, op, asked=request, now=now, act=act, read=read_done)


def _refuse_outdated(session: Session, now: Version, wish: Correction) -> Refusal | None:
    """Refuse if the record has a newer version than the user looked at."""
    if now.no == wish.seen:
        return None
    if now.corrects_id is None:
        value = _shown(dict(flatten(now.body or {})).get(wish.path))
        did = f"Version {now.no} arrived from the source; {wish.path} is {value} in it."
    else:
        who = session.scalar(select(Person.name).where(Person.id == now.person_id))
        corrected_version = session.get_one(Version, now.corrects_id)
        steps = ", ".join(
            f"{step.path} from {_shown(step.before)} to {_shown(step.after)}"
            for step in field_changes(corrected_version.body, now.body)
        )
        did = f"{who} corrected {steps}: {now.reason}."
    return moved_refusal(did, f"set {wish.path} to {wish.value.strip()}")


def _shown(value: Any) -> str:
    return "nothing" if value is None or value == "" else str(value)


def _correct(
    desk: Desk, hold: Hold, before: Version, wish: Correction, now: datetime, op: str | None
) -> Done | Refusal:
    if not wish.reason.strip():
        return Refusal(code="reason.missing", message="Enter a reason.", status=422)
    allowed_field = find_allowed_field(desk.session, hold.id, wish.path, desk.actor)
    if isinstance(allowed_field, Refusal):
        return allowed_field
    field = allowed_field.field
    value = _value(field, wish.value)
    if isinstance(value, Refusal):
        return value
    body = with_value(before.body or {}, wish.path, value)
    body = settle_faults(body, before.body or {}, wish.path)
    if body == before.body:
        return Refusal(
            code="correction.same",
            message=f"{field.name} is {wish.value.strip()} already.",
            status=422,
        )
    version = _write(desk, before, body, wish, now)
    say = (
        f"{desk.actor.name} corrected {field.label} from {_shown(field.value)} to {_shown(value)}"
        f" (version {version.no}): {wish.reason.strip()}"
    )
    correction = done_with(hold, say)
    no, digest = version.no, version.sha256
    desk.tell([correction], "record.corrected", now, op, field=wish.path, version=no, sha256=digest,
              reason=wish.reason.strip())  # fmt: skip
    return correction


def _value(field: Correctable, text: str) -> Any:
    try:
        return parse_typed(field.field, text)
    except ValueError:
        return Refusal(
            code="correction.value",
            message=f"“{text.strip()}” is not what {field.name} can be.",
            hint=f"Write {_WORDS.get(field.field.type, 'a text')}.",
            status=422,
        )


def _write(
    desk: Desk, before: Version, body: dict[str, Any], wish: Correction, now: datetime
) -> Version:
    """Store the new version, update the record's links and wake the records that use it."""
    session, record = desk.session, desk.records[before.record_id]
    last = select(func.max(Version.no)).where(Version.record_id == record.id)
    version = Version(
        record_id=record.id,
        no=session.scalars(last).one() + 1,
        sha256=sha256_hex(dumps(body)),
        body=body,
        stamp=None,
        status=text_of(body, "status"),
        corrects_id=before.id,
        person_id=desk.actor.person_id,
        reason=wish.reason.strip(),
        at=now,
    )
    session.add(version)
    session.flush()
    record.version_id = version.id
    record.crashes = 0
    record.lock += 1
    wake_records(session, [record.id], now)
    company = session.get_one(Company, desk.company_id)
    if company.ruleset_version_id is not None:
        judge = world.program(session, company.ruleset_version_id)
        families = {record.id: (record.family, record.family)}
        now_counts = [CurrentContent(record.id, record.type, body)]
        update_families(session, desk.company_id, judge, now_counts, families, now)
    return version


def with_value(body: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of a body with one value replaced; `path` is `total` or `lines[0].qty`."""
    copied = copy.deepcopy(dict(body))
    first, _, rest = path.partition(".")
    step = _STEP.fullmatch(first)
    if not rest or step is None or step[2] is None:
        copied[first] = value
    else:
        copied[step[1]][int(step[2])][rest] = value
    return copied


def store_decisions(
    desk: Desk,
    holds: Sequence[Hold],
    voice: Voice,
    kind: str,
    why: str,
    now: datetime,
    op: str | None,
) -> dict[int, int]:
    """Store a decision about each hold, and return the decision ids by hold id."""
    rows = [
        {
            "record_id": hold.record_id,
            "route": hold.route,
            "seq": hold.seq,
            "code": hold.code,
            "cause_id": hold.cause_id,
            "content_sha256": desk.contents.get(hold.record_id, ""),
            "rule": hold.rule,
            "kind": kind,
            "person_id": voice.person_id,
            "for_person_id": voice.for_person_id,
            "reason": why,
            "at": now,
            "operation_id": op,
        }
        for hold in holds
    ]
    _make_way(desk, holds, voice, now)
    inserted = bulk.insert_rows(desk.session, Release, rows, returning=("id", *FINDING))
    ids = {tuple(finding): decision for decision, *finding in inserted}
    return {hold.id: ids[tuple(getattr(hold, name) for name in FINDING)] for hold in holds}


def _make_way(desk: Desk, holds: Sequence[Hold], voice: Voice, now: datetime) -> None:
    """Void earlier decisions about these findings for the current content.

    They no longer count, otherwise the holds would not be open.
    """
    same_finding = (getattr(Release, name) == getattr(Hold, name) for name in FINDING)
    open_again = select(Hold.id).where(
        bulk.among(Hold.id, [hold.id for hold in holds]), *same_finding
    )
    content = select(Version.sha256).join(Record, Record.version_id == Version.id)
    desk.session.execute(
        update(Release)
        .where(bulk.among(Release.record_id, sorted({hold.record_id for hold in holds})))
        .where(Release.voided_at.is_(None), open_again.exists())
        .where(
            Release.content_sha256
            == content.where(Record.id == Release.record_id).scalar_subquery()
        )
        .values(voided_at=now, voided_by_id=voice.person_id)
        .execution_options(synchronize_session=False)
    )


def sealed_decisions(desk: Desk, decided: Mapping[int, int]) -> dict[int, Sealed]:
    """Return, by hold id, the decision rows that the hold's event seals."""
    keys = {row_seals.RELEASE: decided.values(), row_seals.ACCEPTED: decided.values()}
    rows = row_seals.seals(desk.session, desk.company_id, keys).get(row_seals.ROWS, [])
    of: dict[int, Any] = {}
    for row in rows:
        of.setdefault(row[1], []).append(row)
    return {hold_id: {row_seals.ROWS: of[key]} for hold_id, key in decided.items() if key in of}


def refuse_retry_of_difference(session: Session, hold: Hold) -> Refusal | None:
    """Refuse to retry a difference after posting, because a new check finds it again.

    A retry is allowed only while the difference cannot be compared.
    """
    if hold.code not in posted_differences.CODES:
        return None
    if posted_differences.posted_difference(session, hold.record_id, hold.route) is None:
        return None
    return Refusal(
        code="retry.posted",
        message=f"You cannot retry {hold.number}, because it is posted: a new check finds the same"
        " difference.",
        hint=clears_when(hold.would_pass),
    )


class Accepting:
    """The differences of some holds, each computed once; `seen` is the version the user looked
    at.
    """

    def __init__(self, desk: Desk, seen: int | None = None) -> None:
        self.desk, self.seen = desk, seen
        self._found: dict[int, Difference | None] = {}

    def of(self, hold: Hold) -> Difference | None:
        """Return the difference of a hold, or None for another kind of hold."""
        if hold.code != posted_differences.ACCEPTED:
            return None
        if hold.id not in self._found:
            posted_difference = posted_differences.posted_difference(
                self.desk.session, hold.record_id, hold.route
            )
            self._found[hold.id] = posted_difference
        return self._found[hold.id]

    def refusal(self, hold: Hold) -> Refusal | None:
        """Refuse a difference that cannot be computed or that changed since the user looked."""
        if hold.code != posted_differences.ACCEPTED:
            return None
        difference = self.of(hold)
        if difference is None:
            return Refusal(
                code="difference.unknown",
                message=f"What is posted of {hold.number} cannot be compared with the record now.",
                hint="Retry it, so that the record is checked again.",
            )
        if difference.newest and self.seen in (None, difference.version):
            return None
        return Refusal(
            code="difference.moved",
            message=f"{difference.source} changed {difference.number} again; nothing was accepted.",
            hint="Look at the new difference, then decide.",
        )

    def say(self, hold: Hold, name: str) -> str | None:
        """Return the sentence that the user `name` accepted the difference, without the reason.

        None for another kind of hold.
        """
        difference = self.of(hold)
        return (
            f"{name} accepted the difference: {difference.kept}" if difference is not None else None
        )

    def short(self, hold_id: int) -> str:
        """Return a short text for the undo bar, or an empty text for another kind of hold."""
        difference = self._found.get(hold_id)
        return f"Difference of {difference.number} accepted" if difference is not None else ""

    def keep(self, holds: Sequence[Hold], releases: Mapping[int, int]) -> None:
        """Store the accepted differences, with release ids by hold id."""
        rows = [
            {
                "company_id": hold.company_id,
                "release_id": releases[hold.id],
                "record_id": hold.record_id,
                "posting_id": document.posting_id,
                "push_id": document.push_id,
                "version_no": difference.version,
                "posted": document.posted,
                "wanted": document.wanted,
            }
            for hold in holds
            if (difference := self.of(hold)) is not None
            for document in difference.documents
            if document.rows or document.posted != document.wanted
        ]
        bulk.insert_rows(self.desk.session, AcceptedDifference, rows)
