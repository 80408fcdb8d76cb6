"""List what could fail before the first call: connections, waiting documents and holds.

Reads stored rows only. The connection test in `holding/connections/channel.py` calls the target.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import schema
from grammar.nodes import Post, Ruleset
from holding.connections import sale_issuers
from holding.connections.master_data import PERIOD, month_of, zone_of
from holding.db.models import Cause, Company, Connection, Hold, Posting, Snapshot, Throttle
from holding.db.models.columns import BreakerState, is_word, moment
from holding.db.models.decisions import HOLD_OPEN, WHOLE_RECORD
from holding.db.refusal import duration, plural
from holding.programs.world import SNAPSHOT_HOURS, program, target_connections
from holding.rulesets import admission, target_ways
from holding.trials import waiting_documents
from rules.comparison.difference import Landing, landings, stranded
from rules.values.canonical import PostingState
from rules.values.wording import clears_when


class Code(StrEnum):
    """The codes of faults of a connection.

    A fault of a record or document has the code of its finding, and a failed step of the connection
    test has a code after `test.`.
    """

    TWO_WAYS = target_ways.CODE
    SETTING = "connection.setting"
    MODULE = "connection.marketplace_module"
    ISSUER = "connection.e_invoice_issuer"
    NO_KEY = "connection.no_key"
    NOT_TESTED = "connection.not_tested"
    PAUSED = "connection.paused"
    KEY_REFUSED = "connection.key_refused"
    AWAY = "connection.away"
    QUOTA = "connection.quota"
    ROUNDING = "connection.rounding"
    NO_MASTER_DATA = "master_data.none"
    OLD_MASTER_DATA = "master_data.old"
    NO_RULES = "rules.none"
    NO_CONNECTION = "rules.no_connection"
    GAP = "rules.days_without_target"
    OVERLAP = "rules.days_with_two_targets"
    STRANDED = "rules.follows_what_goes_elsewhere"
    LEFT = "rules.posted_documents_without_rule"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem that would cause failures: its connection (blank if none), and what to do.

    `records`: how many documents or records it stops, if known.
    """

    code: str
    connection: str
    words: str
    todo: str
    records: int = 0


def findings(
    session: Session, company_id: int, now: datetime, name: str = ""
) -> tuple[Finding, ...]:
    """Return all findings of a company, or the findings of one connection.

    Findings about connections come first.
    """
    company = session.get_one(Company, company_id)
    parameters = {"company": company_id}
    rows = [
        connection
        for connection in session.scalars(_CONNECTIONS, parameters)
        if name in ("", connection.name)
    ]
    all_findings = list(_of_sources(session, company_id, name))
    for row in rows:
        all_findings += _of_connection(session, row, now)
    if not name:
        all_findings += _of_rules(session, company, now)
    for row in rows:
        if row.side == "target":
            all_findings += (
                Finding(fault.code, row.name, fault.words, fault.todo, fault.records)
                for fault in waiting_documents.faults(session, row, now)
            )
    return (*all_findings, *_held(session, company, name))


_CONNECTIONS = (
    select(Connection).where(Connection.company_id == bindparam("company")).order_by(Connection.id)
)


def _of_sources(session: Session, company_id: int, name: str) -> Iterator[Finding]:
    for clash in target_ways.find_clashes(session, company_id):
        if name in ("", clash.first, clash.second):
            yield Finding(Code.TWO_WAYS, clash.second, clash.words, clash.todo)
    open_answers = sale_issuers.find_open_answers(session, company_id)
    answers = open_answers.of(name) if name else open_answers
    for source in answers.unknown:
        words = "It is not known who makes the e-Invoices of its sales: what makes one is held."
        todo = "Ask your tax agent, then answer it under Settings."
        yield Finding(Code.ISSUER, source, words, todo)
    for booking in answers.bookings:
        yield Finding(Code.MODULE, booking.target, booking.words, booking.todo)


def _of_connection(session: Session, row: Connection, now: datetime) -> Iterator[Finding]:
    form = registry.form_of(row.side, row.connector)
    settings = form.settings if form else ()
    texts = {key: str(value) for key, value in row.settings.items()}
    for wrong in schema.setting_faults(settings, texts).values():
        yield Finding(Code.SETTING, row.name, wrong, "Correct it under Settings.")
    if form is not None and form.key is not None and row.key_id is None:
        todo = "Store the key on the page of the connection."
        yield Finding(Code.NO_KEY, row.name, "It has no key.", todo)
    if row.side == "target":
        yield from _of_target(session, row, now)


