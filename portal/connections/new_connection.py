"""Pages to add a system, change its settings, keys and webhook secret, and authorize it."""

import secrets
from collections.abc import Mapping

from flask import Blueprint, Response, abort, g, make_response, request, url_for

from connectors import registry
from connectors.contract import ConnectionForm, ConnectionReport, ConnectionSide, ShowsExample
from connectors.contract.schema import lowered, setting_faults
from connectors.contract.targets import TellsItems
from connectors.transport.http import Http
from holding.access.actors import key_fault
from holding.connections import authorization, key_rotation
from holding.connections import connections as setup
from holding.connections.connections import ConnectionRow, KeySet
from holding.db.refusal import Refusal
from holding.intake import deliveries, receive
from holding.mappings import list_turns
from holding.platform import processes
from holding.rulesets.new_connections import add_connection, change_settings, name_fault
from portal.connections import connections
from portal.intake import webhooks
from portal.web import request_guard, store
from portal.web.forms import Form
from portal.web.permissions import needs

new_connection_pages = Blueprint("newconn", __name__, url_prefix="/c/<co>/connections")

SECRET_BYTES = 24

TABLE = "table"  # the units table counts, without a person who confirms each rate

UPLOAD_IT = "Upload a file next."

NOT_TESTED = "It was not tested, because it has no address."

PROVE_IT = "Enter its address and secret there, then send a test delivery."

PASTE_AGAIN = "Paste it again, because nothing was saved."

TRIMMED = " Spaces or line ends around the key were left out."

authorization_pages = Blueprint("connauth", __name__, url_prefix="/c/<co>/connections")

ENDS = {
    "revoked": "{system} was told, too.",
    "unknown": "{system} knew nothing of it any more. {words}",
    "refused": "{system} did not take it: {words} Disconnect Clearpost in {system}, too.",
    "away": "{system} could not be told: {words} Disconnect Clearpost in {system}, too.",
}

webhook_pages = Blueprint("webhook", __name__, url_prefix="/c/<co>/connections")

key_pages = Blueprint("connkeys", __name__, url_prefix="/c/<co>/connections")

CONNECT = "Connect it next: nothing is sent there before."

settings_pages = Blueprint("connsettings", __name__, url_prefix="/c/<co>/connections")

KEY = "key"


@new_connection_pages.get("/new")
@needs("connection.admin")
def choose() -> Response:
    """Show the systems that can be connected, and the form of the chosen system."""
    return _new_connection_page(request.args.get("system", ""), {}, {})


def _new_connection_page(
    system: str, values: dict[str, str], problems: dict[str, str], *, status: int = 200
) -> Response:
    side, form = _system_form(system) if system else (None, None)
    made_here = form is not None and form.key is not None and form.key.made_here
    return store.respond(
        "connections/new.html",
        status=status,
        targets=[(name, one.form) for name, one in registry.targets().items()],
        sources=[(name, one.form) for name, one in registry.sources().items()],
        system=system,
        side=side,
        wanted=side or request.args.get("side"),
        form=form,
        tested=side is not None
        and not made_here
        and deliveries.has_test(side, system)
        and key_rotation.authorizing(system) is None,
        tells_units=isinstance(registry.targets().get(system), TellsItems),
        values={"name": system, "unit_rates": request.form.get("unit_rates", ""), **values},
        problems=_repasted(form) | problems if problems else {},
    )


def _repasted(form: ConnectionForm | None) -> dict[str, str]:
    """Return a problem for each key of a refused form: a page never shows a key again."""
    field = form.key if form is not None else None
    if field is None or field.made_here:
        return {}
    names = [KEY, *(f"{KEY}_{part.name}" for part in field.parts)]
    return {name: PASTE_AGAIN for name in names if request.form.get(name)}


def _system_form(system: str) -> tuple[ConnectionSide, ConnectionForm]:
    sides: tuple[ConnectionSide, ...] = ("target", "source")
    for side in sides:
        if (form := registry.form_of(side, system)) is not None:
            return side, form
    return abort(404)


