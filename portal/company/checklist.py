"""The set-up checklist of a company: dry run, cutover date and going live."""

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, Response, current_app, g, request, url_for
from werkzeug.exceptions import HTTPException

from connectors.transport.http import Http
from grammar.text.characters import in_currency
from grammar.text.finding_codes import ErrorClass
from holding.access import actors
from holding.access.people import titles_of
from holding.company import dry_run, going_live
from holding.company.going_live import Checklist, Step, checklist
from holding.company.standing_documents import Look, There, look
from holding.connections import sale_issuers
from holding.db.refusal import Refusal, plural, sums
from holding.platform import processes
from holding.programs.known_schemas import schemas
from portal.web import filters, forms, store
from portal.web.permissions import FILE, needs

pages = Blueprint("onboarding", __name__, url_prefix="/c/<co>/setup")

KINDS = (
    ("ready", "ready to post"),
    ("held", "on hold"),
    ("waiting", "waiting"),
    ("ignored", "not posted (by rule)"),
    ("reference", "for reference"),
)
"""What the records of a dry run count as, in the words of the page."""

FILES = (("csv", "CSV"), ("xlsx", "Excel"), ("json", "JSON"))

SHOWN = 100
"""Records of a dry run that the page itself lists; its files have all."""

LOOK = ("holding.listing", "Look at the records on hold")

NEXT_STEPS: Mapping[ErrorClass, tuple[str, str]] = {
    "mapping_missing": ("mappings.missing", "Map the values"),
    "authorization_failed": ("connections.listing", "Test the connection"),
    "temporary": ("connections.listing", "Test the connection"),
}
"""Where a cause of a dry run is dealt with: a page, and what to do there; else LOOK."""

BY_NAME = "connections.show"
"""The page of one connection: its address takes every word for a name."""

SECONDS: Final = 10.0  # what one answer may take

OUTCOMES: Final[tuple[tuple[str, tuple[There, ...]], ...]] = (
    ("Not there", (There.ABSENT,)),
    ("There already, the same", (There.SAME,)),
    ("There already, or alike", (There.OTHER, There.ALIKE)),
    ("Not known", (There.UNTOLD,)),
)

HELD: Final = (
    "It goes on hold when you go live: an approver compares both, then links or rejects it."
)

BECOMES: Final[Mapping[There, str]] = {
    There.SAME: "It is linked when you go live, and not sent again.",
    There.OTHER: HELD,
    There.ALIKE: HELD,
    There.UNTOLD: "It is looked up again before it is sent.",
}
"""What becomes of a document when the company goes live."""


def show_checklist() -> Response:
    """Show the remaining steps before the company goes live, each with one action."""
    return _checklist({"opened": None})


def _checklist(more: Mapping[str, object], *, status: int = 200) -> Response:
    """Return the checklist page. `more` holds the values of the step that is open in it."""
    found = checklist(store.reading(), g.company.id)
    first = going_live.first_run(store.reading(), g.company.id, g.now)
    return store.respond(
        "onboarding/checklist.html",
        more,
        status=status,
        found=found,
        answers=sale_issuers.find_open_answers(store.reading(), g.company.id),
        Step=Step,
        links=_links(found),
        first=first,
        refusal=going_live.not_ready(found),
        start=suggested_start(found),
    )


def _links(found: Checklist) -> dict[Step, str]:
    """Return the address of the page for each step; blank if it has none."""
    code = g.company.code
    new = _step_url(f"/c/{code}/connections/new")
    connections = url_for("connections.listing", co=code)

    def of(connected: object, side: str) -> str:
        name = getattr(connected, "name", "")
        if name:
            return url_for("connections.show", co=code, name=name)
        return f"{new}?side={side}" if new else connections

    return {
        Step.SOURCE: of(next(iter(found.sources), None), "source"),
        Step.TARGET: of(next(iter(found.targets), None), "target"),
        Step.RULES: _rules(found),
        Step.PEOPLE: _step_url(f"/c/{code}/people/"),
        Step.MAPPINGS: url_for("mappings.missing", co=code),
        Step.DRY_RUN: url_for("onboarding.consider_dry_run", co=code),
        Step.CUTOVER: url_for("onboarding.cutover", co=code),
        Step.GO_LIVE: url_for("onboarding.consider", co=code),
    }


def _step_url(path: str) -> str:
    """Return the path if a page exists at it, else blank."""
    try:
        endpoint, _ = current_app.url_map.bind("").match(path)
    except HTTPException:
        return ""
    return "" if endpoint == BY_NAME else path


def _rules(found: Checklist) -> str:
    """Return the address of the change to publish, of the rules in force, or of the choice of a
    template.
    """
    code = g.company.code
    if found.change is not None and found.ruleset_no is None:
        return url_for("changes.show", co=code, no=found.change.no)
    if found.ruleset_no is not None:
        return url_for("rulebook.show", co=code)
    return url_for("onboarding.choose_rules", co=code)


@pages.get("/dry-run")
@needs("company.setup")
def consider_dry_run() -> Response:
    """Show the form for the days to check, and the result of the last dry run."""
    return _dry_run_page({})


def _dry_run_page(
    problems: Mapping[str, str], *, status: int = 200, done: dry_run.DryRun | None = None
) -> Response:
    if g.company.live:
        return store.redirect_with_message(home_url(), f"{g.company.name} is live already.")
    documents, hidden = done.documents if done else (), filters.hidden_fields()
    held_ids = [one.record_id for one in done.causes] if done else ()
    opened = {
        "opened": Step.DRY_RUN,
        "days": dry_run.proposed_days(store.reading(), g.company.id, g.now, g.company.zone),
        "ran": done,
        "most": dry_run.MOST,
        "kinds": KINDS,
        "words": dict(KINDS),
        "next_steps": NEXT_STEPS,
        "otherwise": LOOK,
        "listed": done.records[:SHOWN] if done else (),
        "hidden": hidden,
        "hide": actors.hiding_each(store.reading(), held_ids, hidden),
        "amounts": [in_currency(one.amount, one.currency) for one in documents],
        "files": _files(done),
        "titles": [_titles(one.target, one.document) for one in documents],
        "teams": titles_of(store.reading(), g.company.id),
        "problems": problems,
    }
    return _checklist(opened, status=status)


