"""The audit log with its chain check, and the signals page."""

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, request, url_for

from holding.access import actors
from holding.connections import open_signals, signal_causes
from holding.db.refusal import Refusal
from holding.platform import event_log, events
from holding.platform.event_log import TITLES, ActGroup, LogFilter, LogRow
from holding.platform.events import SYSTEM_WORD, Walked
from portal.records.packet_pages import noted_heads
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs

audit_pages = Blueprint("audit", __name__, url_prefix="/c/<co>")

SYSTEM = "system"

STRETCH = 10_000
"""So many events are verified in one go: about a second."""

MOST_TOLD = 20
"""Breaks of the chain that a page tells."""

TABS = (
    (None, "Audit log", ""),
    (ActGroup.ESCALATIONS, "Escalation packets", "escalate"),
    (ActGroup.PACKETS, "Evidence packets", "evidence"),
)
"""Views of the log: what they show, their title, and what a record is looked for."""

WORDS = ("who", "what", "on", "from", "to")

signal_pages = Blueprint("signals", __name__, url_prefix="/c/<co>/signals")


@audit_pages.get("/audit", endpoint="listing")
@needs("record.read")  # lists the user's own events; all others require audit.read
def list_events() -> Response:
    """Show a page of filtered events, newest first."""
    return _audit_page()


def _audit_page(walked: Walked | None = None, noted: int = 0) -> Response:
    wrong = day_problems()
    asked = read_log_filter()
    after = forms.parse_whole(request.args.get("after"))
    session, company = store.reading(), g.company.id
    found = () if wrong else event_log.list_events(session, company, asked, after=after)
    rows = found[: event_log.A_PAGE]
    return store.respond(
        "audit/list.html",
        status=422 if wrong else 200,
        rows=rows,
        hide=event_hider(rows),
        wanted=asked,
        given={word: request.args.get(word, "") for word in WORDS},
        kept={word: request.args[word] for word in WORDS if request.args.get(word)},
        after=rows[-1].id if len(found) > len(rows) else None,
        fitting=_fitting(asked, len(found), first=after is None) if rows else 0,
        counted=event_log.MOST_COUNTED,
        in_all=0 if rows else _without_filters(asked),
        everyone=_sees_all(),
        notes=request_guard.may("audit.note") is None,
        people=event_log.event_people(session, company) if _sees_all() else (),
        groups=TITLES,
        tabs=TABS,
        system=(SYSTEM, SYSTEM_WORD),
        sealed=event_log.sealed_head(session, company),
        problems=wrong,
        most_told=MOST_TOLD,
        walked=walked,
        noted=noted,
    )


def _fitting(asked: LogFilter, found: int, *, first: bool) -> int:
    """Return how many events match the filter. If the first page holds all, no query is needed."""
    if first and found <= event_log.A_PAGE:
        return found
    return event_log.count_events(store.reading(), g.company.id, asked) if asked.narrows else 0


def _without_filters(asked: LogFilter) -> int:
    """Return how many events the user may see without a filter."""
    every = LogFilter(zone=asked.zone, person_id=None if _sees_all() else g.actor.person_id)
    return event_log.count_events(store.reading(), g.company.id, every)


def _sees_all() -> bool:
    return request_guard.may("audit.read") is None


@audit_pages.post("/audit/verify")
@needs("audit.read")
def verify() -> Response:
    """Verify a part of the event chain from the form's position: to its end, to a break, or to the
    limit of a request.
    """
    session, company = store.reading(), g.company.id
    start = events.head_at(
        session, company, max(0, forms.parse_whole(request.form.get("after")) or 0)
    )
    noted = noted_heads()
    walked = events.walk_chain(session, company, start, most=STRETCH, noted_heads=noted)
    return _audit_page(walked=walked, noted=sum(1 for one in noted if one.seq <= walked.head.seq))


def event_hider(rows: tuple[LogRow, ...]) -> Callable[[LogRow, str], str]:
    """Return a function that masks what the user may not see in an event's sentence: values of its
    record, and text a user typed.
    """
    ids, show = {row.record_id for row in rows if row.record_id}, filters.sees_names()
    hide = actors.hiding_each(store.reading(), ids, filters.hidden_fields())

    def told(row: LogRow, text: str) -> str:
        said = text if show or not row.typed else actors.hider(row.typed)(text)
        return hide(row.record_id or 0, said)

    return told


