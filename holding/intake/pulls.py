"""Asking sources for what changed there: what webhooks did not bring comes automatically.

Here: one page and what is new of it in one transaction with the cursor behind it,
and what follows when there is no answer. Not here: the call (connectors/sources), its plan
(holding/connections/pull_settings.py), whose turn it is (holding/intake/pull_turns.py).

Two readings go on for each such source. The `pull` follows the changes, every few minutes. The
`sweep` looks again at the last days, once a night: a change that was stored late in the shop,
behind the place that was read already, is found by nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import IncomingRecord
from connectors.contract.pulls import NoPage, Page, Pulled, Pulls
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from holding.access.secrets import Keys
from holding.audit.events import record_event
from holding.connections import pull_settings
from holding.connections.limits import a_call, leave_alone
from holding.connections.pull_settings import PullPlan
from holding.connections.setup import CALLS_PER_MINUTE, secret_of
from holding.intake import pull_turns, versions
from holding.intake.hook_calls import may_deliver
from holding.intake.pull_keys import KeyUse, Later
from holding.intake.pull_turns import Turn
from holding.intake.source_zone import zone_of_source
from holding.intake.stored_versions import unseen
from holding.refusal import Refusal
from holding.store.database import Database
from holding.store.leases import SLICE_SECONDS
from holding.tables import Connection
from holding.words import plural
from rules.values.canonical import sha256_hex

LONGEST_PAUSE = timedelta(hours=1)
DOUBLED = 6  # so many times at most: then it is as long
NAMED = 10  # numbers that a sentence names


@dataclass(frozen=True, slots=True)
class PullCount:
    """What a turn came to: pages that were read or asked for in vain, versions made, and whether
    there is more to read at once.
    """

    pages: int = 0
    new: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A connection that can be asked, with all that takes."""

    source: Pulls
    connection: Connection
    plan: PullPlan
    secret: str
    zone: ZoneInfo


def arrange(session: Session, now: datetime) -> None:
    """Begin to ask the sources that can be asked since somebody gave them address and key."""
    able = {name: one for name, one in registry.sources().items() if isinstance(one, Pulls)}
    keyless = [name for name, one in able.items() if one.form.key and one.form.key.optional]
    for connection in pull_turns.without(session, list(able), keyless):
        if pull_settings.is_set(connection.settings):
            zone = zone_of_source(session, connection.id)
            plan = pull_settings.plan_of(connection.settings)
            pull_turns.begin(session, connection.id, plan, zone, now)


def plan_anew(session: Session, connection_id: int, now: datetime) -> None:
    """Follow the settings of a source that was changed: ask at once, sweep at the hour it says."""
    connection = session.get_one(Connection, connection_id)
    zone = zone_of_source(session, connection_id)
    plan = pull_settings.plan_of(connection.settings)
    pull_turns.change(session, connection_id, plan, zone, now)


def pull_due(
    database: Database,
    clock: Clock,
    *,
    company_id: int,
    owner: str,
    http: Http,
    keys: Keys,
    lease_seconds: float,
) -> PullCount:
    """Read what is due for a short while, page by page."""
    until = clock.monotonic() + SLICE_SECONDS
    pages = new = 0
    lease = timedelta(seconds=lease_seconds)
    while clock.monotonic() < until:
        with database.write() as session:
            turn = pull_turns.claim(session, company_id, owner, clock.now(), lease)
        if turn is None:
            return PullCount(pages, new)
        pages += 1
        new += _turn(database, clock, turn, http, keys)
    return PullCount(pages, new, more=True)