@new_connection_pages.post("/new")
@needs("connection.admin")
def create() -> Response:
    """Store a connection with its key, and test it; nothing is sent before a test has passed."""
    system, name = request.form.get("system", ""), request.form.get("name", "").strip()
    side, form = _system_form(system)
    values = read_settings(form, request.form)
    key, problems = read_key(form, request.form)
    problems |= setting_problems(form, values)
    if fault := name_fault(name):
        problems["name"] = f"{fault.message} {fault.hint}"
    if problems:
        return _new_connection_page(system, values | {"name": name}, problems, status=422)
    made_here = form.key is not None and form.key.made_here
    secret = secrets.token_urlsafe(SECRET_BYTES) if made_here else key
    stored = _stored(side, system, name, values, secret if form.key else "")
    if isinstance(stored, Refusal):
        if stored.code == "connection.taken":
            problems = {"name": f"{stored.message} {stored.hint}"}
            return _new_connection_page(system, values | {"name": name}, problems, status=422)
        return store.refuse(stored, back=_url())
    row_id, kept = stored
    processes.ring(g.company.id, "evaluate")
    asked = side == "target" or deliveries.is_testable(side, system, values)
    if made_here or not asked:
        row = connections.find_connection(name)
        shown = connections.connection_values(row) | {"secret": secret if made_here else ""}
        next_step = PROVE_IT if shown["hooked"] else UPLOAD_IT
        if not made_here and deliveries.has_test(side, system):
            next_step = f"{NOT_TESTED} {next_step}"
        return store.respond("connections/show.html", shown, say=f"{name} was added. {next_step}")
    trimmed = TRIMMED if kept is not None and kept.trimmed else ""
    named = "" if name in (system, form.title) else f" as {name}"
    said = f"{form.title} was added{named}.{trimmed}"
    if key_rotation.is_half(system, secret):
        words = f"{said} Connect it next: nothing is sent there before."
        return store.redirect_with_message(
            connections.connection_url(name) + "#authorization", words
        )
    return redirect_after_test(row_id, name, said)


def _stored(
    side: ConnectionSide, connector: str, name: str, values: dict[str, str], secret: str
) -> tuple[int, KeySet | None] | Refusal:
    """Store the new connection and its key in one transaction, and return the connection's id and
    the key.
    """
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


def _url() -> str:
    return url_for("newconn.choose", co=g.company.code)


def redirect_after_test(row_id: int, name: str, said: str) -> Response:
    """Test the connection and redirect to its page, which shows each step of the test."""
    clock, seconds = store.clock(), connections.TEST_SECONDS
    store.drop_snapshot()  # no snapshot is kept while the target is called
    http = Http(clock, connect_seconds=seconds, read_seconds=seconds)
    report = deliveries.test_either_side(store.database(), clock, row_id, g.actor, http=http)
    store.drop_snapshot()
    if isinstance(report, Refusal):
        words = f"{said} It was not tested: {report.message}"
    elif report.ok:
        words = f"{said} Its test passed."
    elif connections.find_connection(name).is_target:
        words = f"{said} Its test failed, so nothing is sent there yet."
    else:
        words = f"{said} Its test failed: below is what to correct."
    return store.redirect_with_message(connections.connection_url(name) + "#conntest", words)


@new_connection_pages.app_template_global("other_ways")
def other_ways(connector: str) -> tuple[registry.OtherWay, ...]:
    """Return the document types that the target does not take, with the other connectors that take
    them.
    """
    return registry.other_ways(connector)


@authorization_pages.post("/<name>/authorize")
@needs("connection.admin")
def begin(name: str) -> Response:
    """Send the browser to the page where it is allowed; without a script by a link, for a form
    leads to no other host.
    """
    row = connections.find_connection(name)
    token, system = request_guard.session_token(), _system(row)
    with store.writing() as session:
        made = authorization.begin(
            session, g.actor, row.id, token=token, back=authorized_url(row), now=g.now
        )
    if isinstance(made, Refusal):
        return store.refuse(made, back=connections.connection_url(name))
    if store.wants_fragment():
        answer = make_response("", 204)
        answer.headers["HX-Redirect"] = made
        return answer
    minutes = authorization.GOOD_FOR.seconds // 60
    return store.respond(
        "connections/authorize.html", row=row, system=system, there=made, minutes=minutes
    )


def _system(row: ConnectionRow) -> str:
    found = key_rotation.permission_of(store.reading(), row.connector, row.id)
    if found is None or not row.is_target:
        abort(404)
    return found.system


