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
from holding.intake.open_fields import ACT, field_changes, find_allowed_field, flatten
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

_FINDING: Final = ("record_id", "route", "seq", "code", "cause_id")
"""What a decision is about, besides the content of the record."""


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
        return separation.hands_of(self.session, list(self.postings.values()))

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a person wants to set right; `seen` is the number of the version they looked at."""

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
    """Write a new version with one value set right; the original stays beside it."""

    def act() -> Done | Refusal:
        refusal = may(actor, ACT)
        if refusal:
            return refusal
        steady = select(Company.id).where(Company.id == actor.company_id)
        session.execute(steady.with_for_update(read=True)).all()  # a publish waits until this is in
        desk = Desk(session, actor, [hold_id])
        hold = desk.holds.get(hold_id)
        if hold is None:
            return gone(None)
        record = desk.records[hold.record_id]
        before = session.get_one(Version, record.version_id or 0)
        refusal = _faster(session, before, wish)
        if hold.state != HoldState.OPEN:
            refusal = refusal or gone(hold)
        return refusal or _correct(desk, hold, before, wish, now, op)

    asked = ("correct", hold_id, wish)
    return once(session, actor, op, asked=asked, now=now, act=act, read=read_done)


def _faster(session: Session, now: Version, wish: Correction) -> Refusal | None:
    """What the record became while the person looked at an older version of it."""
    if now.no == wish.seen:
        return None
    if now.corrects_id is None:
        value = _shown(dict(flatten(now.body or {})).get(wish.path))
        did = f"Version {now.no} arrived from the source; {wish.path} is {value} in it."
    else:
        who = session.scalar(select(Person.name).where(Person.id == now.person_id))
        old = session.get_one(Version, now.corrects_id)
        steps = ", ".join(
            f"{one.path} from {_shown(one.before)} to {_shown(one.after)}"
            for one in field_changes(old.body, now.body)
        )
        did = f"{who} corrected {steps}: {now.reason}."
    return moved(did, f"set {wish.path} to {wish.value.strip()}")


def _shown(value: Any) -> str:
    return "nothing" if value is None or value == "" else str(value)


def _correct(
    desk: Desk, hold: Hold, before: Version, wish: Correction, now: datetime, op: str | None
) -> Done | Refusal:
    if not wish.reason.strip():
        return Refusal(code="reason.missing", message="Enter a reason.", status=422)
    given = find_allowed_field(desk.session, hold.id, wish.path, desk.actor)
    if isinstance(given, Refusal):
        return given
    field = given.field
    value = _value(field, wish.value)
    if isinstance(value, Refusal):
        return value
    body = changed(before.body or {}, wish.path, value)
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
    made = done(hold, say)
    no, digest = version.no, version.sha256
    desk.tell([made], "record.corrected", now, op, field=wish.path, version=no, sha256=digest,
              reason=wish.reason.strip())  # fmt: skip
    return made


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
    """The new version, its values for links, and the wake of whoever looks at the record."""
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
        family = {record.id: record.family}
        now_counts = [CurrentContent(record.id, record.type, body)]
        update_families(session, desk.company_id, judge, now_counts, family, family, now)
    return version


def changed(body: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a body with one value replaced; `path` is `total` or `lines[0].qty`."""
    found = copy.deepcopy(dict(body))
    first, _, rest = path.partition(".")
    step = _STEP.fullmatch(first)
    if not rest or step is None or step[2] is None:
        found[first] = value
    else:
        found[step[1]][int(step[2])][rest] = value
    return found


def remember(
    desk: Desk,
    holds: Sequence[Hold],
    voice: Voice,
    kind: str,
    why: str,
    now: datetime,
    op: str | None,
) -> dict[int, int]:
    """Keep a decision about each hold; hold id -> id of the decision."""
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
    made = bulk.insert_rows(desk.session, Release, rows, returning=("id", *_FINDING))
    ids = {tuple(finding): decision for decision, *finding in made}
    return {hold.id: ids[tuple(getattr(hold, name) for name in _FINDING)] for hold in holds}


def _make_way(desk: Desk, holds: Sequence[Hold], voice: Voice, now: datetime) -> None:
    """Void what was decided before about these findings and this content: it counts no longer, or
    they would not be open.
    """
    same = (getattr(Release, name) == getattr(Hold, name) for name in _FINDING)
    open_again = select(Hold.id).where(bulk.among(Hold.id, [hold.id for hold in holds]), *same)
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
    """What the event about each hold seals: the decision, and what it left as it was."""
    keys = {row_seals.RELEASE: decided.values(), row_seals.ACCEPTED: decided.values()}
    rows = row_seals.seals(desk.session, desk.company_id, keys).get(row_seals.ROWS, [])
    of: dict[int, Any] = {}
    for row in rows:
        of.setdefault(row[1], []).append(row)
    return {hold_id: {row_seals.ROWS: of[key]} for hold_id, key in decided.items() if key in of}


def not_by_retry(session: Session, hold: Hold) -> Refusal | None:
    """Why a retry does not clear a change after posting; whatever could end the hold has its
    record checked again anyway. Only what cannot be compared yet needs a new check.
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
    """The differences of some holds, worked out once each; `seen` is the version looked at."""

    def __init__(self, desk: Desk, seen: int | None = None) -> None:
        self.desk, self.seen = desk, seen
        self._found: dict[int, Difference | None] = {}

    def of(self, hold: Hold) -> Difference | None:
        """What a hold is about; nothing where it is about no change after posting."""
        if hold.code != posted_differences.ACCEPTED:
            return None
        if hold.id not in self._found:
            found = posted_differences.posted_difference(
                self.desk.session, hold.record_id, hold.route
            )
            self._found[hold.id] = found
        return self._found[hold.id]

    def refusal(self, hold: Hold) -> Refusal | None:
        """Why the difference cannot be accepted: nobody can say it, or it is not the one that was
        looked at.
        """
        if hold.code != posted_differences.ACCEPTED:
            return None
        found = self.of(hold)
        if found is None:
            return Refusal(
                code="difference.unknown",
                message=f"What is posted of {hold.number} cannot be compared with the record now.",
                hint="Retry it, so that the record is checked again.",
            )
        if found.newest and self.seen in (None, found.version):
            return None
        return Refusal(
            code="difference.moved",
            message=f"{found.source} changed {found.number} again; nothing was accepted.",
            hint="Look at the new difference, then decide.",
        )

    def say(self, hold: Hold, name: str) -> str | None:
        """What somebody accepted, in a sentence without its reason."""
        found = self.of(hold)
        return f"{name} accepted the difference: {found.kept}" if found is not None else None

    def short(self, hold_id: int) -> str:
        """The same for the bar where it can be taken back; nothing where it is no difference."""
        found = self._found.get(hold_id)
        return f"Difference of {found.number} accepted" if found is not None else ""

    def keep(self, holds: Sequence[Hold], releases: Mapping[int, int]) -> None:
        """Write down what was accepted, by hold id -> release id."""
        rows = [
            {
                "company_id": hold.company_id,
                "release_id": releases[hold.id],
                "record_id": hold.record_id,
                "posting_id": one.posting_id,
                "push_id": one.push_id,
                "version_no": found.version,
                "posted": one.posted,
                "wanted": one.wanted,
            }
            for hold in holds
            if (found := self.of(hold)) is not None
            for one in found.documents
            if one.rows or one.posted != one.wanted
        ]
        bulk.insert_rows(self.desk.session, AcceptedDifference, rows)
