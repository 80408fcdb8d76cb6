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
from holding.operations import stuck_work
from holding.operations.queues import Pace, Queue, load_queues, measure_paces
from holding.operations.target_figures import WorkerRow, list_workers, target_figures
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
"""Build a list from the values of its page's address, or refuse."""

IN_MEMORY: Final = 1 << 20  # bytes; a larger file is spooled to disk

PIECE: Final = 1 << 16

PLACES: Final = frozenset({"after", "since", "before", "calls", "tab", "row"})
"""Words of an address that are a position in a list, not a filter."""

SHOWN: Final = {FileKind.CSV: "CSV", FileKind.XLSX: "Excel", FileKind.JSON: "JSON"}

NOT_COMPARED: Final = "not compared: the filters differ"

PARTS: Final = (*EXPLAINED, Standing.ACCEPTED, Standing.UNEXPLAINED)

DAYS: Final = ("Day", "Currency", "Source", "Source records", "Posted", "Posted documents",
               "Accounting system", "Accounting documents", "Difference",
               *(STANDINGS[part].word for part in PARTS))  # fmt: skip

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

PAGE_SIZE: Final = 1000

REASONS: Final = ("Code", "Reason", "Placed by", "Goes to", "Released by", "Cleared by", "Blocks")

PROPOSALS: Final = ("What was done by hand", "Times", "Last", "Draft")

CHANGES: Final = ("Change", "Title", "State", "Author", "Made", "Starts", "Start set by")

MATRIX: Final = ("Record", "Document", "Rules in force", "Change", "Records", "Currency", "Amount")

CELL: Final = ("Record", "Source", "Kind", "Id in source", "Customer", "Day", "Document",
               "Rules in force", "Change", "Currency", "Amount")  # fmt: skip

SHADOW: Final = ("Checked at", "Source", "Kind", "Id", "Record", "Customer", "Currency", "Total",
                 "Rules in force", "Would")  # fmt: skip


def init_downloads(app: Flask, lists: Mapping[str, Make]) -> None:
    """Add a download route for each file kind to each page of `lists`, and its template links."""
    app.extensions["lists"] = lists
    rules = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules() if rule.methods}
    for name in lists:
        page, _, part = name.partition(PART)
        path = "/".join([rules[page].rstrip("/"), *filter(None, [part])])
        ending = ".<any(csv, xlsx, json):ending>"
        app.add_url_rule(path + ending, name + FILE, download, methods=["GET"])
    app.jinja_env.globals["list_files"] = list_files


def list_files(part: str = "") -> list[tuple[FileKind, str, str]]:
    """Return the kind, label and address of each file of this page's list, with its filter.

    `part` names one part of a page with several lists.
    """
    endpoint = f"{request.endpoint or ''}{PART + part if part else ''}{FILE}"
    if endpoint not in current_app.view_functions:
        return []
    words = {word: texts for word, texts in request.args.lists() if word not in PLACES}
    filled_words = {word: [text for text in texts if text] for word, texts in words.items()}
    values: dict[str, Any] = {**(request.view_args or {}), **filled_words, "co": g.company.code}
    return [(kind, word, url_for(endpoint, ending=kind, **values)) for kind, word in SHOWN.items()]


def download(ending: str, **place: Any) -> Response:
    """Return the file, after its download was recorded in the audit trail."""
    kind, name = FileKind(ending), list_of(request.endpoint or "")
    page_address = url_for(page_of(name), co=g.company.code, **place)
    make: Make = current_app.extensions["lists"][name]
    store.read_uncached()
    list_file_content = make(**place)
    if isinstance(list_file_content, Refusal):
        return store.refuse(list_file_content, back=page_address)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the answer closes it
    about = {"company": g.company.code, "at": filters.iso(g.now)}
    try:
        rows = list_file.write_list(file, kind, list_file_content, about)
    # Refused as a whole, because a truncated list reads as a complete one.
    except TooManyError:
        words = f"More than {list_file.MOST:,} rows match, too many for one file."
        hint = "Narrow the list by its filter, and download the parts one after another."
        return store.refuse(Refusal("list.many", words, hint), back=page_address)
    # Committed before the first byte leaves, so that every download is in the audit trail.
    if request.method != "HEAD":  # a HEAD request downloads nothing
        _record_download(list_file_content, name, kind, rows)
    size = file.tell()
    file.seek(0)
    answer = Response(_read_pieces(file), content_type=MEDIA[kind])
    answer.call_on_close(file.close)
    answer.content_length = size
    file_name = re.sub(r"[^\w.-]+", "-", f"{list_file_content.word}-{g.company.code}")
    answer.headers["Content-Disposition"] = f'attachment; filename="{file_name}.{kind}"'
    return answer


