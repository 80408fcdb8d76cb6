"""`/metrics` in the Prometheus text format, and the operations page with queues and workers."""

import hmac
from collections.abc import Iterator, Mapping
from datetime import timedelta
from ipaddress import ip_address
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, g, request, url_for
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from werkzeug.wrappers import Response as AnyResponse

from grammar.version import __version__
from holding.access.actors import may
from holding.db.models.columns import from_minor
from holding.db.refusal import Refusal, seconds_since
from holding.operations import latency as figures
from holding.operations import stuck_work
from holding.operations.idle_work import load_waits, long_waits
from holding.operations.latency import Figures, measure_latency, rank
from holding.operations.queues import AGES, by_age, load_queues, measure_paces
from holding.operations.target_figures import (
    RedisState,
    WorkerState,
    list_workers,
    outlook,
    system_health,
    target_figures,
)
from holding.platform import backup, processes
from holding.rulesets.target_ways import load_late_calls
from portal.web import filters, forms, request_guard, store
from portal.web.observation import request_figures
from portal.web.permissions import needs, public
from portal.web.request_guard import key, problem

metrics_pages = Blueprint("metrics", __name__)

HELP: Final = {
    "clearpost_workers_running": "Workers that give a sign of life.",
    "clearpost_workers_silent": "Workers of the last day that died or hang.",
    "clearpost_worker_seen_seconds": "Since any worker gave a sign of life.",
    "clearpost_backup_age_seconds": "Since the last `clearpost backup`; missing without any.",
    "clearpost_database_connections": "Connections of this portal to the database, by state.",
    "clearpost_disk_free_bytes": "Free space on the disk of CLEARPOST_HOME.",
    "clearpost_queue_due": "Items that are due and that no worker has taken.",
    "clearpost_queue_in_hand": "Items that a worker has in hand.",
    "clearpost_queue_oldest_seconds": "How long the oldest due item has been due.",
    "clearpost_queue_done_per_second": "How much of it was done a second in the last minutes.",
    "clearpost_due_by_age": "Due items of all queues, by the age that they have not reached.",
    "clearpost_stuck_items": "Items in the hands of workers that are gone, up to 50 of each kind.",
    "clearpost_held_records": "Records with an open exception.",
    "clearpost_held_money": "What these come to, in units of the currency.",
    "clearpost_exception_oldest_seconds": "How long the oldest exception has been open.",
    "clearpost_documents_sent": "Documents in the calls of the last hour that were answered.",
    "clearpost_failure_share": "How many of these failed, from 0 to 1.",
    "clearpost_quota_used": "Documents that count for the month's quota of the accounting system.",
    "clearpost_quota_limit": "How many the accounting system takes in a month.",
    "clearpost_master_data_age_seconds": "Age of the master data that was read longest ago.",
    "clearpost_latency_seconds": "From arrival to posted, of the latest records without decision.",
    "clearpost_latency_seconds_count": "How many records that is.",
}
"""The gauges in the order of the page, with their meaning. The request figures follow them."""

Labels = Mapping[str, str]

Value = tuple[str, Labels, float]  # name, labels, value

queue_pages = Blueprint("operations", __name__, url_prefix="/c/<co>/operations")

CHIPS: Final = {
    WorkerState.SILENT: ("bad", "failed", "No sign of life"),
    WorkerState.RUNNING: ("ok", "ok", "Working"),
    WorkerState.DRAINING: ("warn", "clock", "Finishing, then stops"),
    WorkerState.ENDED: ("idle", "minus", "Ended"),
    WorkerState.UNSEEN: ("info", "sending", "Working"),
}
"""State of a worker -> tone, icon and word."""


