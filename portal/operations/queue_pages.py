"""The operations page: queues, workers, what is due by age, what is stuck, quota and master data.

Here: the view and its one act. Not here: the numbers, what the work runs on, giving back
(holding/workload).
"""

from time import perf_counter
from typing import Final

from flask import Blueprint, Response, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from grammar.version import __version__
from holding.access.actors import may
from holding.db.refusal import Refusal
from holding.db.together import KEPT, Together
from holding.operations import queues as queue_pace
from holding.operations import stuck_work as draining
from holding.operations import stuck_work as stuck
from holding.operations.idle_work import long_waits, waiting
from holding.operations.latency import latency
from holding.operations.queues import asked_queues, by_age
from holding.operations.target_figures import (
    RedisState,
    WorkerState,
    asked_workers,
    outlook,
    system_health,
    target_figures,
)
from holding.platform import backup
from holding.platform import backup as schema_version
from holding.platform import processes as doorbell
from holding.platform import processes as machine
from holding.rulesets.target_ways import late_calls
from portal.web import filters, forms, fragments, security, store

pages = Blueprint("operations", __name__, url_prefix="/c/<co>/operations")
CHIPS: Final = {
    WorkerState.SILENT: ("bad", "failed", "No sign of life"),
    WorkerState.RUNNING: ("ok", "ok", "Working"),
    WorkerState.DRAINING: ("warn", "clock", "Finishing, then stops"),
    WorkerState.ENDED: ("idle", "minus", "Ended"),
    WorkerState.UNSEEN: ("info", "sending", "Working"),
}
"""State of a worker -> tone, icon and word."""


@pages.get("")
def show() -> Response:
    """How the work flows now."""
    return fragments.respond("operations/show.html", _shown())


@pages.post("/requeue")
def requeue() -> AnyResponse:
    """Give what a worker left in hand back to the queue."""
    back = url_for("operations.show", co=g.company.code)
    kind = next((one for one in stuck.Kind if one == request.form.get("kind")), None)
    item = forms.whole(request.form.get("item"))
    fence = forms.whole(request.form.get("fence"))
    if kind is None or item is None or fence is None:
        wrong = Refusal(
            "work.unknown", "This is not an item of a queue.", "Load the page again.", 422
        )
        return fragments.refuse(wrong, back=back)
    with store.writing() as session:
        answer = stuck.requeue(session, g.actor, kind, item, fence, g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "evaluate" if kind is stuck.Kind.RECORD else "push")
    return fragments.moved(back, answer.say)


@pages.post("/drain")
def drain() -> AnyResponse:
    """Ask a worker to finish what it has, and to stop."""
    owner, back = request.form.get("worker", ""), url_for("operations.show", co=g.company.code)
    with store.writing() as session:
        refused = draining.drain(session, g.actor, owner, request.form.get("reason", ""), g.now)
    if refused is not None:
        return fragments.refuse(refused, back=back)
    said = f"Worker {owner} finishes what it has, and stops. Other workers go on."
    return fragments.moved(back, said)


def _shown() -> dict[str, object]:
    session, company, settings = store.reading(), g.company.id, security.config().settings
    page, by_values = Together(session, KEPT), Together(session)
    queues = asked_queues(page, company, g.now)
    seen, left = asked_workers(page, company, g.now), stuck.asked_stuck(page, company, g.now)
    noted, took = page.ask(backup.newest()), by_values.ask(latency(company, g.now))
    waited = page.ask(waiting(session, company, g.now))
    late = page.ask(late_calls(company, g.now))
    began = perf_counter()
    found, workers = queues(), seen()
    answered = perf_counter() - began
    paces = queue_pace.asked(by_values, company, found, g.now)()
    targets = target_figures(session, company, g.now)
    copy, here = noted.value, g.now.astimezone(filters.zone())
    running = sum(one.state is WorkerState.RUNNING for one in workers)
    may_not = may(g.actor, stuck.ACT)
    return {
        "queues": [(one, paces[one.part, one.connection]) for one in found],
        "ages": by_age(found),
        "due": sum(one.due for one in found),
        "in_hand": sum(one.in_hand for one in found),
        "workers": workers,
        "disk": machine.free_disk(settings.home),
        "running": running,
        "worker_chips": CHIPS,
        "Working": WorkerState,
        "stuck": left(),
        "targets": targets,
        "quotas": [
            (one, outlook(one.quota_limit, one.quota_used, here))
            for one in targets
            if one.quota_limit is not None
        ],
        "latency": took.value,
        "waits": long_waits(waited.value, late.value),
        "refused": may_not,
        "not_drained": may_not or (draining.ONLY if running == 1 else None),
        "system": system_health(session, g.now, answered),
        "Redis": RedisState,
        "sweep": settings.sweep_seconds,
        "backup": copy,
        "copy_is_old": copy is None or copy.is_old(g.now, settings.backup_hours),
        "backup_hours": settings.backup_hours,
        "demo": settings.env == "demo",
        "version": __version__,
        "schema": schema_version.VERSION,
    }