def _record_download(downloaded: ListFile, name: str, kind: FileKind, rows: int) -> None:
    sentence = (
        f"{g.actor.name} downloaded {plural(rows, 'row')} of {downloaded.title} as {SHOWN[kind]}."
    )
    body = {
        "say": f"{sentence} Filter: {downloaded.filter_line}.",
        "list": name,
        "filter": dict(downloaded.filter),
        "typed": sorted(
            {downloaded.filter[word] for word in downloaded.typed & downloaded.filter.keys()}
        ),
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
            record_id=downloaded.record_id,
            body=body,
        )


def _read_pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


def reconciliation() -> ListFile | Refusal:
    """Return the sums of the page; nothing is subtracted if the two sides' filters differ."""
    daily_filter = daily_page.read_filter(request.args, filters.today())
    if daily_filter.problems:
        return Refusal("reconcile.filter", next(iter(daily_filter.problems.values())), "", 422)
    totals = daily_page.compare_totals(daily_filter)
    kind, has_same_sides = (
        totals.kind(daily_filter.target, daily_filter.doc_type),
        daily_filter.sides.same,
    )
    filter_words = {
        "accounting system": kind.place.target if kind else "none",
        "document": kind.place.doc_type.replace("_", " ") if kind else "none",
        "source side": daily_page.span_text(daily_filter.sides.source),
        "accounting side": daily_page.span_text(daily_filter.sides.target),
        "difference": "source less accounting system" if has_same_sides else NOT_COMPARED,
    }
    if daily_filter.only:
        filter_words["days"] = "those that differ"
    first, last = daily_filter.sides.source.first, daily_filter.sides.source.last
    tables = [
        Table("Days", DAYS, _day_rows(kind, has_same_sides=has_same_sides, only=daily_filter.only)),
        Table("Differences", DIFFERENCES, _document_rows(kind) if has_same_sides else ()),
    ]
    return ListFile("the reconciliation", f"reconciliation-{first}-{last}", tables, filter_words)


def _day_rows(kind: Kind | None, *, has_same_sides: bool, only: bool) -> Iterator[list[Written]]:
    for day, totals in _day_totals(kind, only=only):
        row: list[Written] = [day, totals.currency]
        for side in (totals.source, totals.ours, totals.target):
            row += [from_minor(side.minor, totals.currency), side.count]
        yield [*row, *(_difference_cells(totals) if has_same_sides else [None] * (1 + len(PARTS)))]


def _day_totals(kind: Kind | None, *, only: bool) -> Iterator[tuple[str, Totals]]:
    if kind is None:
        return
    for day in kind.shown(only=only):
        yield from ((day.day.isoformat(), totals) for totals in day.totals)
    yield from (("all days", totals) for totals in kind.totals)


def _difference_cells(totals: Totals) -> list[Written]:
    parts = [from_minor(totals.of(standing).minor, totals.currency) for standing in PARTS]
    return [from_minor(totals.difference, totals.currency), *parts]


def _document_rows(kind: Kind | None) -> Iterator[list[Written]]:
    for day in kind.days if kind else ():
        yield from map(_document_cells, kind.of_day(day.day) if kind else ())


def _document_cells(line: Line) -> list[Written]:
    document = line.document
    sides = [
        _amount_or_unknown(minor, document.code)
        for minor in (document.said, document.posted, document.there)
    ]
    word = STANDINGS[line.standing].word
    return [document.day.isoformat(), document.record, document.number, document.code, *sides,
            _amount_or_unknown(line.differs, document.code), word]  # fmt: skip


def _amount_or_unknown(minor: int | None, currency: str) -> Decimal | str:
    return "not known" if minor is None else from_minor(minor, currency)


def connections() -> ListFile:
    """Return all connections: a row per document type of a target, and one per source."""
    table = Table("Connections", CONNECTIONS, _connection_rows())
    return ListFile("connections", "connections", [table])


