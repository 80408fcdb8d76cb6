"""Serve each list of a page as .csv, .xlsx or .json, and the lists of runs, records and rules."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import IO, Any, Final, TypedDict
from zoneinfo import ZoneInfo

from flask import Flask, Response, abort, current_app, g, request, url_for

from connectors.kit.workbook import Written
from connectors.registry import insert_titles
from holding.access import actors
from holding.access.actors import HideOf
from holding.connections import connections as connection_rows
from holding.db.models.columns import PushState, from_minor, moment_text
from holding.db.refusal import Refusal, plural, seconds_since
from holding.db.together import Together, answer
from holding.operations import queues as queue_pace
from holding.operations import stuck_work
from holding.operations.queues import Pace, Queue, queues
from holding.operations.target_figures import WorkerRow, target_figures, workers_seen
from holding.platform.events import record_event
from holding.reconciliation.compared_documents import EXPLAINED, Standing, Totals
from holding.reconciliation.daily_totals import Kind, Line
from holding.records import lineage as lineage_rows
from holding.records import record_rows, trace
from holding.records.lineage import LineageRow, UsedEntry
from holding.records.trace import Step
from holding.rulesets import change_list, rulebook
from holding.rulesets.proposals import Proposal
from holding.runs import run_documents, run_history, run_search, status
from holding.runs.run_history import PushLine, RunRow
from holding.trials import shadow_pages
from holding.trials.shadow_pages import Counts, ListedResult
from portal.help.topics import names_of
from portal.lists import company_lists, hold_lists
from portal.reconciliation import daily_page
from portal.reconciliation.daily_page import STANDINGS
from portal.records import records
from portal.rulesets import rulesets
from portal.runs import runs
from portal.trials import backtests
from portal.web import filters, list_file, store
from portal.web.list_file import MEDIA, FileKind, ListFile, Table, TooManyError, each_page
from portal.web.permissions import FILE, PART, list_of, page_of
from rules.rulebook.hold_catalogue import Reason

Make = Callable[..., ListFile | Refusal]
"""What a list is for the values of its page's address; or why there is none."""

IN_MEMORY: Final = 1 << 20  # bytes of a file; the rest of a longer one lies on the disk

PIECE: Final = 1 << 16

PLACES: Final = frozenset({"after", "since", "before", "calls", "tab", "row"})
"""Words of an address that say where in a list it stands, and ask for nothing."""

SHOWN: Final = {FileKind.CSV: "CSV", FileKind.XLSX: "Excel", FileKind.JSON: "JSON"}

NOT_COMPARED: Final = "not compared: the filters differ"

PARTS: Final = (*EXPLAINED, Standing.ACCEPTED, Standing.UNEXPLAINED)

DAYS: Final = ("Day", "Currency", "Source", "Source records", "Posted", "Posted documents",
               "Accounting system", "Accounting documents", "Difference",
               *(STANDINGS[one].word for one in PARTS))  # fmt: skip

DIFFERENCES: Final = ("Day", "Record", "Document", "Currency", "Source", "Posted",
                      "Accounting system", "Difference", "Standing")  # fmt: skip

CONNECTIONS: Final = ("Connection", "Side", "Connector", "Document", "Status", "Why",
                      "Paused since", "Paused by", "Pause reason", "Last delivery",
                      "Deliveries")  # fmt: skip

STOPS: Final = ("Stop", "Posting rule", "State", "Stopped", "Records", "Currency", "Amount",
                "Limit of records", "Limit of amount", "Change", "Reason", "By", "Decided by",
                "Decision", "Waiting")  # fmt: skip

QUEUES: Final = ("Work", "Connection", "Due", "In hand", "Oldest due", "Done in the last minutes",
                 "In seconds", "Empty in seconds")  # fmt: skip

WORKERS: Final = ("Worker", "State", "Started", "Last sign of life", "In hand", "Lease until")

STUCK: Final = ("Kind", "Item", "What", "Worker", "Lease until", "Crashes")

TARGETS: Final = ("Accounting system", "Quota used", "Quota", "Sent in the last hour",
                  "Failed of them", "Oldest master data read", "Clock ahead in seconds",
                  "Clock read")  # fmt: skip

TIMELINE: Final = ("When", "Seconds since the step before", "Who", "What happened", "Proof",
                   "Id of the proof")  # fmt: skip

