"""The audit log: who did what to which record, and when; the same list as a file.

Here: views. Whoever may not view the log sees their own acts alone. Not here: the list
(holding/audit/event_log.py), proving that nothing was changed (`clearpost verify`).
"""

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, g, request, url_for

from holding.access import personal_data
from holding.audit import event_log
from holding.audit.act_groups import TITLES, ActGroup
from holding.audit.event_log import LogFilter, LogRow
from holding.audit.events import SYSTEM_WORD, record_event
from holding.refusal import Refusal
from portal.evidence import list_files
from portal.evidence.list_files import FileKind
from portal.web import filters, forms, fragments, security, store

pages = Blueprint("audit", __name__, url_prefix="/c/<co>")
SYSTEM = "system"
COLUMNS = ("Event", "At", "Person", "About", "What happened", "Reason", "Record", "Source",
           "Place in chain", "Hash")  # fmt: skip
WORDS = ("who", "what", "on", "from", "to")


@pages.get("/audit")
def listing() -> Response:
    """A page of events, newest first, under its filter."""
    problems = _problems()
    wanted = _wanted()
    after = forms.whole(request.args.get("after"))
    session, company = store.reading(), g.company.id
    found = () if problems else event_log.listing(session, company, wanted, after=after)
    rows = found[: event_log.A_PAGE]
    return fragments.respond(
        "audit/list.html",
        status=422 if problems else 200,
        rows=rows,
        hide=_hide(rows),
        wanted=wanted,
        given={word: request.args.get(word, "") for word in WORDS},
        kept={word: request.args[word] for word in WORDS if request.args.get(word)},
        after=rows[-1].id if len(found) > len(rows) else None,
        everyone=_sees_all(),
        notes=security.may("audit.note") is None,
        exports=security.may("audit.export") is None,
        people=event_log.people(session, company) if _sees_all() else (),
        groups=TITLES,
        system=(SYSTEM, SYSTEM_WORD),
        sealed=event_log.sealed(session, company),
        problems=problems,
    )


@pages.get("/audit.<any(csv, xlsx, json):ending>")
def export(ending: str) -> Response:
    """Everything that fits, as a file; that it was handed out is an event itself."""
    wanted = _wanted()
    back = url_for("audit.listing", co=g.company.code)
    if problems := _problems():
        return fragments.refuse(Refusal("audit.days", next(iter(problems.values())), "", 422))
    found = event_log.all_of(store.reading(), g.company.id, wanted)
    if isinstance(found, int):
        words = f"More than {event_log.MOST_IN_A_FILE:,} events match, too many for one file."
        return fragments.refuse(
            Refusal("audit.many", words, "Choose fewer days, and download them one after another."),
            back=back,
        )
    hide = _hide(found)
    rows = [_cells(row, hide) for row in found]
    with store.writing() as session:
        record_event(
            session,
            company_id=g.company.id,
            at=g.now,
            actor=g.actor,
            act="audit.exported",
            body={
                "say": f"{g.actor.name} downloaded {len(rows):,} events of the audit log"
                f" as {ending.upper()}.",
                "filter": request.args.to_dict(),
                "events": len(rows),
            },
        )
    name = f"audit-log-{g.company.code}-{filters.day(filters.today())}"
    return list_files.answered(FileKind(ending), name, COLUMNS, rows)


def _cells(row: LogRow, hide: personal_data.HideOf) -> tuple[str, ...]:
    record = row.record_id or 0
    return (
        str(row.id),
        filters.iso(row.at),
        row.who,
        row.about,
        hide(record, row.say),
        hide(record, row.reason),
        row.number or "",
        row.source or "",
        str(row.seq or ""),
        row.hash or "",
    )


def _hide(rows: tuple[LogRow, ...]) -> personal_data.HideOf:
    ids = {row.record_id for row in rows if row.record_id}
    return personal_data.hiding_each(store.reading(), ids, show=filters.sees_personal())


def _sees_all() -> bool:
    return security.may("audit.read") is None


def _wanted() -> LogFilter:
    args = request.args
    who = args.get("who", "")
    group = args.get("what", "")
    return LogFilter(
        zone=ZoneInfo(g.company.zone),
        person_id=forms.whole(who) if _sees_all() else g.actor.person_id,
        system=_sees_all() and who == SYSTEM,
        group=ActGroup(group) if group in list(ActGroup) else None,
        number=args.get("on", "").strip()[:100],
        first=forms.day(args.get("from")),
        last=forms.day(args.get("to")),
    )


def _problems() -> dict[str, str]:
    """Days that are none, or that are the wrong way round."""
    given = {word: request.args.get(word, "") for word in ("from", "to")}
    wrong = {w: "Enter a day as 2026-11-20." for w, text in given.items() if text}
    found = {w: words for w, words in wrong.items() if forms.day(given[w]) is None}
    first, last = forms.day(given["from"]), forms.day(given["to"])
    if first and last and first > last:
        found["to"] = "The last day is before the first."
    return found