@authorization_pages.get("/<name>/authorized")
@needs("connection.admin")
def back(name: str) -> Response:
    """Receive the user from the authorization page: exchange the code for a key, and test the new
    key.
    """
    row, clock, seconds = connections.find_connection(name), store.clock(), connections.TEST_SECONDS
    system = _system(row)
    store.drop_snapshot()  # no snapshot is kept while the target is called
    http = Http(clock, connect_seconds=seconds, read_seconds=seconds)
    kept = authorization.finish(
        store.database(),
        clock,
        row.id,
        g.actor,
        request.args,
        token=request_guard.session_token(),
        http=http,
    )
    store.drop_snapshot()
    if isinstance(kept, Refusal):
        return store.refuse(kept, back=connections.connection_url(name))
    return try_waiting_key(
        row, f"The connection {name} has the permission of {system}.", page=False
    )


@authorization_pages.post("/<name>/disconnect")
@needs("connection.admin")
def disconnect(name: str) -> Response:
    """Stop sending there, and take back there what was allowed."""
    row, clock, seconds = connections.find_connection(name), store.clock(), connections.TEST_SECONDS
    system = _system(row)
    store.drop_snapshot()
    http = Http(clock, connect_seconds=seconds, read_seconds=seconds)
    told = authorization.disconnect(store.database(), clock, row.id, g.actor, http=http)
    store.drop_snapshot()
    if isinstance(told, Refusal):
        return store.refuse(told, back=connections.connection_url(name))
    said = ENDS[told.kind].format(system=system, words=told.words)
    words = f"{name} was disconnected. Nothing is sent there. {said}"
    return store.redirect_with_message(connections.connection_url(name) + "#authorization", words)


def authorized_url(row: ConnectionRow) -> str:
    """Return the redirect address after authorization.

    It must be registered with the app character by character.
    """
    return request_guard.outside(url_for("connauth.back", co=g.company.code, name=row.name))


@webhook_pages.post("/<name>/secret")
@needs("connection.admin")
def replace(name: str) -> Response:
    """Create a new webhook secret and show it once, or store the secret that the system created.

    The previous secret is accepted for a week.
    """
    row = connections.find_connection(name)
    form = registry.form_of(row.side, row.connector)
    if row.is_target or form is None or form.key is None:
        abort(404)
    made = form.key.made_here
    in_use = setup.secrets_of(store.reading(), row.id, g.now)
    replaced = "" if isinstance(in_use, Refusal) else in_use[0]
    pasted, problems = read_key(form, request.form, replaced=replaced)
    if problems:
        wrong = connections.connection_values(row) | {"problems": problems}
        return store.respond("connections/show.html", wrong, status=422)
    secret = secrets.token_urlsafe(SECRET_BYTES) if made else pasted
    with store.writing() as session:
        kept = setup.set_key(session, g.actor, row.id, secret, now=g.now)
    if isinstance(kept, Refusal):
        if kept.status != 422:
            return store.refuse(kept, back=connections.connection_url(name))
        problems = {"key": f"{kept.message} {kept.hint}"}
        wrong = connections.connection_values(row) | {"problems": problems}
        return store.respond("connections/show.html", wrong, status=422)
    said = f"{name} has a new secret. The one before is accepted for {setup.KEEP_OLD.days} days."
    if not made and deliveries.is_testable(row.side, row.connector, row.settings):
        return redirect_after_test(row.id, name, said)
    shown = connections.connection_values(connections.find_connection(name)) | {
        "secret": secret if made else ""
    }
    return store.respond("connections/show.html", shown, say=said)


@webhook_pages.post("/<name>/sendtest")
@needs("connection.admin")
def send(name: str) -> Response:
    """Sign the source's example delivery, let the intake read it, and record the result."""
    row = connections.find_connection(name)
    source = webhooks.bound_reader(row, g.company.code)
    if row.is_target or not isinstance(source, ShowsExample):
        abort(404)
    secret = setup.secrets_of(store.reading(), row.id, g.now)
    if isinstance(secret, Refusal):
        return store.refuse(secret, back=connections.connection_url(name))
    call = source.example(secret[0], g.now, f"test-{secrets.token_hex(6)}")
    answer = _words(webhooks.read_delivery(row, g.company.code, call.headers, call.body))
    with store.writing() as session:
        receive.note_test(session, g.company.id, row.id, *answer, g.now)
    return store.redirect_with_message(connections.connection_url(name) + "#deliveries", answer[0])