@metrics_pages.get("/metrics", endpoint="show")
@public  # authenticated by a token or a local address
@request_guard.limiter.limit("60 per minute")
def show_metrics() -> Response:
    """Return all figures. Requires CLEARPOST_METRICS_TOKEN, or without it a local call."""
    refused = _refused()
    if refused:
        return problem(refused)
    session = store.reading()
    workers = processes.count_workers(session, g.now)
    silent = len(processes.silent_workers(session, g.now))
    values: list[Value] = [("clearpost_workers_running", {}, workers.running)]
    values.append(("clearpost_workers_silent", {}, silent))
    if workers.seen_at is not None:
        seen = seconds_since(workers.seen_at, g.now)
        values.append(("clearpost_worker_seen_seconds", {}, seen))
    if copy := backup.load_newest_backup(session):
        values.append(("clearpost_backup_age_seconds", {}, seconds_since(copy.at, g.now)))
    for one in figures.of_all(session, g.now):
        values += _of_company(one)
    for state, count in store.database().connection_counts().items():
        values.append(("clearpost_database_connections", {"state": state}, count))
    if (free := processes.free_disk(current_app.config["PORTAL"].settings.home)) is not None:
        values.append(("clearpost_disk_free_bytes", {}, free))
    registry = CollectorRegistry()
    registry.register(_Figures(values))
    page = Response(generate_latest(registry) + generate_latest(request_figures().registry))
    page.content_type = CONTENT_TYPE_PLAIN_0_0_4
    page.headers["Cache-Control"] = "no-store"
    return page


def _refused() -> Refusal | None:
    """Return why the caller may not read the metrics of all companies, or None."""
    settings = current_app.config["PORTAL"].settings
    wanted = settings.metrics_token
    if wanted:
        if hmac.compare_digest(key().encode(), wanted.encode()):
            return None
        hint = "Send the header Authorization: Bearer … with CLEARPOST_METRICS_TOKEN."
        return Refusal("metrics.token", "This call has no valid token.", hint, 401)
    if _local(settings.public_url):
        return None
    hint = "Set CLEARPOST_METRICS_TOKEN, and send it as a bearer token."
    return Refusal("metrics.local", "Without a token only this machine may ask.", hint, 403)


def _local(public_url: str | None) -> bool:
    """Check whether the call comes from this machine without a proxy: no public address is set, and
    the caller used a local name.
    """
    names = (request.remote_addr or "", urlsplit(request.host_url).hostname or "")
    return public_url is None and all(map(_of_this_machine, names))