def filter_words() -> dict[str, str]:
    """Return the filter of the list by names, with the person's name."""
    asked, people = read_log_filter(), dict(event_log.event_people(store.reading(), g.company.id))
    told = {
        "person": SYSTEM_WORD if asked.system else people.get(asked.person_id or 0, ""),
        "about": TITLES[asked.group] if asked.group else "",
        "number": asked.number,
        "from": str(asked.first or ""),
        "to": str(asked.last or ""),
    }
    return {word: text for word, text in told.items() if text}


def read_log_filter() -> LogFilter:
    """Return the filter in the address."""
    args = request.args
    who = args.get("who", "")
    group = args.get("what", "")
    return LogFilter(
        zone=ZoneInfo(g.company.zone),
        person_id=forms.parse_whole(who) if _sees_all() else g.actor.person_id,
        system=_sees_all() and who == SYSTEM,
        group=ActGroup(group) if group in list(ActGroup) else None,
        number=args.get("on", "").strip()[:100],
        first=forms.parse_day(args.get("from")),
        last=forms.parse_day(args.get("to")),
    )


def day_problems() -> dict[str, str]:
    """Return a problem for each invalid date, or for dates in the wrong order."""
    given = {word: request.args.get(word, "") for word in ("from", "to")}
    wrong = {w: "Enter a day as 2026-11-20." for w, text in given.items() if text}
    found = {w: words for w, words in wrong.items() if forms.parse_day(given[w]) is None}
    first, last = forms.parse_day(given["from"]), forms.parse_day(given["to"])
    if first and last and first > last:
        found["to"] = "The last day is before the first."
    return found


@signal_pages.get("", endpoint="listing")
@needs("record.read")
def list_signals() -> Response:
    """Open signals first, then both settings, then those that ended."""
    return _signal_page({}, {})


def _signal_page(problems: Mapping[str, str], typed: Mapping[str, object]) -> Response:
    session, company = store.reading(), g.company.id
    return store.respond(
        "signals/list.html",
        status=422 if problems else 200,
        signals=open_signals.list_signals(session, company),
        ended=open_signals.ended_signals(session, company),
        sentence=open_signals.sentence,
        connectors=signal_causes.failure_limits(session, company),
        close_day=signal_causes.own_close_day(session, company),
        days=signal_causes.CLOSE_DAYS,
        date=filters.today(),
        problems=problems,
        typed=typed,
    )


@signal_pages.post("/failures")
@needs("company.setup")
def failures() -> Response:
    """Set how many failing records on a connection raise a signal."""
    name, typed = request.form.get("connection", ""), request.form.get("many", "")
    many = forms.parse_whole(typed)
    with store.writing() as session:
        answer = signal_causes.set_failures(
            session, g.actor, name, -1 if many is None else many, g.now
        )
    if answer is None:
        return store.redirect_with_message(_url(), f"The signal for {name} is saved.")
    if answer.status != 422:
        return store.refuse(answer, back=_url())
    names = [one for one, _ in signal_causes.failure_limits(store.reading(), g.company.id)]
    return _signal_page({f"many_{names.index(name) + 1}": answer.message}, {name: typed})


def _url() -> str:
    return url_for("signals.listing", co=g.company.code)


@signal_pages.post("/close-day")
@needs("company.setup")
def close_day() -> Response:
    """Set the day of the month on which the previous month's books close."""
    typed = request.form.get("day", "").strip()
    day = forms.parse_whole(typed) if typed else None
    if typed and day is None:
        day = 0  # no day: refused below with its reason
    with store.writing() as session:
        answer = signal_causes.set_close_day(session, g.actor, day, g.now)
    if answer is None:
        return store.redirect_with_message(_url(), "The close day is saved.")
    return _close_problem(answer, typed)


def _close_problem(answer: Refusal, typed: str) -> Response:
    if answer.status != 422:
        return store.refuse(answer, back=_url())
    return _signal_page({"close_day": answer.message}, {"day": typed})