def _connection_rows() -> Iterator[list[Written]]:
    session = store.reading()
    rows = connection_rows.list_connections(session, g.company.id)
    targets, sources = ([row for row in rows if row.is_target is side] for side in (True, False))
    pills = filters.target_pills(session, g.company.id, targets)
    for row in targets:
        own_pills = [pill for pill in pills if pill.connection_id == row.id]
        pill_cells = [(pill.doc_type, pill.text, pill.detail) for pill in own_pills] or [
            ("", "", "")
        ]
        yield from (
            [*_connection_cells(row), *pill_row, *_pause_cells(row), None, None]
            for pill_row in pill_cells
        )
    for row, last_delivery in connection_rows.with_last_deliveries(session, sources):
        arrived = (
            (moment_text(last_delivery.received_at), last_delivery.deliveries)
            if last_delivery
            else (None, 0)
        )
        yield [*_connection_cells(row), None, None, None, *_pause_cells(row), *arrived]


def _connection_cells(row: connection_rows.ConnectionRow) -> list[Written]:
    return [row.name, str(row.side), row.connector]


def _pause_cells(row: connection_rows.ConnectionRow) -> list[Written]:
    since = moment_text(row.paused_at) if row.paused_at else None
    return [since, row.paused_by, row.pause_reason]


def stops() -> ListFile:
    """Return stopped routes, then routes that were resumed or kept."""
    current, ended = status.list_stops(store.reading(), g.company.id)
    rows = (_stop_row(stop) for stop in (*current, *ended))
    return ListFile("stopped routes", "stops", [Table("Stops", STOPS, rows)])


def _stop_row(row: status.StopRow) -> list[Written]:
    currency = g.company.currency
    moved_amount, amount_limit = (from_minor(book, currency) for book in (row.book, row.most_book))
    decided_by = row.resumed_by or row.kept_by
    decision_reason = row.resumed_why or row.kept_why
    return [row.id, row.route, str(row.state), moment_text(row.stopped_at), row.records, currency,
            moved_amount, row.most_records, amount_limit, row.what, row.reason, row.by,
            decided_by, decision_reason,
            row.waiting]  # fmt: skip


def operations() -> ListFile:
    """Return the present work: queues, workers, stuck items and targets."""
    session, company = store.reading(), g.company.id
    stuck_items = stuck_work.list_stuck(session, company, g.now)
    target_rows = target_figures(session, company, g.now)
    queue_rows = load_queues(session, company, g.now)
    paces = measure_paces(session, company, queue_rows, g.now)
    tables = [
        Table("Queues", QUEUES, (_queue_row(row, paces[row.part, row.connection])
                                 for row in queue_rows)),
        Table("Workers", WORKERS, map(_worker_row, list_workers(session, company, g.now))),
        Table("Stuck", STUCK, ([str(row.kind), row.id, row.label, row.worker,
                                moment_text(row.lease_until), row.crashes] for row in stuck_items)),
        Table(("Accounting "
            "systems"), TARGETS, ([row.connection, row.quota_used, row.quota_limit, row.sent,
                                    row.failed, row.read_at and moment_text(row.read_at),
                                    row.clock_ahead, row.clock_at and moment_text(row.clock_at)]
                                   for row in target_rows)),
    ]  # fmt: skip
    return ListFile("operations", "operations", tables)


def _queue_row(row: Queue, pace: Pace) -> list[Written]:
    oldest = moment_text(row.oldest_at) if row.oldest_at else None
    empty = None if pace.empty_in is None else round(pace.empty_in)
    return [str(row.part), row.connection or None, row.due, row.in_hand, oldest, pace.done,
            round(pace.seconds), empty]  # fmt: skip


def _worker_row(worker: WorkerRow) -> list[Written]:
    times = (worker.started_at, worker.seen_at, worker.lease_until)
    started, last_seen, lease = (moment_text(at) if at else None for at in times)
    return [worker.owner, str(worker.state), started, last_seen, worker.in_hand, lease]


