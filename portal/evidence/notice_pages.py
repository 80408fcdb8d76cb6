"""Notices: who is told of what, when the digest goes, and what became of each message.

Here: views. Not here: what is told and sending it (holding/notices), signals (signal_pages.py).
"""

from collections.abc import Mapping

from flask import Blueprint, Response, g, request, url_for

from holding.access.actors import load_keys
from holding.company import duties as directory
from holding.db.models.columns import RecipientKind
from holding.db.refusal import Refusal
from holding.operations import planning, recipients
from holding.operations import planning as digest_times
from holding.operations import recipients as notice_list
from holding.operations.recipients import Wish
from holding.platform import processes as doorbell
from portal.web import forms, fragments, security, store

pages = Blueprint("notices", __name__, url_prefix="/c/<co>/notices")
KINDS = {
    RecipientKind.PERSON: "A person of this company, by mail",
    RecipientKind.MAIL: "Another address, by mail",
    RecipientKind.WEBHOOK: "A webhook",
}


@pages.get("")
def listing() -> Response:
    """When the digest goes, who is told, and the last messages."""
    return _page({})


@pages.post("/times")
def times() -> Response:
    """At which time of which days the digest goes."""
    at = request.form.get("at", "").strip()
    days = [day for text in request.form.getlist("day") if (day := forms.whole(text)) is not None]
    with store.writing() as session:
        answer = digest_times.set_times(session, g.actor, at, days, g.now)
    if answer is None:
        return fragments.moved(_url(), "The digest times are saved.")
    return _refused(answer, "at")


@pages.post("/recipients")
def add() -> Response:
    """Add a recipient; the secret of a webhook is shown this once."""
    keys = load_keys(security.config().settings)
    if isinstance(keys, Refusal):
        return fragments.refuse(keys, back=_url())
    form = request.form
    kind = form.get("kind", "")
    if kind not in list(RecipientKind):
        return _page({"kind": "Choose how they are told."}, status=422)
    gets = frozenset(form.getlist("gets"))
    wish = Wish(
        kind=RecipientKind(kind),
        person_id=forms.whole(form.get("person")),
        team_id=forms.whole(form.get("team")),
        address=form.get("address", ""),
        digest="digest" in gets,
        urgent="urgent" in gets,
        packets="packets" in gets,
    )
    with store.writing() as session:
        answer = recipients.add(session, g.actor, wish, g.now, keys)
    if isinstance(answer, Refusal):
        places = {"notice.person": "person", "notice.nothing": "gets", "notice.team": "team"}
        return _refused(answer, places.get(answer.code, "address"))
    if answer.secret:
        return fragments.respond("notices/secret.html", made=answer)
    return fragments.moved(_url(), f"{answer.name} is told from now on.")


@pages.post("/recipients/<int:recipient_id>/remove")
def remove(recipient_id: int) -> Response:
    """Tell a recipient nothing more."""
    with store.writing() as session:
        answer = recipients.remove(session, g.actor, recipient_id, g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url())
    return fragments.moved(_url(), f"{answer} is told no more.")


@pages.post("/recipients/<int:recipient_id>/test")
@security.limiter.limit("12 per minute")
def test(recipient_id: int) -> Response:
    """Send a recipient a test; what became of it stands in the list."""
    with store.writing() as session:
        answer = planning.test(session, g.actor, recipient_id, g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url())
    doorbell.ring(g.company.id, "notify")
    return fragments.moved(_url() + "#messages", f"A test for {answer.name} is queued.")


def _refused(answer: Refusal, field: str) -> Response:
    if answer.status != 422:
        return fragments.refuse(answer, back=_url())
    return _page({field: answer.words}, status=422)


def _page(problems: Mapping[str, str], *, status: int = 200) -> Response:
    session, company = store.reading(), g.company.id
    return fragments.respond(
        "notices/list.html",
        status=status,
        times=digest_times.own_times(session, company),
        days=digest_times.DAYS,
        recipients=recipients.list_recipients(session, company),
        messages=notice_list.list_deliveries(session, company),
        people=directory.members(session, company),
        teams=directory.teams(session, company),
        kinds=KINDS,
        mails=security.config().settings.mail is not None,
        problems=problems,
        typed=request.form,
    )


def _url() -> str:
    return url_for("notices.listing", co=g.company.code)