FIELDS: Final = ("Field", "Line", "Source value", "Constant", "Rule file", "Rule line", "Rule",
                 "Mappings used", "Planned value", "Sent value", "Value in the accounting system",
                 "Sent as planned")  # fmt: skip

RUNS: Final = ("Run", "Kind", "Accounting system", "Connector", "Document", "Started", "Ended",
               "By", "State", "Done", "Total", "Failed")  # fmt: skip

DOCUMENTS: Final = ("Document", "Record", "Source", "Kind", "Action", "Answer", "Class",
                    "What it said", "Accounting system reference", "Sent", "Currency",
                    "Amount")  # fmt: skip

AT_ONCE: Final = 1000

REASONS: Final = ("Code", "Reason", "Placed by", "Goes to", "Released by", "Cleared by", "Blocks")

PROPOSALS: Final = ("What was done by hand", "Times", "Last", "Draft")

CHANGES: Final = ("Change", "Title", "State", "Author", "Made", "Starts", "Start set by")

MATRIX: Final = ("Record", "Document", "Rules in force", "Change", "Records", "Currency", "Amount")

CELL: Final = ("Record", "Source", "Kind", "Id in source", "Customer", "Day", "Document",
               "Rules in force", "Change", "Currency", "Amount")  # fmt: skip

SHADOW: Final = ("Checked at", "Source", "Kind", "Id", "Record", "Customer", "Currency", "Total",
                 "Rules in force", "Would")  # fmt: skip


def init_downloads(app: Flask, lists: Mapping[str, Make]) -> None:
    """Lay a file of each ending beside each of these pages, and tell the templates."""
    app.extensions["lists"] = lists
    rules = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules() if rule.methods}
    for name in lists:
        page, _, part = name.partition(PART)
        path = "/".join([rules[page].rstrip("/"), *filter(None, [part])])
        ending = ".<any(csv, xlsx, json):ending>"
        app.add_url_rule(path + ending, name + FILE, download, methods=["GET"])
    app.jinja_env.globals["list_files"] = list_files


def list_files(part: str = "") -> list[tuple[FileKind, str, str]]:
    """Ending, word and address of each file of the list that this page shows, its filter kept; of
    one part of the page, where it has several.
    """
    endpoint = f"{request.endpoint or ''}{PART + part if part else ''}{FILE}"
    if endpoint not in current_app.view_functions:
        return []
    words = {word: texts for word, texts in request.args.lists() if word not in PLACES}
    asked = {word: [text for text in texts if text] for word, texts in words.items()}
    values: dict[str, Any] = {**(request.view_args or {}), **asked, "co": g.company.code}
    return [(kind, word, url_for(endpoint, ending=kind, **values)) for kind, word in SHOWN.items()]


def download(ending: str, **place: Any) -> Response:
    """The file, once it is written down that it was taken."""
    kind, name = FileKind(ending), list_of(request.endpoint or "")
    back = url_for(page_of(name), co=g.company.code, **place)
    make: Make = current_app.extensions["lists"][name]
    store.read_uncached()
    listed = make(**place)
    if isinstance(listed, Refusal):
        return store.refuse(listed, back=back)
    out = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the answer closes it
    about = {"company": g.company.code, "at": filters.iso(g.now)}
    try:
        rows = list_file.write_list(out, kind, listed, about)
    # Refused as a whole, because a truncated list reads as a complete one.
    except TooManyError:
        words = f"More than {list_file.MOST:,} rows match, too many for one file."
        hint = "Narrow the list by its filter, and download the parts one after another."
        return store.refuse(Refusal("list.many", words, hint), back=back)
    # Committed before the first byte leaves, so that every download is in the audit trail.
    if request.method != "HEAD":  # which asks what there is, and takes nothing
        _tell(listed, name, kind, rows)
    size = out.tell()
    out.seek(0)
    answer = Response(_pieces(out), content_type=MEDIA[kind])
    answer.call_on_close(out.close)
    answer.content_length = size
    called = re.sub(r"[^\w.-]+", "-", f"{listed.word}-{g.company.code}")
    answer.headers["Content-Disposition"] = f'attachment; filename="{called}.{kind}"'
    return answer