def _of_this_machine(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def _of_company(one: Figures) -> Iterator[Value]:
    company = {"company": one.company}
    for queue in one.queues:
        labels = {**company, "queue": queue.part, "connection": queue.connection}
        yield "clearpost_queue_due", labels, queue.due
        yield "clearpost_queue_in_hand", labels, queue.in_hand
        yield "clearpost_queue_oldest_seconds", labels, queue.oldest(g.now)
        rate = one.rates.get((queue.part, queue.connection), 0.0)
        yield "clearpost_queue_done_per_second", labels, rate
    for (_, count), (_, below) in zip(by_age(one.queues), AGES, strict=True):
        under = "+Inf" if below == timedelta.max else f"{below.total_seconds():.0f}"
        yield "clearpost_due_by_age", {**company, "under_seconds": under}, count
    yield "clearpost_stuck_items", company, one.stuck
    yield "clearpost_held_records", company, one.held
    for currency, minor in sorted(one.money.items()):
        labels = {**company, "currency": currency}
        yield "clearpost_held_money", labels, float(from_minor(minor, currency))
    opened = seconds_since(one.oldest_at, g.now) if one.oldest_at else 0.0
    yield "clearpost_exception_oldest_seconds", company, opened
    yield from _of_targets(one)
    for share in (0.5, 0.95):
        value = rank(one.seconds, share)
        if value is not None:
            yield "clearpost_latency_seconds", {**company, "quantile": str(share)}, max(0.0, value)
    yield "clearpost_latency_seconds_count", company, len(one.seconds)


def _of_targets(one: Figures) -> Iterator[Value]:
    for target in one.targets:
        labels = {"company": one.company, "connection": target.connection}
        yield "clearpost_documents_sent", labels, target.sent
        yield "clearpost_failure_share", labels, target.failure_share
        if target.quota_limit is not None:
            yield "clearpost_quota_used", labels, target.quota_used
            yield "clearpost_quota_limit", labels, target.quota_limit
        if target.read_at is not None:
            age = seconds_since(target.read_at, g.now)
            yield "clearpost_master_data_age_seconds", labels, age


class _Figures:
    """Yields the gauges of one reading to the Prometheus client."""

    def __init__(self, values: list[Value]) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        """Yield one metric for each name that has a value."""
        for name, meaning in HELP.items():
            samples = [(labels, value) for each, labels, value in self._values if each == name]
            if samples:
                gauge = GaugeMetricFamily(name, meaning, labels=list(samples[0][0]))
                for labels, value in samples:
                    gauge.add_metric(list(labels.values()), value)
                yield gauge


@queue_pages.get("", endpoint="show")
@needs("record.read")
def show_queues() -> Response:
    """Show the queues and workers."""
    return store.respond("operations/show.html", _shown())


def _shown() -> dict[str, object]:
    session, company, settings = store.reading(), g.company.id, request_guard.config().settings
    began = perf_counter()
    queues, workers = load_queues(session, company, g.now), list_workers(session, company, g.now)
    database_seconds = perf_counter() - began
    paces = measure_paces(session, company, queues, g.now)
    targets = target_figures(session, company, g.now)
    waits = load_waits(session, company, g.now)
    late = load_late_calls(session, company, g.now)
    copy = backup.load_newest_backup(session)
    here = g.now.astimezone(filters.zone())
    running = sum(one.state is WorkerState.RUNNING for one in workers)
    may_not = may(g.actor, stuck_work.ACT)
    return {
        "queues": [(one, paces[one.part, one.connection]) for one in queues],
        "ages": by_age(queues),
        "due": sum(one.due for one in queues),
        "in_hand": sum(one.in_hand for one in queues),
        "workers": workers,
        "disk": processes.free_disk(settings.home),
        "running": running,
        "worker_chips": CHIPS,
        "Working": WorkerState,
        "stuck": stuck_work.list_stuck(session, company, g.now),
        "targets": targets,
        "quotas": [
            (one, outlook(one.quota_limit, one.quota_used, here))
            for one in targets
            if one.quota_limit is not None
        ],
        "latency": measure_latency(session, company, g.now),
        "waits": long_waits(waits, late),
        "refused": may_not,
        "not_drained": may_not or (stuck_work.ONLY if running == 1 else None),
        "system": system_health(session, g.now, database_seconds),
        "Redis": RedisState,
        "sweep": settings.sweep_seconds,
        "backup": copy,
        "copy_is_old": copy is None or copy.is_old(g.now, settings.backup_hours),
        "backup_hours": settings.backup_hours,
        "demo": settings.env == "demo",
        "version": __version__,
        "schema": backup.VERSION,
    }


@queue_pages.post("/requeue")
@needs("run.operate")
def requeue() -> AnyResponse:
    """Give what a worker left in hand back to the queue."""
    back = url_for("operations.show", co=g.company.code)
    kind = next((one for one in stuck_work.Kind if one == request.form.get("kind")), None)
    item = forms.parse_whole(request.form.get("item"))
    fence = forms.parse_whole(request.form.get("fence"))
    if kind is None or item is None or fence is None:
        wrong = Refusal(
            "work.unknown", "This is not an item of a queue.", "Load the page again.", 422
        )
        return store.refuse(wrong, back=back)
    with store.writing() as session:
        answer = stuck_work.requeue(session, g.actor, kind, item, fence, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    processes.ring(g.company.id, "evaluate" if kind is stuck_work.Kind.RECORD else "push")
    return store.redirect_with_message(back, answer.say)


@queue_pages.post("/drain")
@needs("run.operate")
def drain() -> AnyResponse:
    """Request that a worker finish its work and stop."""
    owner, back = request.form.get("worker", ""), url_for("operations.show", co=g.company.code)
    with store.writing() as session:
        refused = stuck_work.drain(session, g.actor, owner, request.form.get("reason", ""), g.now)
    if refused is not None:
        return store.refuse(refused, back=back)
    said = f"Worker {owner} finishes what it has, and stops. Other workers go on."
    return store.redirect_with_message(back, said)