def _turn(database: Database, clock: Clock, turn: Turn, http: Http, keys: Keys) -> int:
    """One page of one source; how many versions came of it."""
    with database.write() as session:
        asked = _asked(session, turn, keys)
        if asked is None:
            pull_turns.leave(session, turn)
            return 0
        told = None if isinstance(asked, Refusal) else _wait(session, asked, clock.now())
        if told is not None:
            pull_turns.later(session, turn, told)
            return 0
    if isinstance(asked, Refusal):
        _failed(database, clock, turn, NoPage(words=asked.message, hint=asked.hint))
        return 0
    source, zone, settings = asked.source, asked.zone, asked.connection.settings
    cursor = turn.cursor or source.begin(_since(turn, asked, clock.now()))
    use = KeyUse(database, clock, source, turn.connection_id, http, keys)
    page = use.asked(asked.secret, lambda key: source.page(cursor, settings, key, zone, http))
    if isinstance(page, Later):
        with database.write() as session:
            pull_turns.later(session, turn, clock.now() + page.after)
        return 0
    if isinstance(page, NoPage):
        _failed(database, clock, turn, page)
        return 0
    return _keep(database, clock, turn, asked, page)


def _asked(session: Session, turn: Turn, keys: Keys) -> _Asked | Refusal | None:
    """The source with its key; None where it is no source to be asked any more."""
    connection = session.get_one(Connection, turn.connection_id)
    source = registry.sources().get(connection.connector)
    if not isinstance(source, Pulls) or not pull_settings.is_set(connection.settings):
        return None
    secret = secret_of(session, connection, keys)
    if isinstance(secret, Refusal):
        return secret
    return _Asked(
        source=source,
        connection=connection,
        plan=pull_settings.plan_of(connection.settings),
        secret=secret,
        zone=zone_of_source(session, connection.id),
    )


def _wait(session: Session, asked: _Asked, now: datetime) -> datetime | None:
    """Until when the limit of calls makes it wait; None where the call is spent and may be made."""
    told = str(asked.connection.settings.get(CALLS_PER_MINUTE, ""))
    most = asked.source.calls_a_minute
    return a_call(session, asked.connection.id, min(int(told), most) if told else most, now)


def _since(turn: Turn, asked: _Asked, now: datetime) -> datetime:
    """A whole second: of a change sources say in which second it was, and that may be this one."""
    back = now - asked.plan.sweep_back
    since = max(back, turn.start_at) if turn.kind == "sweep" else turn.start_at
    return since.replace(microsecond=0)


def _keep(database: Database, clock: Clock, turn: Turn, asked: _Asked, page: Page) -> int:
    """Store what is new of a page and the cursor behind it, both or neither."""
    records = [
        record
        for one in page.found
        for record in one.records
        if may_deliver(asked.connection, record.kind)
    ]
    with database.read() as session:
        new = unseen(session, turn.connection_id, records)
    with database.write(many=True) as session:
        now = clock.now()
        if not pull_turns.still_ours(session, turn):
            return 0
        source = session.get_one(Connection, turn.connection_id)
        if source.settings != asked.connection.settings:  # it may bring something else now
            pull_turns.later(session, turn, now)
            return 0
        made = _received(session, turn, asked, page, new, now)
        for one in page.found:
            if one.errors:
                _unreadable(session, turn, asked, one, now)
        again = pull_turns.asked_meanwhile(session, turn)
        wrong = page.wrong.sentence if page.wrong else None
        pull_turns.advance(session, turn, page.after, made, now, wrong)
        if not page.more:
            pull_turns.done(session, turn, now if again else _due(turn, asked, now), now)
        if page.wrong is not None:
            _trouble(session, turn, page.wrong, now)
        elif turn.wrong_since is not None:
            words = f"{asked.connection.name} can be read again."
            _tell(session, asked.connection, now, "pull.answers", words)
    return made


