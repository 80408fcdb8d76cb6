"""The user's own account page with two-factor authentication, and the duty to use it."""

from collections.abc import Mapping

from flask import Blueprint, Flask, g, make_response, redirect, request, url_for
from segno import make_qr
from werkzeug.wrappers import Response

from holding.access import enrolment, sessions
from holding.access.actors import ACT_LABELS, ACTS, Keys, role_list
from holding.company import access_links, own_account
from holding.db.database import DatabaseSession
from holding.db.refusal import Refusal
from portal.access import signin
from portal.access.signin import request_device
from portal.languages.choice import LANGUAGES
from portal.web import request_guard, store
from portal.web.permissions import needs, signed_in

BORDER = 4
"""Light squares around a picture, as cameras want them."""

factor_pages = Blueprint("factor", __name__, url_prefix="/me/two-factor")

duty_pages = Blueprint("factors", __name__, url_prefix="/c/<co>/people")

own_pages = Blueprint("me", __name__, url_prefix="/me")


@factor_pages.get("", endpoint="show")
@signed_in
def show_factor() -> Response:
    """Show the QR code while the app is being set up, else the user's own page."""
    return _set_up({})


def _set_up(problems: dict[str, str], status: int = 200) -> Response:
    keys, person_id = signin.own_keys(), g.person.person_id
    app: enrolment.SetUp | Refusal
    if isinstance(keys, Refusal):
        app = keys
    else:
        app = enrolment.being_set_up(
            store.reading(), person_id, request_guard.session_token(), keys, g.now
        )
    request_guard.inside_company(request.args.get("c", ""))
    if isinstance(app, Refusal):
        return store.refuse(app, back=_own_page_url())
    return store.respond(
        "people/two_factor.html",
        status=status,
        problems=problems,
        app=app,
        email=g.person.email,
        back=request.args.get("c", ""),
    )


@factor_pages.post("/begin")
@signed_in
@request_guard.limiter.limit("10 per minute")
def begin() -> Response:
    """Create a secret for the app. It becomes active once a code is entered."""
    keys = signin.own_keys()
    if isinstance(keys, Refusal):
        return store.refuse(keys, back=_own_page_url())
    with store.writing() as session:
        refused = enrolment.begin(
            session, g.person.person_id, request_guard.session_token(), keys, g.now
        )
    if refused:
        return store.refuse(refused, back=_own_page_url())
    return store.redirect_with_message(
        _factor_url("show"), "Scan the picture with your app, then enter its code."
    )


def _factor_url(page: str) -> str:
    return url_for(f"factor.{page}", c=request.args.get("c") or None)


@factor_pages.post("")
@signed_in
@request_guard.limiter.limit("10 per minute")
def confirm() -> Response:
    """Activate the app after checking the password and a code. The user's other sessions end."""
    keys, compared = signin.own_keys(), _compared()
    if isinstance(keys, Refusal):
        return store.refuse(keys, back=_own_page_url())
    person_id = g.person.person_id
    with store.writing() as session:
        done = own_account.wrong_password(session, person_id, _present(), g.now, compared)
        made = done or enrolment.confirm(
            session, person_id, request_guard.session_token(), _code(), keys, g.now
        )
        if not isinstance(made, Refusal):
            enrolment.only_here(session, person_id, request_guard.session_token(), g.now)
    if isinstance(made, Refusal):
        problems = _by_field(made)
        if problems:
            return _set_up(problems, made.status)
        return store.refuse(made, back=_own_page_url())
    return _codes(made)


def _compared() -> sessions.Compared:
    return sessions.compare(store.reading(), g.person.email, _present(), g.now)


def _present() -> str:
    return request.form.get("present", "")


def _code() -> str:
    return request.form.get("code", "")


def _by_field(refusal: Refusal) -> dict[str, str]:
    """Return the form field that a refusal concerns, with its message; empty if it concerns
    none.
    """
    fields = {"factor.wrong": "factorcode", "person.present": "factorpresent"}
    fields["signin.throttled"] = "factorpresent"
    return {fields[refusal.code]: refusal.words} if refusal.code in fields else {}


