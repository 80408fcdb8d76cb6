"""Template filters for money, times and names; the status of targets; the frame of every page."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from flask import Flask, g, has_request_context, request, url_for

from connectors import registry
from connectors.contract.errors import class_label, failure_word
from connectors.contract.pulls import ShowsImports
from connectors.contract.targets import Settings
from grammar.text.characters import MINUS, currency_prefix, sign
from holding.access import actors
from holding.access.actors import may, role_list
from holding.connections import connections
from holding.db.database import DatabaseSession
from holding.db.models.columns import from_minor, moment_text
from holding.db.refusal import (
    added,
    clauses,
    currencies,
    digits,
    duration,
    headed,
    money,
    plural,
    sums,
)
from holding.holds import undo
from holding.operations.idle_work import TO_DO, IdleWork, idle_work
from holding.platform.states import state_label
from holding.records.trace import Step
from holding.runs import status
from holding.runs.schedules import Daily
from holding.worklist import ageing
from portal.web import store
from portal.web.request_guard import closed
from rules.values.wording import format_clause, readable_name, readable_term

LEDGERS = frozenset({"ar", "ap"})  # accounts receivable, accounts payable

OPERAND = re.compile("‹([^›]*)›")

LONG_HASH = re.compile(r"\b[0-9a-f]{24,}\b")

STEP_SIGNS = {
    "version": ("idle", "in"),
    "evaluation": ("info", "rules"),
    "wait": ("info", "clock"),
    "push": ("info", "sending"),
    "attempt": ("info", "sending"),
    "record.woken": ("info", "map"),
    "mapping.fixed": ("info", "map"),
    "mapping.removed": ("info", "map"),
    "hold.opened": ("warn", "held"),
    "hold.released": ("ok", "ok"),
    "hold.assigned": ("idle", "user"),
    "period.asked": ("idle", "user"),
    "period.redirected": ("idle", "user"),
    "hold.source_asked": ("idle", "user"),
    "posting.dated": ("warn", "clock"),
    "posting.approved": ("ok", "ok"),
    "posting.rejected": ("idle", "ignored"),
    "posting.posted": ("ok", "posted"),
    "posting.read": ("warn", "search"),
    "posting.uncertain": ("doubt", "uncertain"),
    "posting.late_answer": ("info", "clock"),
    "posting.refused": ("bad", "failed"),
    "approval.voided": ("warn", "undo"),
}

DEFAULT_ZONE = "UTC"  # of pages that no company owns

ZONE_NAMES = {"Asia/Kuala_Lumpur": "MYT", "Asia/Singapore": "SGT", "UTC": "UTC"}

SHOWN_TONES = {
    "mapping_missing": ("warn", "held"),
    "missing_field": ("warn", "held"),
    "bad_value": ("warn", "held"),
    "authorization_failed": ("bad", "failed"),
    "duplicate": ("warn", "held"),
    "stale_version": ("warn", "held"),
    "period_locked": ("warn", "lock"),
    "temporary": ("info", "clock"),
    "uncertain": ("doubt", "uncertain"),
    "business_rule": ("warn", "held"),
}

TONES = {
    "good": "ok",
    "bad": "bad",
    "busy": "info",
    "paused": "idle",
    "never": "idle",
    "near": "warn",
}

NIGHTS: Final = 3  # so many coming runs are told

Target = tuple[int, int, str, str]
"""A target: its company, its id, its name, its connector."""

ITEMS = (
    ("dashboard", "Dashboard", "home", "dashboard.show", False),
    ("holding", "On hold", "inbox", "holding.listing", False),
    ("runs", "Sync runs", "runs", "runs.listing", False),
    ("reconcile", "Reconciliation", "scale", "reconcile.show", True),
    ("late", "Not yet posted", "clock", "late.listing", True),
    ("pushes", "Posting log", "sending", "runs.pushes", True),
    ("rulebook", "Rule book", "rules", "rulebook.show", True),
    ("mappings", "Mappings", "map", "mappings.missing", True),
    ("uploads", "Uploads", "in", "uploads.listing", True),
    ("connections", "Connections", "plug", "connections.listing", True),
    ("operations", "Operations", "server", "operations.show", True),
    ("people", "People", "people", "people.listing", True),
    ("audit", "Audit log", "audit", "audit.listing", True),
)

MOST_ADDRESSES: Final = 10_000

WITHIN = dict.fromkeys(("backtests", "changes", "editor", "trials"), "rulebook")
"""The blueprints whose pages belong to an item of another name."""


def init_filters(app: Flask) -> None:
    """Give the filters to the templates."""
    for made in (
        sign,
        currency_prefix,
        digits,
        money,
        sums,
        added,
        currencies,
        whole,
        day,
        moment,
        stamp,
        local,
        clock,
        utc,
        iso,
        exact,
        age,
        hours,
        seconds,
        size,
        capfirst,
        kind_of,
        duration,
        day_of,
        short,
        shorter,
        party,
        step_sign,
        state_label,
        failure_word,
        class_label,
        place,
        operands,
        headed,
        clauses,
        pretty,
        spaces,
        plural,
        role_list,
    ):
        app.jinja_env.filters[made.__name__] = made
    app.jinja_env.filters |= {"clause": format_clause, "term": readable_term}
    app.jinja_env.globals["class_tones"] = SHOWN_TONES
    app.jinja_env.globals["zone_note"] = zone_note


def zone() -> ZoneInfo:
    """Return the time zone of the page's company."""
    return ZoneInfo(g.get("zone", DEFAULT_ZONE))