def _of_target(session: Session, row: Connection, now: datetime) -> Iterator[Finding]:
    if row.untested_since is not None:
        words = "No connection test has passed with its present settings and key."
        yield Finding(Code.NOT_TESTED, row.name, words, "Test the connection.")
    for step in row.test_steps:
        if step.get("ok") is False:
            words = f"{step['name']}: {step['words']}"
            yield Finding(f"test.{step['code']}", row.name, words, str(step["hint"]))
    if row.paused_at is not None:
        words = f"It is paused: {row.pause_reason or 'no reason given'}"
        yield Finding(Code.PAUSED, row.name, words, "Resume it on its page.")
    throttle = session.get(Throttle, row.id)
    if throttle is not None:
        yield from _of_throttle(session, row, throttle, now)
    wrong = admission.find_disagreement(session, row.id)
    if wrong is not None:
        words = f"{row.name} rounds {wrong.there}, and the rules in force say {wrong.here}."
        todo = (
            f"Set it back to rounding {wrong.here} in {row.name} and test the connection; or set"
            f" “Rounding” of the connection, then publish rules that round {wrong.there}."
        )
        yield Finding(Code.ROUNDING, row.name, words, todo, wrong.records)
    yield from _of_master_data(session, row, now)


def _of_throttle(
    session: Session, row: Connection, throttle: Throttle, now: datetime
) -> Iterator[Finding]:
    if throttle.breaker != BreakerState.CLOSED and row.untested_since is None:
        if throttle.open_until is None:
            words, todo = "It does not accept the API key.", "Store a new key, then test it."
            yield Finding(Code.KEY_REFUSED, row.name, words, todo)
        else:
            todo = "Clearpost asks again automatically. Test the connection to know why."
            yield Finding(Code.AWAY, row.name, "It was out of reach when last called.", todo)
    month = month_of(now, zone_of(session, row.company_id))
    if throttle.quota_limit is None or throttle.quota_month != month:
        return
    ready = session.scalar(_READY, {"connection": row.id}) or 0
    remaining = max(0, throttle.quota_limit - throttle.quota_used)
    if ready > remaining:
        words = f"{remaining:,} of {throttle.quota_limit:,} documents are left this month,"
        words += f" and {plural(ready, 'document waits', 'documents wait')}."
        todo = "Take a larger plan there, or let the rest wait for the next month."
        yield Finding(Code.QUOTA, row.name, words, todo, ready - remaining)


_READY = select(func.count()).where(
    Posting.connection_id == bindparam("connection"), Posting.state == PostingState.READY
)


