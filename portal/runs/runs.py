"""The pages of sync runs, the posting log, and routes stopped by the safety limit."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, make_response, request, url_for
from flask import redirect as redirect_to

from connectors import registry
from connectors.contract.pulls import ImportedByHand
from holding.access import actors
from holding.access.actors import HideOf
from holding.connections import connections
from holding.db.models.columns import PushState
from holding.db.refusal import Refusal
from holding.evaluation import safety_stop
from holding.platform import processes
from holding.reconciliation import file_list
from holding.runs import run_documents, run_history, run_search
from holding.runs import status as stop_queries
from holding.runs.run_search import RunFilter
from portal.web import filters, forms, store
from portal.web.permissions import needs

pages = Blueprint("runs", __name__, url_prefix="/c/<co>")

stop_pages = Blueprint("stops", __name__, url_prefix="/c/<co>/stops")

Decide = Callable[..., str | Refusal]

NO_MORE = {
    "next": "That was the last document of this run.",
    "previous": "That was the first document of this run.",
}

ANSWERS = (
    *("accepted", "refused", run_history.NOT_SENT),
    *("uncertain", "sending", "awaiting", "conflict", "dropped"),
)

TEXTS: Final = ("record", "customer", "vendor", "invoice", "payment", "connector", "connection")

TIMES: Final = ("from", "to")

LONGEST: Final = 100

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d))?", re.ASCII)


@pages.get("/runs")
@needs("record.read")
def listing() -> Response:
    """Show the runs of all connections or of one, newest first, filtered by the form."""
    session, company = store.reading(), g.company.id
    known = [row for row in connections.list_connections(session, company) if row.is_target]
    targets = filters.target_pills(session, company, known)
    asked = read_filter(request.args, ZoneInfo(g.company.zone))
    problems = dict(asked.problems)
    found: tuple[run_history.RunRow, ...] | Refusal = ()
    if not problems:
        after, one_more = forms.parse_whole(request.args.get("after")), run_search.A_PAGE + 1
        found = run_search.search_runs(session, company, asked.wanted, after=after, most=one_more)
    if isinstance(found, Refusal):
        problems["party"] = found.words
        found = ()
    rows, connection = found[: run_search.A_PAGE], asked.wanted.connection
    return store.respond(
        "runs/list.html",
        status=422 if problems else 200,
        rows=rows,
        targets=[row for row in targets if connection in {"", row.connection}],
        connections=sorted({row.connection for row in targets}),
        connectors=sorted({row.connector for row in known}),
        connection=connection,
        wanted=asked.wanted,
        typed=asked.typed,
        problems=problems,
        after=rows[-1].id if len(found) > len(rows) else None,
        in_all=0 if rows else run_search.count_runs(session, company),
        counted=run_search.MOST_COUNTED,
    )


@pages.get("/runs/<int:run_id>")
@needs("record.read")
def show(run_id: int) -> Response:
    """Show a run: failed documents with reasons, a comparison with the run before, its documents
    and calls.
    """
    session, company = store.reading(), g.company.id
    run = _run(run_id)
    ends = run_documents.count_by_answer(session, company, run_id)
    before = run_documents.previous_runs(session, company, run)
    earlier = run_documents.count_by_answer(session, company, before[0].id) if before else {}
    rows = run_documents.list_documents(session, company, run_id, after=_place())
    calls = run_history.list_requests(
        session, run_id, after=forms.parse_whole(request.args.get("calls")) or 0
    )
    more = rows[-1] if len(rows) >= run_documents.A_PAGE else None
    return store.respond(
        "runs/show.html",
        run=run,
        ends=ends,
        missed=run_documents.count_failed(tuple(ends.values())),
        all_of_it=sum(one.count for one in ends.values()),
        reasons=run_documents.failure_reasons(session, company, run_id),
        before=before[0].id if before else None,
        came=run_documents.arrived_records(session, company, run, before),
        earlier=earlier,
        both=run_documents.compare_runs(ends.values(), earlier.values()),
        requests=calls,
        files=_files(run),
        imports=_imports(run, calls),
        more_calls=calls[-1].id if len(calls) >= run_history.CALLS else None,
        rows=rows,
        hide=answer_hider(rows),
        more=f"{int(more.state == PushState.ACCEPTED)}.{more.id}" if more else None,
    )


def _run(run_id: int) -> run_history.RunRow:
    found = run_history.load_run(store.reading(), g.company.id, run_id)
    return found if found is not None else abort(404)


def _place() -> run_documents.Place | None:
    """Return the position in the list of documents from the address; None is the beginning."""
    went, dot, push = request.args.get("after", "").partition(".")
    number = forms.parse_whole(push)
    return run_documents.Place(went == "1", number) if dot and number is not None else None


def _files(run: run_history.RunRow) -> tuple[file_list.FileRow, ...]:
    """Return the files of a run that a person imports by hand; empty for other targets."""
    target = registry.targets().get(run.connector or "")
    if not isinstance(target, ImportedByHand):
        return ()
    return file_list.files_of_run(store.reading(), g.company.id, run.id)


def _imports(run: run_history.RunRow, calls: Sequence[run_history.RequestRow]) -> Mapping[int, str]:
    """Return call id -> the target's own page for it; empty if the target has none."""
    shows = filters.shows_imports(run.connector, run.settings)
    told = (
        run_history.load_answers(store.reading(), run.id, [one.id for one in calls])
        if shows
        else {}
    )
    return filters.import_pages(run.connector, run.settings, told)