def _files(done: dry_run.DryRun | None) -> list[tuple[str, str]]:
    """Return (title, address) of each file of a dry run's records."""
    if done is None:
        return []
    of = {"co": g.company.code, "first": done.first, "last": done.last}
    page = "onboarding.consider_dry_run" + FILE
    return [(word, url_for(page, ending=ending, **of)) for ending, word in FILES]


def _titles(target: str, document: str) -> dict[str, str]:
    """Return the accounting system's names for a document's fields: our name -> its title."""
    known = schemas().document(target, document)
    fields = (*known.header, *known.lines) if known else ()
    return {one.name: getattr(one, "title", "") or one.name for one in fields}


@pages.post("/dry-run")
@needs("company.setup")
def start_dry_run() -> Response:
    """Check the records of these days as a dry run.

    Nothing is sent, and only the sums are stored.
    """
    first, last = (
        forms.parse_day(request.form.get("first")),
        forms.parse_day(request.form.get("last")),
    )
    if first is None or last is None or last < first:
        return _dry_run_page(
            {"last": "Enter two days; the last is not before the first."}, status=422
        )
    store.drop_snapshot()  # a service reads with sessions of its own
    done = dry_run.dry_run(store.database(), store.clock(), g.actor, first, last)
    if isinstance(done, Refusal):
        return store.refuse(done, back=home_url())
    return _dry_run_page({}, done=done)


@pages.get("/go-live")
@needs("company.setup")
def consider() -> Response:
    """Show the documents that going live would send first."""
    if g.company.live:
        return store.redirect_with_message(home_url(), f"{g.company.name} is live already.")
    found = checklist(store.reading(), g.company.id)
    return store.respond(
        "onboarding/go_live.html",
        found=found,
        first=going_live.first_run(store.reading(), g.company.id, g.now),
        refusal=going_live.not_ready(found),
    )


@pages.post("/go-live")
@needs("company.setup")
def go_live() -> Response:
    """Send from now on, as it was shown."""
    count, figure = (forms.parse_whole(request.form.get(name)) or 0 for name in ("count", "figure"))
    with store.writing() as session:
        answer = going_live.go_live(session, g.actor, count, figure, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=url_for("onboarding.consider", co=g.company.code))
    processes.ring(g.company.id, "push")
    told = f"{plural(answer.count, 'document')}, {sums(answer.money, g.company.currency)}"
    return store.redirect_with_message(
        home_url(), f"{g.company.name} is live. Queued to be sent: {told}."
    )


def suggested_start(found: Checklist) -> object:
    """Return the first document date that the page proposes."""
    return going_live.suggested_start(found.closed_through, g.now, g.company.zone)


def home_url() -> str:
    """Return the address of the checklist."""
    return url_for("dashboard.show", co=g.company.code)


@pages.get("/cutover")
@needs("company.setup")
def cutover() -> Response:
    """Show the cutover page, where the first document date to post is set."""
    return _cutover_page({})


def _cutover_page(
    problems: Mapping[str, str], *, status: int = 200, found: Look | None = None
) -> Response:
    if g.company.live:
        return store.redirect_with_message(home_url(), f"{g.company.name} is live already.")
    steps = checklist(store.reading(), g.company.id)
    return store.respond(
        "onboarding/cutover.html",
        status=status,
        found=steps,
        start=suggested_start(steps),
        problems=problems,
        look=found,
        There=There,
        outcomes=OUTCOMES,
        becomes=BECOMES,
    )


@pages.post("/cutover")
@needs("company.setup")
def set_cutover() -> Response:
    """Set it; every record is checked again."""
    day = forms.parse_day(request.form.get("starts"))
    if day is None:
        told = "Enter the day as year-month-day, such as 2026-11-01."
        return _cutover_page({"starts": told}, status=422)
    typed = request.form.get("closed", "").strip()
    closed = forms.parse_day(typed)
    if typed and closed is None:
        told = "Enter the day as year-month-day, such as 2026-09-30, or leave it blank."
        return _cutover_page({"closed": told}, status=422)
    with store.writing() as session:
        refusal = going_live.set_cutover(session, g.actor, day, g.now, closed)
    if refusal is not None and refusal.status == 422:
        field = "closed" if refusal.code == "company.closed" else "starts"
        return _cutover_page({field: refusal.words}, status=422)
    if refusal is not None:
        return store.refuse(refusal, back=home_url())
    processes.ring(g.company.id, "evaluate")
    return store.redirect_with_message(
        home_url(), f"Cutover date set to {day}. Records are checked again."
    )


@pages.post("/cutover/look")
@needs("company.setup")
def look_there() -> Response:
    """Look up the ready documents in the accounting systems. Nothing is written there."""
    after = forms.parse_whole(request.form.get("after")) or 0
    store.drop_snapshot()  # no snapshot is kept while others are asked
    http = Http(store.clock(), connect_seconds=SECONDS, read_seconds=SECONDS)
    found = look(store.database(), store.clock(), g.actor, after, http=http)
    if isinstance(found, Refusal):
        return store.refuse(found, back=url_for("onboarding.cutover", co=g.company.code))
    return _cutover_page({}, found=found)