def timeline(source: str, kind: str, external_id: str) -> ListFile:
    """Return each step of the record, oldest first: all steps, or one person's."""
    record = _load_record(source, kind, external_id)
    session, who = store.reading(), request.args.get("who", "")
    hide = actors.hiding(session, record.id, filters.hidden_fields())
    names = {"source": insert_titles(record.source), "rules": "Rules"}
    rows = _step_rows(trace.timeline(session, record.id, g.now), who, hide, names)
    filter_words = {"record": record.number, "person": names.get(who, who)}
    return ListFile(
        "the timeline of a record",
        f"timeline-{record.number}",
        [Table("Timeline", TIMELINE, rows)],
        {word: text for word, text in filter_words.items() if text},
        record_id=record.id,
    )


def _load_record(source: str, kind: str, external_id: str) -> record_rows.RecordRow:
    record = record_rows.load_record(store.reading(), g.company.id, source, kind, external_id)
    return record or abort(404)


def _step_rows(
    steps: Sequence[Step], who: str, hide: actors.Hide, names: Mapping[str, str]
) -> Iterator[list[Written]]:
    """Yield a row per step. Seconds count from the step before, even one that `who` leaves out."""
    before: datetime | None = None
    for step in steps:
        seconds = None if before is None else round(seconds_since(before, step.at))
        before = step.at
        actor = names.get(step.actor, step.actor)
        if who in ("", step.actor, actor):
            yield [filters.iso(step.at), seconds, actor, insert_titles(hide(step.say)),
                   step.proved_by, step.proof.id]  # fmt: skip


def lineage(source: str, kind: str, external_id: str) -> ListFile:
    """Return each field of the shown document: source value, rule, planned value and sent value."""
    record = _load_record(source, kind, external_id)
    session, hidden = store.reading(), filters.hidden_fields()
    posting = records.shown_posting(record_rows.list_postings(session, record.id))
    field_rows = lineage_rows.lineage_rows(session, posting.id) if posting else ()
    only_differences = request.args.get("only") == "differences"
    hide = actors.hiding(session, record.id, hidden)
    rows = (_field_row(field_row, hide, masked=field_row.field in hidden)
            for field_row in field_rows if field_row.differs or not only_differences)  # fmt: skip
    filter_words = {
        "record": record.number,
        "document": posting.number if posting else "",
        "only": "differences" if only_differences else "",
    }
    return ListFile(
        "the field mapping of a record",
        f"field-mapping-{record.number}",
        [Table("Field mapping", FIELDS, rows)],
        {word: text for word, text in filter_words.items() if text},
        record_id=record.id,
    )


def _field_row(row: LineageRow, hide: actors.Hide, *, masked: bool) -> list[Written]:
    sides: tuple[str | None, ...] = (row.value, row.sent, row.kept)
    planned_value, sent, stored_value = (
        actors.MASK if masked and text is not None else text for text in sides
    )
    used_mappings = "" if masked else hide("; ".join(map(_used_text, row.used)))
    sent_as_planned = None if row.sent is None else "no" if row.differs else "yes"
    sent_as_planned = "compared, not sent" if row.compared else sent_as_planned
    return [row.field, row.line, actors.MASK if masked else hide(row.source),
            "yes" if row.constant else "no", row.span.file, row.span.line, row.rule,
            used_mappings or None, planned_value, sent, stored_value, sent_as_planned]  # fmt: skip


def _used_text(entry: UsedEntry) -> str:
    person_text = f", {entry.person}" if entry.person else ""
    return f"{entry.table} r{entry.revision}: {entry.key} = {entry.value}{person_text}"


def all_runs() -> ListFile | Refusal:
    """Return the runs that match the page's form."""
    run_filter = runs.read_filter(request.args, ZoneInfo(g.company.zone))
    if run_filter.problems:
        return Refusal("runs.times", next(iter(run_filter.problems.values())), "", 422)
    session, company = store.reading(), g.company.id
    first_page = run_search.search_runs(session, company, run_filter.wanted, most=1)
    if isinstance(first_page, Refusal):
        return first_page
    rows = (_run_row(row) for page in _run_pages(run_filter.wanted) for row in page)
    typed = frozenset({"customer", "vendor"})
    return ListFile("the runs", "runs", [Table("Runs", RUNS, rows)], run_filter.typed, typed)


def _run_row(run: RunRow) -> list[Written]:
    ended = moment_text(run.ended_at) if run.ended_at else None
    state = "failed" if run.failed else str(run.state)
    return [run.id, run.kind, run.target, run.connector, run.doc_type, moment_text(run.made_at),
            ended, run.by or "Clearpost", state, run.done, run.total, run.failures]  # fmt: skip


