"""Connections, stopped routes and the flow of work as files.

Here: their columns and rows; no key and no secret is among them. Not here: what they say
(holding/connections, holding/runs, holding/workload).
"""

from collections.abc import Iterator
from typing import Final

from flask import g

from connectors.kit.workbook import Written
from holding.connections import connections as connection_rows
from holding.db.models.columns import from_minor, moment_text
from holding.db.together import Together
from holding.operations import queues as queue_pace
from holding.operations import stuck_work as stuck
from holding.operations.queues import Pace, Queue, queues
from holding.operations.target_figures import WorkerRow, target_figures, workers_seen
from holding.runs import status
from portal.lists.list_file import ListFile, Table
from portal.web import store, target_status

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


def connections() -> ListFile:
    """All connections: a row for each document type of a target, and one for each source."""
    table = Table("Connections", CONNECTIONS, _connections())
    return ListFile("connections", "connections", [table])


def _connections() -> Iterator[list[Written]]:
    session = store.reading()
    rows = connection_rows.listing(session, g.company.id)
    targets, sources = ([row for row in rows if row.is_target is side] for side in (True, False))
    pills = target_status.of_rows(Together(session), session, g.company.id, targets)()
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
    still, over = status.listing(store.reading(), g.company.id)
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
    stood = stuck.stuck(session, company, g.now)
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