def _words(read: webhooks.Read) -> tuple[str, int]:
    if isinstance(read, Refusal):
        return f"The test delivery was rejected. {read.message} {read.hint}".strip(), read.status
    if read.changed:
        return "Test delivery: signed and accepted. A real one triggers an immediate read.", 202
    (first, *_) = read.records
    kind = first.kind.replace("_", " ")
    words = f"Test {kind} {first.number}: signed, accepted and read. It was not stored as a record."
    return words, 202


@key_pages.post("/<name>/keys")
@needs("connection.admin")
def add(name: str) -> Response:
    """Store the pasted key beside the one in use and test it; without one in use it is the key."""
    row = _target(name)
    form = registry.form_of(row.side, row.connector)
    secret, problems = read_key(form, request.form) if form else ("", {})
    if problems:
        shown = connections.connection_values(row) | {"problems": problems}
        return store.respond("connections/show.html", shown, status=422)
    first, half = row.key_tail is None, key_rotation.is_half(row.connector, secret)
    give = key_rotation.first_key if first else key_rotation.add_key
    with store.writing() as session:
        kept = give(session, g.actor, row.id, secret, now=g.now)
    if isinstance(kept, Refusal):
        if kept.status != 422:
            return store.refuse(kept, back=connections.connection_url(name))
        problems = {"key": f"{kept.message} {kept.hint}"}
        shown = connections.connection_values(row) | {"problems": problems}
        return store.respond("connections/show.html", shown, status=422)
    said = f"The key that ends in {kept.tail} was stored.{TRIMMED if kept.trimmed else ''}"
    if half:
        return store.redirect_with_message(
            connections.connection_url(name) + "#authorization", f"{said} {CONNECT}"
        )
    return redirect_after_test(row.id, name, said) if first else try_waiting_key(row, said)


def _target(name: str) -> ConnectionRow:
    row = connections.find_connection(name)
    if not row.is_target:
        abort(404)
    return row


@key_pages.post("/<name>/keys/test")
@needs("connection.admin")
def test(name: str) -> Response:
    """Test the key that waits, once more."""
    return try_waiting_key(_target(name), "")


@key_pages.post("/<name>/keys/<int:no>/delete")
@needs("connection.admin")
def delete(name: str, no: int) -> Response:
    """Delete a key that is not in use."""
    row = connections.find_connection(name)
    with store.writing() as session:
        refused = key_rotation.delete_key(session, g.actor, row.id, no, now=g.now)
    if refused is not None:
        return store.refuse(refused, back=connections.connection_url(name))
    return store.redirect_with_message(
        connections.connection_url(name) + "#keys", f"A key of {name} was deleted."
    )


def try_waiting_key(row: ConnectionRow, said: str, *, page: bool = True) -> Response:
    """Test the key that waits; the page of the connection, or the way there (not `page`)."""
    clock, seconds = store.clock(), connections.TEST_SECONDS
    before = {key.no for key in key_rotation.list_keys(store.reading(), row.id) if key.in_use}
    store.drop_snapshot()
    http = Http(clock, connect_seconds=seconds, read_seconds=seconds)
    asks = deliveries.lookup_settings(store.database(), clock, row.id)
    report = key_rotation.try_key(store.database(), clock, row.id, g.actor, http=http, asks=asks)
    store.drop_snapshot()
    if isinstance(report, Refusal):
        return store.refuse(report, back=connections.connection_url(row.name))
    processes.ring(g.company.id, "push")
    if report.ok:
        keys = {key.no for key in key_rotation.list_keys(store.reading(), row.id)}
        # The same key stored again takes the place of its first copy, so no other key is disabled.
        old = " The old key is disabled." if before & keys else ""
        words = f"{said} It passed its test and is in use now.{old}".strip()
        return store.redirect_with_message(connections.connection_url(row.name) + "#keys", words)
    return _failed(row, report, said, page=page)


def _failed(row: ConnectionRow, report: ConnectionReport, said: str, *, page: bool) -> Response:
    """Show the failed test of the new key. The current key stays in use."""
    words = f"{said} It did not pass its test and is not used."
    if row.key_tail:
        words += " The key before it stays in use."
    if not page:
        step = next(one for one in report.steps if one.ok is False)
        words += f" {step.name}: {step.words} {step.hint}"
        return store.redirect_with_message(
            connections.connection_url(row.name) + "#keys", words.strip()
        )
    shown = connections.connection_values(row) | {"report": report.steps, "reported": "new key"}
    return store.respond("connections/show.html", shown, say=words.strip())