def _codes(made: tuple[str, ...]) -> Response:
    request_guard.inside_company(request.args.get("c", ""))
    return store.respond("access/recovery_codes.html", codes=made, onward=_own_page_url())


@factor_pages.post("/codes")
@signed_in
@request_guard.limiter.limit("10 per minute")
def codes() -> Response:
    """Create ten new recovery codes and show them once."""
    keys, compared = signin.own_keys(), _compared()
    with store.writing() as session:
        refused = _unproved(session, keys, compared)
        made = refused or enrolment.renew_codes(session, g.person.person_id, g.now)
    return _refused(made) if isinstance(made, Refusal) else _codes(made)


def _unproved(
    session: DatabaseSession, keys: Keys | Refusal, compared: sessions.Compared
) -> Refusal | None:
    """Return a refusal if the password or the code is wrong, else None.

    The code may be the app's current code or a recovery code.
    """
    person_id = g.person.person_id
    if isinstance(keys, Refusal):
        return keys
    refused = own_account.wrong_password(session, person_id, _present(), g.now, compared)
    return refused or enrolment.prove(session, person_id, _code(), keys, g.now)


def _refused(refusal: Refusal) -> Response:
    problems = _by_field(refusal)
    if problems:
        return own_page(problems, status=refusal.status)
    return store.refuse(refusal, back=_own_page_url())


@factor_pages.post("/off")
@signed_in
@request_guard.limiter.limit("10 per minute")
def off() -> Response:
    """Switch off two-factor authentication for the user."""
    keys, compared = signin.own_keys(), _compared()
    with store.writing() as session:
        refused = _unproved(session, keys, compared)
        refused = refused or enrolment.switch_off(session, g.person.person_id, g.now)
    if refused:
        return _refused(refused)
    return store.redirect_with_message(_own_page_url(), "Two-factor authentication is off.")


@duty_pages.post("/two-factor")
@needs("people.admin")
def require() -> Response:
    """Require two-factor authentication for roles that approve, publish or administer; or stop
    requiring it.
    """
    back = url_for("people.listing", co=g.company.code)
    on = request.form.get("on") == "1"
    with store.writing() as session:
        done = access_links.require(session, g.actor, g.company.id, on=on, now=g.now)
    if isinstance(done, Refusal):
        return store.refuse(done, back=back)
    return store.redirect_with_message(back, done)


@duty_pages.post("/<int:person_id>/two-factor/end")
@needs("people.admin")
def end(person_id: int) -> Response:
    """End two-factor authentication of a person who lost it, with a reason."""
    reason = request.form.get("reason", "")
    with store.writing() as session:
        done = access_links.end(session, g.actor, g.company.id, person_id, reason, g.now)
    if isinstance(done, Refusal):
        back = url_for("people.show", co=g.company.code, person_id=person_id)
        return store.refuse(done, back=back)
    back = url_for("people.listing", co=g.company.code)
    return store.redirect_with_message(back, f"The two-factor authentication of {done} ended.")


def init_app_picture(app: Flask) -> None:
    """Register the function `app_picture`, with which templates draw the app's QR code."""
    app.jinja_env.globals["app_picture"] = qr_squares