def _tell(listed: ListFile, name: str, kind: FileKind, rows: int) -> None:
    said = f"{g.actor.name} downloaded {plural(rows, 'row')} of {listed.title} as {SHOWN[kind]}."
    body = {
        "say": f"{said} Filter: {listed.filter_line}.",
        "list": name,
        "filter": dict(listed.filter),
        "typed": sorted({listed.filter[word] for word in listed.typed & listed.filter.keys()}),
        "rows": rows,
        "format": kind.value,
    }
    with store.writing() as session:
        record_event(
            session,
            company_id=g.company.id,
            at=g.now,
            actor=g.actor,
            act="list.downloaded",
            record_id=listed.record_id,
            body=body,
        )


def _pieces(out: IO[bytes]) -> Iterator[bytes]:
    while piece := out.read(PIECE):
        yield piece


def reconciliation() -> ListFile | Refusal:
    """The sums of the page; where the filters of both sides differ nothing is subtracted."""
    asked = daily_page.read_filter(request.args, filters.today())
    if asked.problems:
        return Refusal("reconcile.filter", next(iter(asked.problems.values())), "", 422)
    found = daily_page.compare_totals(asked)
    kind, same = found.kind(asked.target, asked.doc_type), asked.sides.same
    kept = {
        "accounting system": kind.place.target if kind else "none",
        "document": kind.place.doc_type.replace("_", " ") if kind else "none",
        "source side": daily_page.span_text(asked.sides.source),
        "accounting side": daily_page.span_text(asked.sides.target),
        "difference": "source less accounting system" if same else NOT_COMPARED,
    }
    if asked.only:
        kept["days"] = "those that differ"
    first, last = asked.sides.source.first, asked.sides.source.last
    tables = [
        Table("Days", DAYS, _days(kind, same=same, only=asked.only)),
        Table("Differences", DIFFERENCES, _day_documents(kind) if same else ()),
    ]
    return ListFile("the reconciliation", f"reconciliation-{first}-{last}", tables, kept)


def _days(kind: Kind | None, *, same: bool, only: bool) -> Iterator[list[Written]]:
    for day, one in _lines(kind, only=only):
        row: list[Written] = [day, one.currency]
        for side in (one.source, one.ours, one.target):
            row += [from_minor(side.minor, one.currency), side.count]
        yield [*row, *(_differences(one) if same else [None] * (1 + len(PARTS)))]


def _lines(kind: Kind | None, *, only: bool) -> Iterator[tuple[str, Totals]]:
    if kind is None:
        return
    for day in kind.shown(only=only):
        yield from ((day.day.isoformat(), one) for one in day.totals)
    yield from (("all days", one) for one in kind.totals)


def _differences(one: Totals) -> list[Written]:
    parts = [from_minor(one.of(standing).minor, one.currency) for standing in PARTS]
    return [from_minor(one.difference, one.currency), *parts]


def _day_documents(kind: Kind | None) -> Iterator[list[Written]]:
    for day in kind.days if kind else ():
        yield from map(_document, kind.of_day(day.day) if kind else ())


def _document(line: Line) -> list[Written]:
    one = line.document
    sides = [_money(minor, one.code) for minor in (one.said, one.posted, one.there)]
    word = STANDINGS[line.standing].word
    return [one.day.isoformat(), one.record, one.number, one.code, *sides,
            _money(line.differs, one.code), word]  # fmt: skip


def _money(minor: int | None, currency: str) -> Decimal | str:
    return "not known" if minor is None else from_minor(minor, currency)


def connections() -> ListFile:
    """All connections: a row for each document type of a target, and one for each source."""
    table = Table("Connections", CONNECTIONS, _connections())
    return ListFile("connections", "connections", [table])


def _connections() -> Iterator[list[Written]]:
    session = store.reading()
    rows = connection_rows.list_connections(session, g.company.id)
    targets, sources = ([row for row in rows if row.is_target is side] for side in (True, False))
    pills = filters.target_pills(Together(session), session, g.company.id, targets)()
    for row in targets:
        mine = [pill for pill in pills if pill.connection_id == row.id]
        told = [(pill.doc_type, pill.text, pill.detail) for pill in mine] or [("", "", "")]
        yield from ([*_named(row), *one, *_paused(row), None, None] for one in told)
    for row, last in connection_rows.with_last_deliveries(session, sources):
        arrived = (moment_text(last.received_at), last.deliveries) if last else (None, 0)
        yield [*_named(row), None, None, None, *_paused(row), *arrived]