@pages.get("/runs/<int:run_id>/<any(next, previous):way>/<int:record_id>")
@needs("record.read")
def step(run_id: int, way: str, record_id: int) -> Response:
    """Redirect to the record of the run's next or previous document; after the last, back to the
    run.
    """
    session, co = store.reading(), g.company.code
    if run_history.load_run(session, g.company.id, run_id) is None:
        abort(404)
    found = run_documents.neighbour(session, g.company.id, run_id, record_id, after=way == "next")
    if found is None:
        return store.flash_redirect(url_for("runs.show", co=co, run_id=run_id), NO_MORE[way])
    at = url_for("records.show", co=co, source=found.source, kind=found.kind,
                 external_id=found.external_id, tab="pushes", run=run_id)  # fmt: skip
    return make_response(redirect_to(at, 303))


@pages.get("/pushes")
@needs("record.read")
def pushes() -> Response:
    """Show every push, newest first."""
    text, answer = read_push_filter()
    after = forms.parse_whole(request.args.get("after"))
    session, company = store.reading(), g.company.id
    rows = run_search.search_pushes(session, company, text=text, answer=answer, after=after)
    return store.respond(
        "runs/pushes.html",
        rows=rows,
        hide=answer_hider(rows),
        text=text,
        state=answer,
        states_shown=ANSWERS,
        after=rows[-1].id if len(rows) >= run_history.A_PAGE else None,
        in_all=0 if rows else run_search.count_pushes(session, company),
        counted=run_search.MOST_COUNTED,
    )


def answer_hider(rows: Iterable[run_history.PushLine]) -> HideOf:
    """Return a function that masks a record's personal values in the targets' answers, unless the
    user may see them.
    """
    ids = {row.record_id for row in rows if row.error}
    return actors.hiding_each(store.reading(), ids, filters.hidden_fields())


def read_push_filter() -> tuple[str, str]:
    """Return the text and answer in the search form. An unknown answer means any answer."""
    answer = request.args.get("state", "")
    return request.args.get("q", "").strip()[:100], answer if answer in ANSWERS else ""


@stop_pages.get("/", endpoint="listing")
@needs("record.read")
def stops_listing() -> Response:
    """Show the stopped routes that need a decision, the limit, and past stops."""
    return _page({})


def _page(problems: dict[str, str], *, status: int = 200) -> Response:
    session = store.reading()
    still, over = stop_queries.list_stops(session, g.company.id)
    own = safety_stop.own_limit(session, g.company.id)
    return store.respond(
        "runs/stops.html", status=status, still=still, over=over, own=own, problems=problems
    )


@stop_pages.post("/<int:stop_id>/resume")
@needs("stop.decide")
def resume(stop_id: int) -> Response:
    """Resume the route."""
    return _decide(stop_id, safety_stop.resume_route, "goes on. What waited is sent now.")


def _decide(stop_id: int, decide: Decide, say: str) -> Response:
    wish = forms.read_reason(request.form)
    if isinstance(wish, forms.Problems):
        return _page({f"reason_{stop_id}": wish.by_field["reason"]}, status=422)
    with store.writing() as session:
        answer = decide(session, g.actor, stop_id, wish.reason, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=_stops_url())
    processes.ring(g.company.id, "push")
    return store.redirect_with_message(_stops_url(), f"{answer} {say}")


def _stops_url() -> str:
    return url_for("stops.listing", co=g.company.code)


@stop_pages.post("/<int:stop_id>/keep")
@needs("stop.decide")
def keep(stop_id: int) -> Response:
    """Leave it stopped, with a word for the others."""
    return _decide(stop_id, safety_stop.keep_stopped, "stays stopped.")


@stop_pages.post("/limit")
@needs("connection.admin")
def limit() -> Response:
    """Set the company's own limit."""
    wish = forms.read_stop_limit(request.form, g.company.currency)
    if isinstance(wish, forms.Problems):
        return _page(dict(wish.by_field), status=422)
    with store.writing() as session:
        refusal = safety_stop.set_limit(
            session, g.actor, g.company.id, records=wish.records, book=wish.book, now=g.now
        )
    if refusal:
        return store.refuse(refusal, back=_stops_url())
    return store.redirect_with_message(_stops_url(), "The limit is saved.")


@dataclass(frozen=True, slots=True)
class Asked:
    """The filter in the address:

    `typed` holds the user's input by field, `problems` what is wrong with it.
    """

    wanted: RunFilter
    typed: Mapping[str, str]
    problems: Mapping[str, str]


def read_filter(args: Mapping[str, str], zone: ZoneInfo) -> Asked:
    """Return the filter in the address."""
    given = {word: args.get(word, "").strip()[:LONGEST] for word in (*TEXTS, *TIMES)}
    typed = {word: text for word, text in given.items() if text}
    wrong: dict[str, str] = {
        word: "Enter a time as 2026-11-20 14:30."
        for word in TIMES
        if word in typed and _begin(typed[word], zone) is None
    }
    first, until = _begin(given["from"], zone), _end(given["to"], zone)
    if first and until and first >= until:
        wrong["to"] = "The last time is before the first."
    wanted = RunFilter(first=first, until=until, **{word: given[word] for word in TEXTS})
    return Asked(wanted, typed, wrong)


def _begin(text: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment at which a day or a minute begins; None if the text is neither."""
    found = _MOMENT.fullmatch(text)
    day = forms.parse_day(found[1]) if found else None
    if not found or not day:
        return None
    clock = forms.parse_hour(found[2]) if found[2] else time()
    return None if clock is None else datetime.combine(day, clock, zone).astimezone(UTC)


def _end(text: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment at which a day or a minute ends; None if the text is neither."""
    begin = _begin(text, zone)
    if begin is None:
        return None
    if len(text) > len("2026-11-20"):
        return begin + timedelta(minutes=1)
    return (begin.astimezone(zone) + timedelta(days=1)).astimezone(UTC)