def _run_pages(run_filter: run_search.RunFilter) -> Iterator[tuple[RunRow, ...]]:
    session, company, after = store.reading(), g.company.id, None
    while True:
        page = run_search.search_runs(session, company, run_filter, after=after, most=PAGE_SIZE)
        if isinstance(page, Refusal) or not page:
            return
        yield page
        after = page[-1].id


def documents(run_id: int) -> ListFile:
    """Return all documents of a run; documents that were not accepted come first."""
    session, company = store.reading(), g.company.id
    run = run_history.load_run(session, company, run_id) or abort(404)
    load_page = partial(_run_document_page, run_id)
    pages = each_page(load_page, _push_place, PAGE_SIZE)
    rows = ([run.id, *cells] for page in pages for cells in _push_cells(page))
    table = Table("Documents", ("Run", *DOCUMENTS), rows)
    return ListFile(f"the documents of run {run_id}", f"run-{run_id}", [table])


def _run_document_page(run_id: int, after: run_documents.Place | None) -> tuple[PushLine, ...]:
    session, company = store.reading(), g.company.id
    return run_documents.list_documents(session, company, run_id, after=after, most=PAGE_SIZE)


def _push_place(push: PushLine) -> run_documents.Place:
    return run_documents.Place(push.state == PushState.ACCEPTED, push.id)


def _push_cells(page: Sequence[PushLine]) -> Iterator[list[Written]]:
    """Return each push's cells; answers are hidden from a person who may not see them."""
    hide = runs.answer_hider(page)
    return (_cells_of_push(push, hide) for push in page)


def _cells_of_push(row: PushLine, hide: HideOf) -> list[Written]:
    has_amount = row.amount is not None and row.currency
    amount = from_minor(row.amount or 0, row.currency) if has_amount else "not known"
    has_failure = row.failure is not None and row.error is not None
    failure_text = hide(row.record_id, row.error or "") if has_failure else None
    return [row.number, row.record, row.source, row.kind, row.action, row.answer, row.failure,
            failure_text, row.target_ref, moment_text(row.made_at), row.currency,
            amount]  # fmt: skip


def pushes() -> ListFile:
    """Return all pushes that match the page's form, each with its target."""
    text, answer = runs.read_push_filter()
    load_page = partial(_push_page, text, answer)
    pages = each_page(load_page, lambda push: push.id, PAGE_SIZE)
    rows = (
        [push.target, *cells]
        for page in pages
        for push, cells in zip(page, _push_cells(page), strict=True)
    )
    form_values = {"search": text, "answer": answer}
    filter_words = {word: entered for word, entered in form_values.items() if entered}
    table = Table("Documents sent", ("Accounting system", *DOCUMENTS), rows)
    return ListFile("the posting log", "pushes", [table], filter_words, frozenset({"search"}))


def _push_page(text: str, answer: str, after: int | None) -> tuple[PushLine, ...]:
    session, company = store.reading(), g.company.id
    return run_search.search_pushes(
        session, company, text=text, answer=answer, after=after, most=PAGE_SIZE
    )


class Side(TypedDict):
    """A route's result that a shadow run stored: its state, and (code, rule) of each finding."""

    state: str
    findings: list[tuple[str, str]]


def reasons() -> ListFile:
    """Return each reason for a hold, in the order of the rule files."""
    session = store.reading()
    version = rulebook.version_in_force(session, g.company.id)
    hold_reasons = rulebook.hold_reasons(session, version.version_id) if version else ()
    rows = ([reason.code, ": ".join(names_of(reason)), _placer_text(reason),
             reason.owner or "Team of its class",
             reason.released or "Cannot be released", reason.clears, reason.blocks]
            for reason in hold_reasons)  # fmt: skip
    return ListFile("the reasons for holds", "hold-reasons", [Table("Reasons", REASONS, rows)])


def _placer_text(reason: Reason) -> str:
    return f"{reason.span.file}:{reason.span.line}" if reason.span else str(reason.placer)


def proposals() -> ListFile:
    """Return the proposals for rules, the most frequent work first, without record values."""
    rows = (_proposal_row(proposal) for proposal in rulesets.all_proposals())
    table = Table("Proposals", PROPOSALS, rows)
    return ListFile("proposals for rules", "rule-proposals", [table])