def _named(row: connection_rows.ConnectionRow) -> list[Written]:
    return [row.name, str(row.side), row.connector]


def _paused(row: connection_rows.ConnectionRow) -> list[Written]:
    since = moment_text(row.paused_at) if row.paused_at else None
    return [since, row.paused_by, row.pause_reason]


def stops() -> ListFile:
    """Routes that stopped because a change moves too much, then those that go on."""
    still, over = status.list_stops(store.reading(), g.company.id)
    rows = (_stop(one) for one in (*still, *over))
    return ListFile("stopped routes", "stops", [Table("Stops", STOPS, rows)])


def _stop(one: status.StopRow) -> list[Written]:
    currency = g.company.currency
    moved, most = (from_minor(book, currency) for book in (one.book, one.most_book))
    who = one.resumed_by or one.kept_by
    why = one.resumed_why or one.kept_why
    return [one.id, one.route, str(one.state), moment_text(one.stopped_at), one.records, currency,
            moved, one.most_records, most, one.what, one.reason, one.by, who, why,
            one.waiting]  # fmt: skip


def operations() -> ListFile:
    """How the work flows now: queues, workers, what is stuck, targets."""
    session, company = store.reading(), g.company.id
    stood = stuck_work.stuck(session, company, g.now)
    figures = target_figures(session, company, g.now)
    found = queues(session, company, g.now)
    paces = queue_pace.paces(session, company, found, g.now)
    tables = [
        Table("Queues", QUEUES, (_queue(one, paces[one.part, one.connection]) for one in found)),
        Table("Workers", WORKERS, map(_worker, workers_seen(session, company, g.now))),
        Table("Stuck", STUCK, ([str(one.kind), one.id, one.label, one.worker,
                                moment_text(one.lease_until), one.crashes] for one in stood)),
        Table(("Accounting "
            "systems"), TARGETS, ([one.connection, one.quota_used, one.quota_limit, one.sent,
                                    one.failed, one.read_at and moment_text(one.read_at),
                                    one.clock_ahead, one.clock_at and moment_text(one.clock_at)]
                                   for one in figures)),
    ]  # fmt: skip
    return ListFile("operations", "operations", tables)


def _queue(one: Queue, pace: Pace) -> list[Written]:
    oldest = moment_text(one.oldest_at) if one.oldest_at else None
    empty = None if pace.empty_in is None else round(pace.empty_in)
    return [str(one.part), one.connection or None, one.due, one.in_hand, oldest, pace.done,
            round(pace.seconds), empty]  # fmt: skip


def _worker(one: WorkerRow) -> list[Written]:
    times = (one.started_at, one.seen_at, one.lease_until)
    began, seen, lease = (moment_text(at) if at else None for at in times)
    return [one.owner, str(one.state), began, seen, one.in_hand, lease]


def timeline(source: str, kind: str, external_id: str) -> ListFile:
    """Each step of the record that the tab shows, oldest first: of all, or of one person."""
    record = _record(source, kind, external_id)
    session, who = store.reading(), request.args.get("who", "")
    hide = actors.hiding(session, record.id, show=filters.sees_personal())
    names = {"source": insert_titles(record.source), "rules": "Rules"}
    rows = _steps(trace.timeline(session, record.id, g.now), who, hide, names)
    asked = {"record": record.number, "person": names.get(who, who)}
    return ListFile(
        "the timeline of a record",
        f"timeline-{record.number}",
        [Table("Timeline", TIMELINE, rows)],
        {word: said for word, said in asked.items() if said},
        record_id=record.id,
    )


def _record(source: str, kind: str, external_id: str) -> record_rows.RecordRow:
    found = record_rows.load_record(store.reading(), g.company.id, source, kind, external_id)
    return found or abort(404)


def _steps(
    steps: Sequence[Step], who: str, hide: actors.Hide, names: Mapping[str, str]
) -> Iterator[list[Written]]:
    """What is left out by `who` counts: the seconds are those since the step before on the tab."""
    before: datetime | None = None
    for step in steps:
        gone = None if before is None else round(seconds_since(before, step.at))
        before = step.at
        by = names.get(step.actor, step.actor)
        if who in ("", step.actor, by):
            yield [filters.iso(step.at), gone, by, insert_titles(hide(step.say)), step.proved_by,
                   step.proof.id]  # fmt: skip