def _received(
    session: Session,
    turn: Turn,
    asked: _Asked,
    page: Page,
    new: Sequence[IncomingRecord],
    now: datetime,
) -> int:
    """The versions that came of what is new."""
    wanted = {(one.kind, one.external_id) for one in new}
    news = [
        one.raw for one in page.found if any((r.kind, r.external_id) in wanted for r in one.records)
    ]
    if not news:
        return 0
    raw = b"[" + b",".join(news) + b"]"
    # what is new is known: what became again as it was, without a moment, comes under its own key
    key = f"{turn.kind}-{now.astimezone(UTC):%Y%m%dT%H%M%S.%f}-{sha256_hex(raw)}"
    receipt = versions.receive(
        session,
        company_id=asked.connection.company_id,
        source_id=asked.connection.id,
        delivery_key=key,
        kind=turn.kind,
        headers={},
        raw=raw,
        records=new,
        now=now,
    )
    if isinstance(receipt, Refusal):  # it was kept before: nothing of it is new after all
        return 0
    made = receipt.new_records + receipt.new_versions + receipt.stale
    if made:
        _tell(session, asked.connection, now, *_said(turn.kind, asked.connection.name, new))
    return receipt.new_versions


def _said(
    kind: Literal["pull", "sweep"], name: str, new: Sequence[IncomingRecord]
) -> tuple[str, str]:
    """Act and sentence for records that only the asking brought."""
    numbers = ", ".join(f"{one.kind.replace('_', ' ')} {one.number}" for one in new[:NAMED])
    rest = f" and {len(new) - NAMED:,} more" if len(new) > NAMED else ""
    what = plural(len(new), "record")
    if kind == "sweep":
        words = f"The nightly sweep of {name} found {what} that had not arrived: {numbers}{rest}."
        return "webhook.missed", words
    return "pull.records", f"Reading {name} brought {what}: {numbers}{rest}."


def _unreadable(session: Session, turn: Turn, asked: _Asked, one: Pulled, now: datetime) -> None:
    """Keep what cannot be read as it came, and say so once."""
    receipt = versions.receive(
        session,
        company_id=asked.connection.company_id,
        source_id=asked.connection.id,
        delivery_key=f"unreadable-{sha256_hex(one.raw)}",
        kind=turn.kind,
        headers={},
        raw=one.raw,
        records=(),
        now=now,
    )
    if isinstance(receipt, Refusal) or receipt.times > 1:
        return
    first = one.errors[0]
    words = f"{asked.connection.name} sent something that cannot be read. {first.where}"
    value = f" (“{first.value}”)" if first.value else ""
    say = f"{words}{value}: {first.message} {first.hint}"
    _tell(session, asked.connection, now, "pull.unreadable", say)


def _due(turn: Turn, asked: _Asked, now: datetime) -> datetime | None:
    """When this reading begins again."""
    if turn.kind == "sweep":
        return asked.plan.next_sweep(now, asked.zone)
    return now + asked.plan.every if asked.plan.every else None


def _failed(database: Database, clock: Clock, turn: Turn, told: NoPage) -> None:
    """No page: ask later, ever less often, and say so the first time."""
    with database.write() as session:
        now = clock.now()
        pause = min(LONGEST_PAUSE, timedelta(minutes=2 ** min(turn.tries, DOUBLED)))
        if told.pause is not None:
            pause = min(LONGEST_PAUSE, max(pause, timedelta(seconds=told.pause)))
        if pull_turns.failed(session, turn, told.sentence, now + pause, now):
            _trouble(session, turn, told, now)


def _trouble(session: Session, turn: Turn, told: NoPage, now: datetime) -> None:
    """Leave the source alone where it wants that, and say the first time what is wrong."""
    if told.pause is not None:
        leave_alone(session, turn.connection_id, now, told.pause)
    if turn.wrong_since is None:
        connection = session.get_one(Connection, turn.connection_id)
        say = f"{connection.name} could not be read. {told.sentence}"
        _tell(session, connection, now, "pull.failed", say)


def _tell(session: Session, connection: Connection, now: datetime, act: str, say: str) -> None:
    record_event(
        session,
        company_id=connection.company_id,
        at=now,
        actor=None,
        act=act,
        object=f"connection:{connection.id}",
        body={"say": say},
    )
