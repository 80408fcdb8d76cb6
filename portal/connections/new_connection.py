"""Connecting a system: choose it, fill in what it asks, paste its key, and see its test.

Here: the page and what saving does, in this order: store settings and key, then test. Not here: the
services (holding/rulesets/new_connections.py, holding/connections).
"""

import secrets

from flask import Blueprint, Response, abort, g, request, url_for

from connectors import registry
from connectors.contract import ConnectionForm, ConnectionSide
from connectors.contract.targets import TellsItems
from connectors.transport.http import Http
from holding.connections import key_rotation
from holding.connections.connections import KeySet
from holding.db.refusal import Refusal
from holding.intake import deliveries as source_tests
from holding.platform import processes as doorbell
from holding.rulesets.new_connections import add_connection, name_fault
from portal.connections import declared_form
from portal.pages import connections
from portal.web import fragments, store

pages = Blueprint("newconn", __name__, url_prefix="/c/<co>/connections")
SECRET_BYTES = 24
TABLE = "table"  # the units table counts, without a person who confirms each rate
PROVE_IT = "Enter its address and secret there, then send a test delivery."
TRIMMED = " Spaces or line ends around the key were left out."


@pages.get("/new")
def choose() -> Response:
    """The systems that can be connected, and the form of the one that is chosen."""
    return _page(request.args.get("system", ""), {}, {})


@pages.post("/new")
def create() -> Response:
    """Store a connection with its key, and test it; nothing is sent before a test has passed."""
    system, name = request.form.get("system", ""), request.form.get("name", "").strip()
    side, form = _form(system)
    values, key = declared_form.values_of(form, request.form), request.form.get("key", "")
    problems = declared_form.problems_of(form, values) | declared_form.key_problem(form, key)
    if fault := name_fault(name):
        problems["name"] = f"{fault.message} {fault.hint}"
    if problems:
        return _page(system, values | {"name": name}, problems, status=422)
    made_here = form.key is not None and form.key.made_here
    secret = secrets.token_urlsafe(SECRET_BYTES) if made_here else key
    stored = _stored(side, system, name, values, secret if form.key else "")
    if isinstance(stored, Refusal):
        if stored.code == "connection.taken":
            problems = {"name": f"{stored.message} {stored.hint}"}
            return _page(system, values | {"name": name}, problems, status=422)
        return fragments.refuse(stored, back=_url())
    row_id, kept = stored
    doorbell.ring(g.company.id, "evaluate")
    asked = side == "target" or source_tests.is_testable(side, system, values)
    if made_here or not asked:
        row = connections.row_of(name)
        shown = connections.shown(row) | {"secret": secret if made_here else ""}
        return fragments.respond(
            "connections/show.html", shown, say=f"{name} was added. {PROVE_IT}"
        )
    trimmed = TRIMMED if kept is not None and kept.trimmed else ""
    named = "" if name in (system, form.title) else f" as {name}"
    said = f"{form.title} was added{named}.{trimmed}"
    if key_rotation.is_half(system, secret):
        words = f"{said} Connect it next: nothing is sent there before."
        return fragments.moved(connections.url_of(name) + "#authorization", words)
    return tested(row_id, name, said)


def tested(row_id: int, name: str, said: str) -> Response:
    """Test the connection, and go to its page, which tells the test line by line."""
    clock, seconds = store.clock(), connections.TEST_SECONDS
    store.renew()  # no snapshot is kept while the target is called
    http = Http(clock, connect_seconds=seconds, read_seconds=seconds)
    report = source_tests.tested(store.database(), clock, row_id, g.actor, http=http)
    store.renew()
    if isinstance(report, Refusal):
        words = f"{said} It was not tested: {report.message}"
    elif report.ok:
        words = f"{said} Its test passed."
    elif connections.row_of(name).is_target:
        words = f"{said} Its test failed, so nothing is sent there yet."
    else:
        words = f"{said} Its test failed: below is what to correct."
    return fragments.moved(connections.url_of(name) + "#conntest", words)


def _stored(
    side: ConnectionSide, connector: str, name: str, values: dict[str, str], secret: str
) -> tuple[int, KeySet | None] | Refusal:
    """The new connection's id and its key, both stored or neither."""
    with store.writing() as session:
        made = add_connection(
            session,
            company_id=g.company.id,
            name=name,
            side=side,
            connector=connector,
            settings={setting: value for setting, value in values.items() if value},
            actor=g.actor,
            now=g.now,
            ask_rates=request.form.get("unit_rates") != TABLE,
        )
        if isinstance(made, Refusal):
            return made
        if not secret:
            return made, None
        kept = key_rotation.first_key(session, g.actor, made, secret, now=g.now)
        if isinstance(kept, Refusal):
            session.rollback()
            return kept
    return made, kept


def _form(system: str) -> tuple[ConnectionSide, ConnectionForm]:
    sides: tuple[ConnectionSide, ...] = ("target", "source")
    for side in sides:
        if (form := registry.form_of(side, system)) is not None:
            return side, form
    return abort(404)


def _page(
    system: str, values: dict[str, str], problems: dict[str, str], *, status: int = 200
) -> Response:
    side, form = _form(system) if system else (None, None)
    made_here = form is not None and form.key is not None and form.key.made_here
    return fragments.respond(
        "connections/new.html",
        status=status,
        targets=[(name, one.form) for name, one in registry.targets().items()],
        sources=[(name, one.form) for name, one in registry.sources().items()],
        system=system,
        side=side,
        wanted=side or request.args.get("side"),
        form=form,
        tested=side is not None and not made_here and source_tests.has_test(side, system),
        tells_units=isinstance(registry.targets().get(system), TellsItems),
        values={"name": system, "unit_rates": request.form.get("unit_rates", ""), **values},
        problems=problems,
    )


@pages.app_template_global("other_ways")
def other_ways(connector: str) -> tuple[registry.OtherWay, ...]:
    """How documents that a target does not take come into its system all the same."""
    return registry.other_ways(connector)


def _url() -> str:
    return url_for("newconn.choose", co=g.company.code)