def lineage(source: str, kind: str, external_id: str) -> ListFile:
    """Each value of the document that the tab shows: its source, rule, plan, and what was sent."""
    record = _record(source, kind, external_id)
    session, show = store.reading(), filters.sees_personal()
    posting = records.shown_posting(answer(session, record_rows.postings(record.id)))
    found = lineage_rows.lineage_rows(session, posting.id) if posting else ()
    only = request.args.get("only") == "differences"
    hide = actors.hiding(session, record.id, show=show)
    hidden = () if show else actors.PERSONAL_FIELDS
    rows = (_field(one, hide, masked=one.field in hidden)
            for one in found if one.differs or not only)  # fmt: skip
    asked = {
        "record": record.number,
        "document": posting.number if posting else "",
        "only": "differences" if only else "",
    }
    return ListFile(
        "the field mapping of a record",
        f"field-mapping-{record.number}",
        [Table("Field mapping", FIELDS, rows)],
        {word: said for word, said in asked.items() if said},
        record_id=record.id,
    )


def _field(row: LineageRow, hide: actors.Hide, *, masked: bool) -> list[Written]:
    sides: tuple[str | None, ...] = (row.value, row.sent, row.kept)
    planned, sent, kept = (actors.MASK if masked and one is not None else one for one in sides)
    used = "" if masked else hide("; ".join(map(_used, row.used)))
    same = None if row.sent is None else "no" if row.differs else "yes"
    same = "compared, not sent" if row.compared else same
    return [row.field, row.line, actors.MASK if masked else hide(row.source),
            "yes" if row.constant else "no", row.span.file, row.span.line, row.rule, used or None,
            planned, sent, kept, same]  # fmt: skip


def _used(one: UsedEntry) -> str:
    by = f", {one.person}" if one.person else ""
    return f"{one.table} r{one.revision}: {one.key} = {one.value}{by}"


def all_runs() -> ListFile | Refusal:
    """The runs that the form looks for."""
    asked = runs.read_filter(request.args, ZoneInfo(g.company.zone))
    if asked.problems:
        return Refusal("runs.times", next(iter(asked.problems.values())), "", 422)
    session, company = store.reading(), g.company.id
    first = run_search.search_runs(session, company, asked.wanted, most=1)
    if isinstance(first, Refusal):
        return first
    rows = (_run(row) for page in _runs(asked.wanted) for row in page)
    typed = frozenset({"customer", "vendor"})
    return ListFile("the runs", "runs", [Table("Runs", RUNS, rows)], asked.typed, typed)


def _run(run: RunRow) -> list[Written]:
    ended = moment_text(run.ended_at) if run.ended_at else None
    state = "failed" if run.failed else str(run.state)
    return [run.id, run.kind, run.target, run.connector, run.doc_type, moment_text(run.made_at),
            ended, run.by or "Clearpost", state, run.done, run.total, run.failures]  # fmt: skip


def _runs(wanted: run_search.RunFilter) -> Iterator[tuple[RunRow, ...]]:
    session, company, after = store.reading(), g.company.id, None
    while True:
        found = run_search.search_runs(session, company, wanted, after=after, most=AT_ONCE)
        if isinstance(found, Refusal) or not found:
            return
        yield found
        after = found[-1].id


def documents(run_id: int) -> ListFile:
    """All documents of a run, those that did not go first."""
    session, company = store.reading(), g.company.id
    run = run_history.load_run(session, company, run_id) or abort(404)
    ask = partial(_run_documents, run_id)
    pages = each_page(ask, _place, AT_ONCE)
    rows = ([run.id, *cells] for page in pages for cells in _push_cells(page))
    table = Table("Documents", ("Run", *DOCUMENTS), rows)
    return ListFile(f"the documents of run {run_id}", f"run-{run_id}", [table])


def _run_documents(run_id: int, after: run_documents.Place | None) -> tuple[PushLine, ...]:
    session, company = store.reading(), g.company.id
    return run_documents.list_documents(session, company, run_id, after=after, most=AT_ONCE)


def _place(one: PushLine) -> run_documents.Place:
    return run_documents.Place(one.state == PushState.ACCEPTED, one.id)


