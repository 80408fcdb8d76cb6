"""One's own page: name, how pages look, password, where one is signed in.

Here: views and forms. Not here: what they change (holding/company/own_account.py).
"""

from collections.abc import Mapping

from flask import Blueprint, g, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from holding.access import enrolment, sessions
from holding.access.actors import ACT_LABELS, ACTS, role_list
from holding.company import own_account
from holding.db.refusal import Refusal
from portal.access.signin import device
from portal.languages.choice import LANGUAGES
from portal.web import fragments, security, store

own_pages = Blueprint("me", __name__, url_prefix="/me")


@own_pages.get("")
def show() -> Response:
    """The page, inside a company where one is named or there is only one."""
    return shown({})


@own_pages.post("")
def save() -> Response:
    """Name, language, theme, rows, moments, keys, mails, time to undo."""
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
        return shown({"name": refused.message}, status=refused.status)
    return fragments.moved(_url(), "Your settings are saved.")


@own_pages.post("/utc")
def utc() -> Response:
    """Have each moment say its UTC, too, or no more; from the foot of any page."""
    with store.writing() as session:
        own_account.show_utc(session, g.person.person_id, on=request.form.get("on") == "1")
    return redirect(security.safe_next(request.form.get("next")), 303)


@own_pages.post("/password")
@security.limiter.limit("10 per minute")
def password() -> Response:
    """A new password; the other sessions and all tokens end."""
    present = request.form.get("present", "")
    compared = sessions.compare(store.reading(), g.person.email, present, g.now)
    with store.writing() as session:
        done = own_account.change_password(
            session,
            g.person.person_id,
            present=present,
            wanted=request.form.get("wanted", ""),
            now=g.now,
            device=device(),
            compared=compared,
            factor_at=g.person.factor_at,
        )
    if isinstance(done, Refusal):
        field = "wanted" if done.code == "person.password" else "present"
        return shown({field: f"{done.message} {done.hint}".strip()}, status=done.status)
    said = "Your password is changed. Your other sessions and your tokens ended."
    answer = fragments.done(_url(), said)
    return security.keep(answer, done)


@own_pages.post("/sessions/<key>/end")
def end_session(key: str) -> Response:
    """Sign out in one place."""
    with store.writing() as session:
        refused = own_account.end_session(session, g.person.person_id, key, g.now)
    if refused:
        return fragments.refuse(refused, back=_url())
    return fragments.moved(_url(), "Signed out there.")


@own_pages.post("/signout")
def everywhere() -> Response:
    """Sign out in all places, this one too."""
    with store.writing() as session:
        own_account.sign_out_everywhere(session, g.person.person_id, g.now)
    return security.forget(make_response(redirect(url_for("signin.form"), 303)))


def shown(problems: Mapping[str, str], *, status: int = 200) -> Response:
    """The page, with what is wrong with a form of it: field -> words."""
    session = store.reading()
    companies = security.inside_company(request.args.get("c", ""))
    here = security.session_token()
    return fragments.respond(
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
    """What the person can do in the company of the page, or cannot, in plain words."""
    if "actor" not in g:
        return ""
    return ", ".join(
        words for act, words in ACT_LABELS.items() if bool(g.actor.roles & ACTS[act]) is may
    )


def _url() -> str:
    return url_for("me.show", c=request.args.get("c") or None)
