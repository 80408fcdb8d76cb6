"""Two-factor authentication on one's own page, and on the pages of people.

Here: setting an app up, new recovery codes, switching it off; a company that requires it, and the
end of one that somebody lost. Not here: what is allowed (holding/second_factor,
holding/company/access_links.py), signing in with a code (second_step.py).
"""

from flask import Blueprint, Flask, g, request, url_for
from segno import make_qr
from werkzeug.wrappers import Response

from holding.access import enrolment, sessions
from holding.access.actors import Keys
from holding.company import access_links as factor_duties
from holding.company import own_account
from holding.db.database import DatabaseSession
from holding.db.refusal import Refusal
from portal.access import own_page, second_step
from portal.web import fragments, security, store

BORDER = 4
"""Light squares around a picture, as cameras want them."""
own_pages = Blueprint("factor", __name__, url_prefix="/me/two-factor")
duty_pages = Blueprint("factors", __name__, url_prefix="/c/<co>/people")


@own_pages.get("")
def show() -> Response:
    """The picture for the app, while it is being set up; else one's own page."""
    return _set_up({})


@own_pages.post("/begin")
@security.limiter.limit("10 per minute")
def begin() -> Response:
    """Make a secret, which counts once a code of it was given."""
    keys = second_step.own_keys()
    if isinstance(keys, Refusal):
        return fragments.refuse(keys, back=_own())
    with store.writing() as session:
        refused = enrolment.begin(session, g.person.person_id, _here(), keys, g.now)
    if refused:
        return fragments.refuse(refused, back=_own())
    return fragments.moved(_url("show"), "Scan the picture with your app, then enter its code.")


@own_pages.post("")
@security.limiter.limit("10 per minute")
def confirm() -> Response:
    """Let the app count: who gives the password and a code. Their other sessions end."""
    keys, compared = second_step.own_keys(), _compared()
    if isinstance(keys, Refusal):
        return fragments.refuse(keys, back=_own())
    person_id = g.person.person_id
    with store.writing() as session:
        done = own_account.wrong_password(session, person_id, _present(), g.now, compared)
        made = done or enrolment.confirm(session, person_id, _here(), _code(), keys, g.now)
        if not isinstance(made, Refusal):
            enrolment.only_here(session, person_id, _here(), g.now)
    if isinstance(made, Refusal):
        told = _by_field(made)
        return _set_up(told, made.status) if told else fragments.refuse(made, back=_own())
    return _codes(made)


@own_pages.post("/codes")
@security.limiter.limit("10 per minute")
def codes() -> Response:
    """Ten new recovery codes, shown this once."""
    keys, compared = second_step.own_keys(), _compared()
    with store.writing() as session:
        refused = _unproved(session, keys, compared)
        made = refused or enrolment.renew_codes(session, g.person.person_id, g.now)
    return _refused(made) if isinstance(made, Refusal) else _codes(made)


@own_pages.post("/off")
@security.limiter.limit("10 per minute")
def off() -> Response:
    """The password is enough again."""
    keys, compared = second_step.own_keys(), _compared()
    with store.writing() as session:
        refused = _unproved(session, keys, compared)
        refused = refused or enrolment.switch_off(session, g.person.person_id, g.now)
    if refused:
        return _refused(refused)
    return fragments.moved(_own(), "Two-factor authentication is off.")


@duty_pages.post("/two-factor")
def require() -> Response:
    """Require it of whoever may approve, publish or administer, or no more."""
    back = url_for("people.listing", co=g.company.code)
    on = request.form.get("on") == "1"
    with store.writing() as session:
        done = factor_duties.require(session, g.actor, g.company.id, on=on, now=g.now)
    if isinstance(done, Refusal):
        return fragments.refuse(done, back=back)
    return fragments.moved(back, done)


@duty_pages.post("/<int:person_id>/two-factor/end")
def end(person_id: int) -> Response:
    """End that of somebody who lost it, with a reason."""
    reason = request.form.get("reason", "")
    with store.writing() as session:
        done = factor_duties.end(session, g.actor, g.company.id, person_id, reason, g.now)
    if isinstance(done, Refusal):
        back = url_for("people.show", co=g.company.code, person_id=person_id)
        return fragments.refuse(done, back=back)
    back = url_for("people.listing", co=g.company.code)
    return fragments.moved(back, f"The two-factor authentication of {done} ended.")


def init(app: Flask) -> None:
    """Give templates the picture for an app."""
    app.jinja_env.globals["app_picture"] = picture


def picture(address: str) -> tuple[int, list[tuple[int, int]]]:
    """The square picture from which an app reads an address: its width in squares, and where the
    dark ones are, from the left and from above.
    """
    code = make_qr(address, error="m")
    rows = list(code.matrix_iter(border=BORDER))
    dark = [(x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark]
    return len(rows), dark


def _compared() -> sessions.Compared:
    return sessions.compare(store.reading(), g.person.email, _present(), g.now)


def _unproved(
    session: DatabaseSession, keys: Keys | Refusal, compared: sessions.Compared
) -> Refusal | None:
    """Why this is not the person, who gives the password and a code of the app or recovery code."""
    person_id = g.person.person_id
    if isinstance(keys, Refusal):
        return keys
    refused = own_account.wrong_password(session, person_id, _present(), g.now, compared)
    return refused or enrolment.prove(session, person_id, _code(), keys, g.now)


def _here() -> str:
    return security.session_token()


def _present() -> str:
    return request.form.get("present", "")


def _code() -> str:
    return request.form.get("code", "")


def _by_field(refusal: Refusal) -> dict[str, str]:
    """The field that a refusal is about, and what it says; nothing where it is about none."""
    fields = {"factor.wrong": "factorcode", "person.present": "factorpresent"}
    fields["signin.throttled"] = "factorpresent"
    return {fields[refusal.code]: refusal.words} if refusal.code in fields else {}


def _refused(refusal: Refusal) -> Response:
    told = _by_field(refusal)
    if told:
        return own_page.shown(told, status=refusal.status)
    return fragments.refuse(refusal, back=_own())


def _set_up(problems: dict[str, str], status: int = 200) -> Response:
    keys, person_id = second_step.own_keys(), g.person.person_id
    app: enrolment.SetUp | Refusal
    if isinstance(keys, Refusal):
        app = keys
    else:
        app = enrolment.being_set_up(store.reading(), person_id, _here(), keys, g.now)
    security.inside_company(request.args.get("c", ""))
    if isinstance(app, Refusal):
        return fragments.refuse(app, back=_own())
    return fragments.respond(
        "people/two_factor.html",
        status=status,
        problems=problems,
        app=app,
        email=g.person.email,
        back=request.args.get("c", ""),
    )


def _codes(made: tuple[str, ...]) -> Response:
    security.inside_company(request.args.get("c", ""))
    return fragments.respond("access/recovery_codes.html", codes=made, onward=_own())


def _own() -> str:
    return url_for("me.show", c=request.args.get("c") or None)


def _url(page: str) -> str:
    return url_for(f"factor.{page}", c=request.args.get("c") or None)