@settings_pages.get("/<name>/settings")
@needs("connection.admin")
def show(name: str) -> Response:
    """Show the settings form, filled with the stored values."""
    row = connections.find_connection(name)
    return _settings_page(row, _settings_form(row), {}, {})


def _settings_page(
    row: ConnectionRow,
    form: ConnectionForm,
    values: dict[str, str],
    problems: dict[str, str],
    *,
    status: int = 200,
) -> Response:
    stored = {name: str(value) for name, value in row.settings.items()}
    return store.respond(
        "connections/settings.html",
        status=status,
        row=row,
        form=form,
        testable=deliveries.is_testable(row.side, row.connector, row.settings),
        values=stored | values,
        problems=problems,
    )


def _settings_form(row: ConnectionRow) -> ConnectionForm:
    form = registry.form_of(row.side, row.connector)
    if form is None:
        abort(404)
    return form


@settings_pages.post("/<name>/settings")
@needs("connection.admin")
def save(name: str) -> Response:
    """Store what was changed; a target is tested then."""
    row = connections.find_connection(name)
    form = _settings_form(row)
    values = read_settings(form, request.form)
    problems = setting_problems(form, values)
    if problems:
        return _settings_page(row, form, values, problems, status=422)
    with store.writing() as session:
        had_key = key_rotation.has_usable_key(session, row.id)
        changed = change_settings(session, g.actor, row.id, values, now=g.now)
    if isinstance(changed, Refusal):
        return store.refuse(changed, back=connections.connection_url(name))
    after, said = connections.find_connection(name), f"Nothing of {name} was changed."
    if changed:
        processes.ring(g.company.id, "evaluate")
        labels = [one.label for one in form.settings if one.name in changed]
        said = f"{name} was changed: {', '.join(labels)}."
    if had_key and not key_rotation.has_usable_key(store.reading(), row.id):
        said += " Its key was given for another host: paste it again."
        return store.redirect_with_message(connections.connection_url(name) + "#keys", said)
    asked = form.key is not None and not form.key.optional and after.key_tail is None
    if asked or not deliveries.is_testable(row.side, row.connector, after.settings):
        return store.redirect_with_message(connections.connection_url(name), said)
    return redirect_after_test(row.id, name, said)


@settings_pages.post("/<name>/lists")
@needs("run.operate")
def read_lists(name: str) -> Response:
    """Read all lists of a target now, regardless of its schedule."""
    row = connections.find_connection(name)
    with store.writing() as session:
        refusal = list_turns.read_now(session, g.actor, row.id, g.now)
    if refusal is not None:
        return store.refuse(refusal, back=connections.connection_url(name))
    processes.ring(g.company.id, "lists")
    said = f"The lists of {name} are being read. What changed stands on the page Lists of codes."
    return store.redirect_with_message(f"{connections.connection_url(name)}#lists", said)


def read_settings(form: ConnectionForm, sent: Form) -> dict[str, str]:
    """Return setting -> entered value. Several ticked boxes become one value with commas."""
    return {
        one.name: ", ".join(part.strip() for part in sent.getlist(one.name) if part.strip())
        for one in form.settings
    }


def setting_problems(form: ConnectionForm, values: Mapping[str, str]) -> dict[str, str]:
    """Return field -> what is wrong with its value."""
    return setting_faults(form.settings, values)


def read_key(form: ConnectionForm, sent: Form, *, replaced: str = "") -> tuple[str, dict[str, str]]:
    """Return the pasted secret, and what is wrong with its fields; one that is made here has none.

    A secret of several parts may also come whole, as scripts send it. `replaced` is the secret that
    is used now.
    """
    field = form.key
    if field is None or field.made_here:
        return "", {}
    parts = {one.name: sent.get(f"{KEY}_{one.name}", "") for one in field.parts}
    if any(parts.values()):
        secret = field.join(parts, replaced)
        faults = {f"{KEY}_{name}": words for name, words in field.part_faults(parts).items()}
        if faults:
            return secret, faults
    else:
        secret = sent.get(KEY, "")
    if field.optional and not secret:
        return "", {}
    if not secret.strip():
        return "", {KEY: f"Paste the {lowered(field.label)}."}
    refusal = key_fault(secret)
    return secret, {KEY: f"{refusal.message} {refusal.hint}"} if refusal else {}