def _proposal_row(proposal: Proposal) -> list[Written]:
    draft = "yes" if proposal.files else proposal.why_not
    return [proposal.what, proposal.times, moment_text(proposal.last), draft]


def changes() -> ListFile:
    """Return all changes of the rules, the newest first."""
    load_page = partial(_change_page)
    pages = each_page(load_page, lambda change: change.no, PAGE_SIZE)
    rows = (_change_row(change) for page in pages for change in page)
    return ListFile("changes of the rules", "rule-changes", [Table("Changes", CHANGES, rows)])


def _change_page(before: int | None) -> tuple[change_list.ListedChange, ...]:
    return change_list.list_changes(store.reading(), g.company.id, before=before, most=PAGE_SIZE)


def _change_row(row: change_list.ListedChange) -> list[Written]:
    starts_at = moment_text(row.starts_at) if row.starts_at else None
    made_at = moment_text(row.made_at)
    return [
        row.no,
        row.title,
        str(row.state),
        row.author,
        made_at,
        starts_at,
        row.starter,
    ]


def backtest(no: int) -> ListFile:
    """Return the file of a change's backtest matrix, with one row per cell and currency."""
    change = backtests.change_of(no)
    run = shadow_pages.backtest_of_change(store.reading(), g.company.id, change.change_id) or abort(
        404
    )
    table = Table("Backtest", MATRIX, _count_cells(shadow_pages.counts(run)))
    return ListFile(f"the backtest of change {no}", f"backtest-{no}", [table])


def _count_cells(counts: Counts) -> Iterator[list[Written]]:
    labels = shadow_pages.LABELS
    for matrix in counts.matrices:
        for _, row, _ in matrix.rows:
            for cell in (cell for cell in row if cell.records):
                words = [labels.get(word, word) for word in (cell.was, cell.would)]
                for code, (number, minor) in sorted(cell.money.items()):
                    amount = from_minor(minor, code) if code else None
                    yield [matrix.kind, matrix.route, *words, number, code, amount]


def backtest_records(no: int) -> ListFile:
    """Return the file of the records in one cell of a change's backtest matrix, newest first."""
    change, cell = backtests.change_of(no), backtests.read_cell()
    run = shadow_pages.backtest_of_change(store.reading(), g.company.id, change.change_id) or abort(
        404
    )
    pages = each_page(
        partial(_result_page, run.id, cell), lambda result: result.record_id, PAGE_SIZE
    )
    rows = (_result_row(result) for page in pages for result in page)
    title = f"records of a backtest of change {no}"
    return ListFile(title, f"backtest-{no}-records", [Table("Records", CELL, rows)], cell)


def _result_page(
    run_id: int, cell: Mapping[str, str], before: int | None
) -> tuple[ListedResult, ...]:
    return shadow_pages.listed(store.reading(), run_id, cell, before=before, most=PAGE_SIZE)


def _result_row(row: ListedResult) -> list[Written]:
    labels = shadow_pages.LABELS
    sides = [labels.get(word, word) for word in (row.was, row.would)]
    amount = from_minor(row.amount, row.currency) if row.currency else None
    return [row.number, row.source, row.kind, row.external_id, filters.party(row.party), row.day,
            row.route, *sides, row.currency, amount]  # fmt: skip


def shadow(no: int) -> ListFile:
    """Return the file of all differences that the shadow run of a change has found."""
    change, session = backtests.change_of(no), store.reading()
    shadow_run = shadow_pages.shadow_of_change(session, g.company.id, change.change_id) or abort(
        404
    )
    differences = shadow_pages.differences(session, g.company.id, shadow_run.id, most=None)
    table = Table("Differences", SHADOW, map(_difference_row, differences))
    return ListFile(f"differences of the shadow of change {no}", f"shadow-{no}", [table])


def _difference_row(row: shadow_pages.ListedDifference) -> list[Written]:
    amount = None if row.amount is None else from_minor(row.amount, row.currency)
    place = [
        row.source,
        row.kind,
        row.external_id,
        row.number,
        filters.party(row.party),
    ]
    return [filters.stamp(row.at), *place, row.currency, amount,
            _routes_text(row.was), _routes_text(row.would)]  # fmt: skip


def _routes_text(routes: Mapping[str, Side]) -> str:
    """Return the stored result of one side: each route with its state and its findings."""
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
    "find.find": hold_lists.search_results,
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