def _push_cells(page: Sequence[PushLine]) -> Iterator[list[Written]]:
    """Of each its cells; what was answered without what the person may not see."""
    hide = runs.answer_hider(page)
    return (_cells_of(one, hide) for one in page)


def _cells_of(one: PushLine, hide: HideOf) -> list[Written]:
    known = one.amount is not None and one.currency
    amount = from_minor(one.amount or 0, one.currency) if known else "not known"
    told = one.failure is not None and one.error is not None
    said = hide(one.record_id, one.error or "") if told else None
    return [one.number, one.record, one.source, one.kind, one.action, one.state, one.failure, said,
            one.target_ref, moment_text(one.made_at), one.currency, amount]  # fmt: skip


def pushes() -> ListFile:
    """All pushes that the form of the page finds, each with its target."""
    text, state = runs.read_push_filter()
    ask = partial(_pushes, text, state)
    pages = each_page(ask, lambda one: one.id, AT_ONCE)
    rows = (
        [one.target, *cells]
        for page in pages
        for one, cells in zip(page, _push_cells(page), strict=True)
    )
    asked = {"search": text, "answer": state}
    kept = {word: said for word, said in asked.items() if said}
    table = Table("Documents sent", ("Accounting system", *DOCUMENTS), rows)
    return ListFile("the posting log", "pushes", [table], kept, frozenset({"search"}))


def _pushes(text: str, state: str, after: int | None) -> tuple[PushLine, ...]:
    session, company = store.reading(), g.company.id
    return run_search.search_pushes(
        session, company, text=text, state=state, after=after, most=AT_ONCE
    )


class Side(TypedDict):
    """What a shadow kept of a route: its state, and code and rule of what stops it."""

    state: str
    findings: list[tuple[str, str]]


def reasons() -> ListFile:
    """Each reason for a hold, in the order of the rule files."""
    session = store.reading()
    version = rulebook.version_in_force(session, g.company.id)
    found = rulebook.hold_reasons(session, version.version_id) if version else ()
    rows = ([one.code, ": ".join(names_of(one)), _placed(one),
             one.owner or "Team of its class",
             one.released or "Cannot be released", one.clears, one.blocks]
            for one in found)  # fmt: skip
    return ListFile("the reasons for holds", "hold-reasons", [Table("Reasons", REASONS, rows)])


def _placed(one: Reason) -> str:
    return f"{one.span.file}:{one.span.line}" if one.span else str(one.placer)


def proposals() -> ListFile:
    """The commonest handwork first; the values of records stay on the page."""
    rows = (_proposal(one) for one in rulesets.all_proposals())
    table = Table("Proposals", PROPOSALS, rows)
    return ListFile("proposals for rules", "rule-proposals", [table])


def _proposal(one: Proposal) -> list[Written]:
    draft = "yes" if one.files else one.why_not
    return [one.what, one.times, moment_text(one.last), draft]


def changes() -> ListFile:
    """All changes of the rules, the newest first."""
    ask = partial(_changes)
    pages = each_page(ask, lambda one: one.no, AT_ONCE)
    rows = (_change(one) for page in pages for one in page)
    return ListFile("changes of the rules", "rule-changes", [Table("Changes", CHANGES, rows)])


def _changes(before: int | None) -> tuple[change_list.ListedChange, ...]:
    return change_list.list_changes(store.reading(), g.company.id, before=before, most=AT_ONCE)


def _change(one: change_list.ListedChange) -> list[Written]:
    starts = moment_text(one.starts_at) if one.starts_at else None
    made = moment_text(one.made_at)
    return [one.no, one.title, str(one.state), one.author, made, starts, one.starter]


def backtest(no: int) -> ListFile:
    """The matrix of a change: a row for each cell and currency."""
    change = backtests.change_of(no)
    run = shadow_pages.backtest_of_change(store.reading(), g.company.id, change.change_id) or abort(
        404
    )
    table = Table("Backtest", MATRIX, _count_cells(shadow_pages.counts(run)))
    return ListFile(f"the backtest of change {no}", f"backtest-{no}", [table])