def qr_squares(address: str) -> tuple[int, list[tuple[int, int]]]:
    """Return the QR code for an address: its width in squares, and (x, y) of the dark squares from
    the top left.
    """
    code = make_qr(address, error="m")
    rows = list(code.matrix_iter(border=BORDER))
    dark = [(x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark]
    return len(rows), dark


@own_pages.get("", endpoint="show")
@signed_in
def show_own_page() -> Response:
    """Show the user's own page, inside a company if the address names it or there is only one."""
    return own_page({})


@own_pages.post("")
@signed_in
def save() -> Response:
    """Save the user's name and preferences: language, theme, compact rows, UTC, shortcut keys,
    mails and time to undo.
    """
    taste = own_account.taste(
        {
            "theme": request.form.get("theme"),
            "keys": request.form.get("keys") == "1",
            "language": request.form.get("language"),
            "mails": request.form.get("mails") == "1",
            "long_undo": request.form.get("long_undo") == "1",
            "compact": request.form.get("compact") == "1",
            "utc": request.form.get("utc") == "1",
        }
    )
    with store.writing() as session:
        refused = own_account.save(
            session,
            g.person.person_id,
            name=request.form.get("name", ""),
            taste=taste,
            now=g.now,
        )
    if refused:
        return own_page({"name": refused.message}, status=refused.status)
    return store.redirect_with_message(_own_page_url(), "Your settings are saved.")


def _own_page_url() -> str:
    return url_for("me.show", c=request.args.get("c") or None)


@own_pages.post("/utc")
@signed_in
def utc() -> Response:
    """Switch the display of UTC beside each time on or off, from any page's footer."""
    with store.writing() as session:
        own_account.show_utc(session, g.person.person_id, on=request.form.get("on") == "1")
    return redirect(request_guard.safe_next(request.form.get("next")), 303)


@own_pages.post("/lines")
@signed_in
def lines() -> Response:
    """Store whether rules are named by file and line or by title, as a record's page requests."""
    with store.writing() as session:
        own_account.show_rule_lines(session, g.person.person_id, on=request.form.get("on") == "1")
    return redirect(request_guard.safe_next(request.form.get("next")), 303)


@own_pages.post("/password")
@signed_in
@request_guard.limiter.limit("10 per minute")
def password() -> Response:
    """Change the user's password. Other sessions and all tokens end."""
    present = request.form.get("present", "")
    compared = sessions.compare(store.reading(), g.person.email, present, g.now)
    with store.writing() as session:
        done = own_account.change_password(
            session,
            g.person.person_id,
            present=present,
            new_password=request.form.get("wanted", ""),
            now=g.now,
            device=request_device(),
            compared=compared,
            factor_at=g.person.factor_at,
        )
    if isinstance(done, Refusal):
        field = "wanted" if done.code == "person.password" else "present"
        return own_page({field: f"{done.message} {done.hint}".strip()}, status=done.status)
    said = "Your password is changed. Your other sessions and your tokens ended."
    answer = store.flash_redirect(_own_page_url(), said)
    return request_guard.keep(answer, done)


@own_pages.post("/sessions/<key>/end")
@signed_in
def end_session(key: str) -> Response:
    """End one of the user's sessions."""
    with store.writing() as session:
        refused = own_account.end_session(session, g.person.person_id, key, g.now)
    if refused:
        return store.refuse(refused, back=_own_page_url())
    return store.redirect_with_message(_own_page_url(), "Signed out there.")


@own_pages.post("/signout")
@signed_in
def everywhere() -> Response:
    """End all of the user's sessions, including this one."""
    with store.writing() as session:
        own_account.sign_out_everywhere(session, g.person.person_id, g.now)
    return request_guard.forget(make_response(redirect(url_for("signin.form"), 303)))


def own_page(problems: Mapping[str, str], *, status: int = 200) -> Response:
    """Return the user's own page, with the problems of a form on it: field -> message."""
    session = store.reading()
    companies = request_guard.inside_company(request.args.get("c", ""))
    here = request_guard.session_token()
    return store.respond(
        "people/me.html",
        status=status,
        problems=problems,
        person=g.person,
        taste=own_account.taste(g.person.settings),
        factor=enrolment.factor_of(session, g.person.person_id),
        requiring=enrolment.requiring(session, g.person.person_id, g.now),
        sessions=own_account.open_sessions(session, g.person.person_id, g.now),
        here=own_account.key_of(here),
        companies=companies,
        roles=role_list(g.actor.roles) if "actor" in g else "",
        can=_abilities(may=True),
        cannot=_abilities(may=False),
        back=request.args.get("c", ""),
        languages=LANGUAGES,
    )


def _abilities(*, may: bool) -> str:
    """Return what the user can do in the page's company, or with `may=False` cannot, in plain
    words.
    """
    if "actor" not in g:
        return ""
    return ", ".join(
        words for act, words in ACT_LABELS.items() if bool(g.actor.roles & ACTS[act]) is may
    )