def today() -> date:
    """Return today's date in the company's time zone."""
    now: datetime = g.now
    return now.astimezone(zone()).date()


def zone_note() -> str:
    """Return the sentence in the page's footer that names the time zone."""
    name = g.get("zone", DEFAULT_ZONE)
    offset = datetime.now(UTC).astimezone(ZoneInfo(name)).utcoffset() or timedelta()
    hours, minutes = divmod(int(abs(offset.total_seconds())) // 60, 60)
    mark = "+" if offset >= timedelta() else MINUS
    told = f"{hours}:{minutes:02d}" if minutes else str(hours)
    return f"Times are {ZONE_NAMES.get(name, name)}, UTC{mark}{told}"


def whole(minor: int, currency: str) -> str:
    """Return a rounded amount for tiles, such as `RM 12,345`.

    `minor` is in sen. The exact amount is in the tile's accessible text.
    """
    mark = MINUS if minor < 0 else ""
    return f"{mark}{currency_prefix(currency)}{abs(from_minor(minor, currency)):,.0f}"


def day(value: date) -> str:
    """Format a date as 2026-11-20."""
    return value.isoformat()


def moment(value: datetime) -> str:
    """Format a moment as 2026-11-20 14:30 in the company's zone."""
    return value.astimezone(zone()).strftime("%Y-%m-%d %H:%M")


def stamp(value: datetime) -> str:
    """Format a moment as 2026-11-20 14:30:05 in the company's zone."""
    return value.astimezone(zone()).strftime("%Y-%m-%d %H:%M:%S")


def local(value: object) -> object:
    """Format a source's ISO moment with a zone in the company's zone; return any other value
    unchanged.
    """
    text = str(value)
    try:
        found = datetime.fromisoformat(text) if "T" in text else None
        return stamp(found) if found is not None and found.tzinfo else value
    except (ValueError, OverflowError):  # the first and the last day are in no other zone
        return value


def clock(value: datetime) -> str:
    """Format a moment as 14:30:05 in the company's zone."""
    return value.astimezone(zone()).strftime("%H:%M:%S")


def utc(value: datetime) -> str:
    """Format a moment as 2026-11-20 06:30:00 UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(value: datetime) -> str:
    """Format a moment in ISO form for machines, such as 2026-11-20T06:30:00Z."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_of(value: datetime) -> str:
    """Format a moment as 11-20 in the company's zone."""
    return value.astimezone(zone()).strftime("%m-%d")


def exact(value: datetime) -> str:
    """Format a moment with all its digits, so that a list's next page continues after exactly this
    row.
    """
    return moment_text(value)


def age(since: datetime, now: datetime | None = None) -> str:
    """Format the time from `since` to now, such as 2 d 5 h."""
    return duration(max(0, int(((now or g.now) - since).total_seconds()) // 60))


def hours(since: datetime) -> str:
    """Format the time from `since` to now in hours, such as 26 h; below an hour in minutes, such as
    40 min.
    """
    minutes = max(0, int((g.now - since).total_seconds()) // 60)
    return f"{minutes // 60:,} h" if minutes >= 60 else f"{minutes} min"


def seconds(length: float) -> str:
    """Format a length of time in seconds, such as 3.2 s or 12 min."""
    return f"{length:.1f} s" if length < 60 else duration(int(length) // 60)


def size(count: int) -> str:
    """Format a number of bytes, such as 3.2 GB, 150 MB or 12 KB."""
    if count >= 10**9:
        return f"{count / 10**9:,.1f} GB"
    if count >= 10**6:
        return f"{count / 10**6:,.0f} MB"
    return f"{max(1, round(count / 1000)):,} KB"


def capfirst(text: str) -> str:
    """Return the text with its first letter capitalized and the other letters unchanged."""
    return text[:1].upper() + text[1:]


def kind_of(doc_type: str) -> str:
    """Return a document type as people write it, such as AR payment for `ar_payment`."""
    return " ".join(word.upper() if word in LEDGERS else word for word in doc_type.split("_"))


def short(text: str | None, length: int = 8) -> str:
    """Return the first characters of a hash; `none` if it is blank."""
    if not text:
        return "none"
    return text if len(text) <= length else f"{text[:length]}…"


def shorter(text: str) -> str:
    """Shorten the long hashes in a sentence to their first characters."""
    return LONG_HASH.sub(lambda found: f"{found[0][:12]}…", text)


def party(name: str | None) -> str:
    """Return a customer's name, masked for a person who may not see it."""
    if not name:
        return "not recorded"
    return name if sees_names() else actors.MASK


def hidden_fields() -> frozenset[str]:
    """Return the personal fields that are masked for the person of this request."""
    return actors.hidden_fields(g.actor)


def sees_names() -> bool:
    """Check whether the person of this request sees who a customer is."""
    return actors.IDENTIFYING.isdisjoint(hidden_fields())


def sees_personal() -> bool:
    """Check whether the person of this request sees all personal data."""
    return not hidden_fields()


def step_sign(step: Step) -> tuple[str, str]:
    """Return the tone and icon of a line in the trace, by its event."""
    act = step.proof.label.partition(" ")[0] if step.kind == "event" else step.kind
    return STEP_SIGNS.get(act, ("idle", "right"))


def pretty(value: object) -> str:
    """Format a value as indented JSON. Text that is not JSON is returned unchanged."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        text = value
        try:
            value = json.loads(text)
        except ValueError:
            return text
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def _plain(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)


def spaces(text: object) -> list[tuple[str, bool]]:
    """Split a value into (piece, is space), so that a page can mark spaces at its ends."""
    if text is None:
        return []
    value = str(text)
    left, right = len(value) - len(value.lstrip()), len(value) - len(value.rstrip())
    if not value.strip():
        return [(" ", True)] * len(value)
    return [(" ", True)] * left + [(value.strip(), False)] + [(" ", True)] * right


def place(path: str, line: int | None = None) -> str:
    """Return a field's readable name, with its line number for a field of a line.

    >>> place("line.sku", 5), place("customer_name"), place("sales_account", 5)
    ('SKU, line 5', 'customer name', 'sales account, line 5')
    """
    return (
        f"{readable_name(path.removeprefix('line.'))}, line {line}" if line else readable_term(path)
    )


def operands(text: str) -> list[tuple[str, bool]]:
    """Split a rule's message into (piece, is placeholder). A placeholder is the name of a value to
    fill in.

    >>> operands("Total ‹total› is high.")
    [('Total ', False), ('total', True), (' is high.', False)]
    """
    return [(piece, at % 2 == 1) for at, piece in enumerate(OPERAND.split(text)) if piece]


@dataclass(frozen=True, slots=True)
class PillRow:
    """One pill with the place it belongs to."""

    connection: str
    connection_id: int
    doc_type: str
    text: str
    tone: str
    detail: str
    stops: bool

    @property
    def busy(self) -> bool:
        """Whether the page should request this status again soon."""
        return self.tone == "info"


def target_pills(
    session: DatabaseSession, company_id: int, rows: Sequence[connections.ConnectionRow]
) -> tuple[PillRow, ...]:
    """Return the status pills of the targets among these connections."""
    rows = [row for row in rows if row.is_target]
    named = {row.id: row.name for row in rows}
    wanted = [(row.id, doc_type) for row in rows for doc_type in document_types(row.connector)]
    pills = status.load_pills(session, company_id, wanted)
    posted = status.posted_places(session, company_id) if wanted else ()
    return tuple(
        PillRow(named[key], key, doc_type, made.text, TONES[made.tone], made.detail, made.stops)
        for (key, doc_type), made in status.without_unposted(pills, posted).items()
    )


def worst_pills(
    session: DatabaseSession, targets: Sequence[Target], zones: Mapping[int, str]
) -> dict[int, PillRow]:
    """Return company id -> the worst status pill of its targets.

    Each target is (company id, connection id, name, connector).
    """
    wanted: dict[int, list[tuple[int, str]]] = {}
    named = {}
    for company_id, key, name, connector in targets:
        named[key] = name
        wanted.setdefault(company_id, []).extend(
            (key, doc_type) for doc_type in document_types(connector)
        )
    return {
        company_id: PillRow(
            named[key], key, doc_type, made.text, TONES[made.tone], made.detail, made.stops
        )
        for company_id, ((key, doc_type), made) in status.of_companies(
            session, wanted, zones
        ).items()
    }


def document_types(connector: str) -> tuple[str, ...]:
    """Return the names of the document types that a target takes; empty for an unknown
    connector.
    """
    target = registry.targets().get(connector)
    return tuple(document.name for document in target.documents) if target else ()


def shows_imports(connector: str | None, settings: Settings | None) -> bool:
    """Check whether the target has web pages for its imports and the setting `app_url` names their
    address.
    """
    target = registry.targets().get(connector or "")
    return isinstance(target, ShowsImports) and bool((settings or {}).get("app_url"))


def import_pages(
    connector: str | None, settings: Settings | None, answers: Mapping[int, bytes]
) -> dict[int, str]:
    """Return call id -> address of the target's own page about that call, if it has one."""
    target = registry.targets().get(connector or "")
    if not isinstance(target, ShowsImports) or not shows_imports(connector, settings):
        return {}
    found = {call: target.import_page(settings or {}, told) for call, told in answers.items()}
    return {call: address for call, address in found.items() if address}


def coming_runs(night: Daily) -> list[tuple[datetime, date]]:
    """Return the next nightly runs in the company's zone, each with the day whose documents it
    posts.

    The hour stays fixed in the run's own zone, also across daylight saving changes.
    """
    if night.next_at is None:
        return []
    first = night.next_at.astimezone(ZoneInfo(night.zone))
    runs = [first + timedelta(days=later) for later in range(NIGHTS)]
    return [(at.astimezone(UTC).astimezone(zone()), at.date() - timedelta(days=1)) for at in runs]


@dataclass(frozen=True, slots=True)
class NavItem:
    """An item of the navigation. `wide` items move to the footer of a narrow page."""

    word: str
    title: str
    icon: str
    href: str
    count: int
    current: bool
    wide: bool


def init_frame(app: Flask) -> None:
    """Give the navigation, what has stopped and what can be undone to the templates."""
    app.jinja_env.globals["nav_items"] = nav_items
    app.jinja_env.globals["stopped_routes"] = stopped_routes
    app.jinja_env.globals["undoable"] = undoable
    app.jinja_env.globals["no_worker"] = no_worker
    app.jinja_env.globals["worker_todo"] = TO_DO


def init_url_for(app: Flask) -> None:
    """Give templates a cached `url_for`.

    A page contains many equal URLs, and building one takes as long as rendering a table row.
    """
    remembered = lru_cache(maxsize=MOST_ADDRESSES, typed=True)(_build_url)

    def address(endpoint: str, **values: Any) -> str:
        own = {"_external", "_scheme", "_method"}.isdisjoint(values)
        if not own or endpoint[:1] == "." or not has_request_context():
            return url_for(endpoint, **values)  # the result also depends on the current request
        try:
            return remembered(request.script_root, endpoint, *values, *values.values())
        except TypeError:  # several values of one name, in a list
            return url_for(endpoint, **values)

    app.jinja_env.globals["url_for"] = address


def _build_url(_root: str, endpoint: str, *names_and_values: Any) -> str:
    """Return the URL of an endpoint with these values.

    The arguments are the key of the cache. `names_and_values` has the names of all values first,
    then the values in that order. `_root` is the path below which the portal is served. It
    only makes cached URLs of different paths distinct.
    """
    count = len(names_and_values) // 2
    values = zip(names_and_values[:count], names_and_values[count:], strict=True)
    return url_for(endpoint, **dict(values))


def nav_items() -> tuple[NavItem, ...]:
    """Return the company's navigation items with their counts; loaded once per request."""
    if "nav" not in g:
        g.nav = tuple(_items())
    found: tuple[NavItem, ...] = g.nav
    return found


def _items() -> list[NavItem]:
    counts = _counts()
    waiting = {"holding": counts.held, "mappings": counts.missing, "rulebook": counts.changes}
    waiting["people"] = counts.requests
    blueprint = (request.endpoint or "").partition(".")[0]
    here = WITHIN.get(blueprint, blueprint)
    pushes = request.endpoint == "runs.pushes"
    return [
        NavItem(
            word=word,
            title=title,
            icon=icon,
            href=url_for(endpoint, co=g.company.code),
            count=waiting.get(word, 0),
            current=(word == "pushes") if pushes else word == here,
            wide=wide,
        )
        for word, title, icon, endpoint, wide in ITEMS
        if closed(g.actor, endpoint) is None
    ]


def _counts() -> ageing.Counts:
    """Return the counts that every page's frame shows; loaded once per request."""
    if "counts" not in g:
        session = store.reading()
        publisher = None if may(g.actor, "rules.publish") else g.actor.person_id
        admin = may(g.actor, "people.admin") is None
        g.counts = ageing.load_counts(
            session, g.company.id, g.now, publisher=publisher, admin=admin
        )
        g.undoable = undo.latest_undoable(session, g.actor, g.now)
    found: ageing.Counts = g.counts
    return found


def count_missing() -> int:
    """Return how many values have no mapping."""
    return _counts().missing


def stopped_routes() -> tuple[str, ...]:
    """Return the stopped routes that wait for a decision. Every page lists them."""
    return _counts().stopped


def undoable() -> undo.Undoable | None:
    """Return the user's latest action if it can still be undone, else None."""
    _counts()
    found: undo.Undoable | None = g.undoable
    return found


def no_worker() -> IdleWork | None:
    """Return the work that waits because no worker runs, else None. Every page shows it; loaded
    once per request.

    Before the first worker has started, only waiting work counts. A worker seen within the last
    minute counts as restarting.
    """
    if "idle_work" not in g:
        workers = _counts().workers
        g.idle_work = idle_work(store.reading(), g.now, g.company.id, counted_workers=workers)
    found: IdleWork | None = g.idle_work
    return found if found and (found.minutes if found.since else found.count) else None


def count_held() -> int:
    """Return the number of records with an open hold, as the page frame shows it."""
    return _counts().held


def count_changes() -> int:
    """Return the number of rule changes that the user can publish."""
    return _counts().changes