def _count_cells(counts: Counts) -> Iterator[list[Written]]:
    labels = shadow_pages.LABELS
    for one in counts.matrices:
        for _, row, _ in one.rows:
            for cell in (cell for cell in row if cell.records):
                words = [labels.get(word, word) for word in (cell.was, cell.would)]
                for code, (number, minor) in sorted(cell.money.items()):
                    amount = from_minor(minor, code) if code else None
                    yield [one.kind, one.route, *words, number, code, amount]


def backtest_records(no: int) -> ListFile:
    """The records of a cell of the matrix, the newest first."""
    change, cell = backtests.change_of(no), backtests.read_cell()
    run = shadow_pages.backtest_of_change(store.reading(), g.company.id, change.change_id) or abort(
        404
    )
    pages = each_page(partial(_results, run.id, cell), lambda one: one.record_id, AT_ONCE)
    rows = (_result(one) for page in pages for one in page)
    title = f"records of a backtest of change {no}"
    return ListFile(title, f"backtest-{no}-records", [Table("Records", CELL, rows)], cell)


def _results(run_id: int, cell: Mapping[str, str], before: int | None) -> tuple[ListedResult, ...]:
    return shadow_pages.listed(store.reading(), run_id, cell, before=before, most=AT_ONCE)


def _result(one: ListedResult) -> list[Written]:
    labels = shadow_pages.LABELS
    sides = [labels.get(word, word) for word in (one.was, one.would)]
    amount = from_minor(one.amount, one.currency) if one.currency else None
    return [one.number, one.source, one.kind, one.external_id, filters.party(one.party), one.day,
            one.route, *sides, one.currency, amount]  # fmt: skip


def shadow(no: int) -> ListFile:
    """All differences of the shadow of a change."""
    change, session = backtests.change_of(no), store.reading()
    found = shadow_pages.shadow_of_change(session, g.company.id, change.change_id) or abort(404)
    every = shadow_pages.differences(session, g.company.id, found.id, most=None)
    table = Table("Differences", SHADOW, map(_difference, every))
    return ListFile(f"differences of the shadow of change {no}", f"shadow-{no}", [table])


def _difference(one: shadow_pages.ListedDifference) -> list[Written]:
    amount = None if one.amount is None else from_minor(one.amount, one.currency)
    place = [one.source, one.kind, one.external_id, one.number, filters.party(one.party)]
    return [filters.stamp(one.at), *place, one.currency, amount,
            _stored(one.was), _stored(one.would)]  # fmt: skip


def _stored(routes: Mapping[str, Side]) -> str:
    """What a shadow kept of one side: each route with its state and what stops it."""
    return "; ".join(
        f"{route}: {side['state']}" + "".join(f", {rule} {code}" for code, rule in side["findings"])
        for route, side in sorted(routes.items())
    )


LISTS: Final[Mapping[str, Make]] = {
    "dashboard.show#dashboard": hold_lists.top_causes,
    "records.show#trace": timeline,
    "records.show#lineage": lineage,
    "onboarding.consider_dry_run": company_lists.dry_run,
    "holding.listing": hold_lists.holding,
    "holding.inbox": hold_lists.inbox,
    "approvals.show": hold_lists.approval,
    "desk.ageing": hold_lists.by_owner,
    "late.listing": hold_lists.late,
    "find.find": hold_lists.found,
    "runs.listing": all_runs,
    "runs.show": documents,
    "runs.pushes": pushes,
    "reconcile.show": reconciliation,
    "connections.listing": connections,
    "stops.listing": stops,
    "operations.show": operations,
    "mappings.missing": company_lists.missing,
    "mappings.exact": company_lists.exact,
    "mappings.table": company_lists.entries,
    "mappings.unit_proof": company_lists.units,
    "mappings.lists": company_lists.code_lists,
    "mappings.list_changes": company_lists.code_changes,
    "mappings.unpaid": company_lists.unpaid,
    "mappings.parties_found": company_lists.parties,
    "rulebook.catalogue": reasons,
    "rulebook.proposed": proposals,
    "changes.listing": changes,
    "backtests.show": backtest,
    "backtests.records": backtest_records,
    "trials.differences": shadow,
    "settings.show": company_lists.settings,
    "people.listing": company_lists.people,
    "deputies.listing": company_lists.deputies,
    "audit.listing": company_lists.audit,
    "notices.listing": company_lists.messages,
    "signals.listing": company_lists.signals,
    "uploads.listing": company_lists.uploads,
}