def _of_master_data(session: Session, row: Connection, now: datetime) -> Iterator[Finding]:
    checked = session.scalar(_CHECKED, {"connection": row.id})
    if checked is None:
        words = "Nothing is known of its accounts, tax codes and periods."
        yield Finding(Code.NO_MASTER_DATA, row.name, words, "Test the connection: it reads them.")
    elif now - checked > timedelta(hours=SNAPSHOT_HOURS):
        age = duration(int((now - checked).total_seconds()) // 60)
        words = f"What is known of its accounts, tax codes and periods is {age} old."
        yield Finding(Code.OLD_MASTER_DATA, row.name, words, "Test the connection: it reads them.")


_CHECKED = select(func.max(Snapshot.checked_at)).where(
    Snapshot.connection_id == bindparam("connection"), Snapshot.kind == PERIOD
)


def _of_rules(session: Session, company: Company, now: datetime) -> Iterator[Finding]:
    if company.ruleset_version_id is None:
        todo = "Publish rules: clearpost rules push, then clearpost publish."
        yield Finding(Code.NO_RULES, "", "No rules are in force.", todo)
        return
    connections = target_connections(session, company.id)
    routes = waiting_documents.routes(session, company.ruleset_version_id)
    for word in sorted({route.target for route in routes.values()} - connections.keys()):
        words = f"The rules post to {word}, and there is no such connection."
        yield Finding(Code.NO_CONNECTION, word, words, f"Add a connection called {word}.")
    yield from _of_moves(session, company)
    yield from _left(session, company.id, routes.keys(), now)


def _of_moves(session: Session, company: Company) -> Iterator[Finding]:
    """Yield days that no target takes or that two targets take, if the company moves between
    targets by date.
    """
    todo = "Let one posting rule begin where the other ends."
    for landing in moves(session, company.id):
        if not landing.targets:
            words = (
                f"No accounting system takes the {landing.record} of {landing.field}"
                f" {landing.days}."
            )
            yield Finding(Code.GAP, "", words, todo)
        elif not landing.is_good:
            target_names = " and ".join(landing.targets)
            words = (
                f"{target_names} both take the {landing.record} of {landing.field} {landing.days}."
            )
            yield Finding(Code.OVERLAP, "", words, todo)
    for stranded_route in stranded(_ruleset(session, company.id)):
        days = " and ".join(stranded_route.days)
        words = (
            f"{stranded_route.route} follows {stranded_route.follows}, which is not made of"
            f" {stranded_route.field} {days}: it"
            " waits for ever."
        )
        todo = f"Let {stranded_route.route} ask for the same days."
        yield Finding(Code.STRANDED, "", words, todo)


def moves(session: Session, company_id: int) -> tuple[Landing, ...]:
    """Return the parts of the calendar in which the rules in force post by date, with the targets
    of each. A part is good if it has exactly one target.
    """
    if session.get_one(Company, company_id).ruleset_version_id is None:
        return ()
    connections = target_connections(session, company_id)

    def same(post: Post) -> str:
        """Return the e-invoice type of the document. A sale may have only one of each type."""
        connection = connections.get(post.route.target)
        target = registry.targets().get(connection.connector) if connection else None
        stated = target.form.e_invoices if target else None
        return stated.types.get(post.route.document, "") if stated else ""

    return landings(_ruleset(session, company_id), same)


def _ruleset(session: Session, company_id: int) -> Ruleset:
    """Return the rules in force. Raises LookupError if there are none."""
    version = session.get_one(Company, company_id).ruleset_version_id
    if version is None:
        raise LookupError("no rules are in force")
    return program(session, version).ruleset


def _left(
    session: Session, company_id: int, routes: Collection[str], now: datetime
) -> Iterator[Finding]:
    """Yield recently posted rules that are no longer in force, since later changes of their records
    are not posted.
    """
    parameters = {"company": company_id, "since": now - _LATELY}
    for row in session.execute(_POSTED_BY, parameters):
        route, name = row.route, row.name
        if route not in routes:
            words = (
                f"The rules in force do not post {route} any more: where a record of a posted"
                f" document is cancelled or changed, {name} keeps it, and a person is asked."
            )
            todo = "Keep the posting rule, with a `when` that names the days before the move."
            yield Finding(Code.LEFT, name, words, todo, row.documents)


_LATELY: Final = timedelta(days=31)
_POSTED_BY = (
    select(Posting.route, Connection.name, func.count().label("documents"))
    .join(Connection, Connection.id == Posting.connection_id)
    .where(Connection.company_id == bindparam("company"))
    .where(Posting.posted_at >= moment("since"), is_word(Posting.state, PostingState.POSTED))
    .where(Posting.reverses_id.is_(None))
    .group_by(Connection.name, Posting.route)
    .order_by(Connection.name, Posting.route)
)


def _held(session: Session, company: Company, name: str) -> Iterator[Finding]:
    """Yield the current holds, counted by finding and cause.

    With `name`, only holds of this target's routes.
    """
    owner_of_route = owner_of(session, company)
    counted: dict[tuple[str, str, str], list[Any]] = {}
    for row in session.execute(_HOLDS, {"company": company.id}):
        owner = owner_of_route(row.route)
        if name and owner != name:
            continue
        key = (row.code, owner, row.label)
        group = counted.setdefault(key, [0, set()])
        group[0] += row.holds
        group[1] |= {row.would_pass, row.other}
    for (code, owner, label), (records, clearings) in sorted(counted.items()):
        clearing = (
            clears_when(*clearings) if len(clearings) == 1 else ""
        )  # else each record has its own
        todo = clearing or "Open its group under On hold."
        yield Finding(code, owner, f"{label.rstrip('.')}.", todo, records)


def owner_of(session: Session, company: Company) -> Callable[[str], str]:
    """Route -> the connection that it posts to; "" of a whole record."""
    connections: Mapping[str, Connection] = target_connections(session, company.id)
    version = company.ruleset_version_id
    routes = waiting_documents.routes(session, version) if version is not None else {}

    def owner(route: str) -> str:
        posts = routes.get(route)
        if route == WHOLE_RECORD or posts is None or posts.target not in connections:
            return ""
        return connections[posts.target].name

    return owner


_HOLDS = (
    select(
        Hold.code,
        Hold.route,
        Cause.label,
        func.min(Hold.would_pass).label("would_pass"),
        func.max(Hold.would_pass).label("other"),
        func.count().label("holds"),
    )
    .join(Cause, Cause.id == Hold.cause_id)
    .where(Cause.company_id == bindparam("company"), HOLD_OPEN)
    .group_by(Hold.code, Hold.route, Cause.label)
)
