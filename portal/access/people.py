"""Pages for the people of a company: roles, teams, source limits, invitations and leaving."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from connectors.transport import http
from holding.access import actors, people
from holding.access.actors import ACT_LABELS, GROUPS, MEETING, ROLE_LABELS, duties_meet
from holding.company import access_links, duties
from holding.company import directory as source_limits
from holding.db.refusal import Refusal, plural
from holding.holds import assignments
from holding.platform.settings import logger
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs

people_pages = Blueprint("people", __name__, url_prefix="/c/<co>/people")
log = logger("clearpost.people")


@dataclass(frozen=True, slots=True)
class Wish:
    """The roles, teams and sources to give to a person.

    `understood`: the user confirmed conflicting roles.
    """

    roles: tuple[str, ...]
    team_ids: tuple[int, ...]
    understood: bool
    source_ids: tuple[int, ...] = ()


@people_pages.get("/")
@needs("record.read")
def listing() -> Response:
    """Show the company's people, invitations and former people, and what each role may do."""
    session = store.reading()
    members = duties.members(session, g.company.id)
    invited = duties.invitations(session, g.company.id)
    admin = request_guard.may(duties.ACT) is None
    return store.respond(
        "people/list.html",
        members=members,
        invited=invited,
        left=duties.former(session, g.company.id),
        admin=admin,
        private=admin or request_guard.may("audit.read") is None,
        admins=", ".join(one.name for one in members if "admin" in one.roles),
        summary=_summary(members, invited),
        labels=ROLE_LABELS,
        groups=_grants(),
        limits=source_limits.limits(session, g.company.id) if admin else {},
    )


@people_pages.get("/invite")
@needs("people.admin")
def invitation() -> Response:
    """Show the form of an invitation."""
    return _form({}, wish=Wish((), (), understood=False))


@people_pages.post("/invite")
@needs("people.admin")
def invite() -> AnyResponse:
    """Make the link, and mail it where there is a mail server."""
    wish, email = _wish(), request.form.get("email", "").strip()
    problems = _meeting(wish, ())
    if problems:
        return _form(problems, wish=wish, status=422)
    with store.writing() as session:
        made = access_links.invite(
            session,
            g.actor,
            company_id=g.company.id,
            email=email,
            name=request.form.get("name", ""),
            roles=wish.roles,
            team_ids=wish.team_ids,
            source_ids=wish.source_ids,
            now=g.now,
        )
    if isinstance(made, Refusal):
        field = {"person.email": "email", "person.here": "email", "role.none": "role"}
        field |= {"source.admin": "source", "source.unknown": "source"}
        if made.code not in field:
            return store.refuse(made, back=_url())
        told = {field[made.code]: f"{made.message} {made.hint}".strip()}
        return _form(told, wish=wish, status=made.status)
    return _hand_over(made, access_links.JOIN)


@people_pages.post("/links/<int:link_id>/cancel")
@needs("people.admin")
def cancel(link_id: int) -> AnyResponse:
    """Cancel an invitation that was not used yet."""
    with store.writing() as session:
        answer = access_links.cancel(session, g.actor, link_id, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=_url())
    return store.redirect_with_message(_url(), f"The invitation of {answer} was cancelled.")


@people_pages.get("/<int:person_id>")
@needs("people.admin")
def show(person_id: int) -> AnyResponse:
    """Show a person's page: roles, teams, new password, leaving."""
    return _person({}, person_id)


@people_pages.post("/<int:person_id>")
@needs("people.admin")
def change(person_id: int) -> AnyResponse:
    """Update a person's roles and teams to the ticked ones."""
    wish = _wish()
    held = actors.roles_of(store.reading(), g.company.id, person_id)
    if problems := _meeting(wish, held):
        return _person(problems, person_id, wish=wish, status=422)
    with store.writing() as session:
        answer = duties.change(
            session,
            g.actor,
            company_id=g.company.id,
            person_id=person_id,
            roles=wish.roles,
            team_ids=wish.team_ids,
            shown_mark=request.form.get("seen", ""),
            now=g.now,
        )
    if isinstance(answer, Refusal):
        if answer.code in {"role.none", "role.limited"}:
            told = {"role": f"{answer.message} {answer.hint}"}
            return _person(told, person_id, wish=wish, status=answer.status)
        return store.refuse(answer, back=_url())
    back = f" {_holds(answer.handed)}" if answer.handed else ""
    return store.redirect_with_message(_url(), f"Roles and teams of {answer.name} changed.{back}")


@people_pages.post("/<int:person_id>/sources")
@needs("people.admin")
def sources(person_id: int) -> AnyResponse:
    """Limit a person to records of the ticked sources, or to all sources if none is ticked."""
    with store.writing() as session:
        answer = source_limits.limit(
            session,
            g.actor,
            company_id=g.company.id,
            person_id=person_id,
            source_ids=_wish().source_ids,
            now=g.now,
        )
    if isinstance(answer, Refusal):
        if answer.status == 422:
            told = {"source": f"{answer.message} {answer.hint}"}
            return _person(told, person_id, status=answer.status)
        return store.refuse(answer, back=_url())
    back = f" {_holds(answer.handed)}" if answer.handed else ""
    return store.redirect_with_message(_url(), f"{answer.say}{back}")


@people_pages.post("/<int:person_id>/reset")
@needs("people.admin")
def reset(person_id: int) -> AnyResponse:
    """Make a link with which the person sets a new password."""
    with store.writing() as session:
        made = access_links.reset(
            session, g.actor, company_id=g.company.id, person_id=person_id, now=g.now
        )
    if isinstance(made, Refusal):
        return store.refuse(made, back=_url())
    return _hand_over(made, access_links.RESET)


@people_pages.post("/<int:person_id>/leave")
@needs("people.admin")
def leave(person_id: int) -> AnyResponse:
    """Take the person out of the company; their holds go back to their teams."""
    named = people.names_of(store.reading(), [person_id]).get(person_id, "")
    with store.writing() as session:
        answer = duties.administers(session, g.actor, g.company.id)
        handed = answer or assignments.remove_member(
            session, g.actor, g.company.id, person_id, g.now
        )
    if isinstance(handed, Refusal):
        return store.refuse(handed, back=_url())
    back = f" {_holds(handed)}" if handed else ""
    return store.redirect_with_message(_url(), f"{named} left {g.company.name}.{back}")


def _hand_over(made: access_links.NewLink, kind: str) -> AnyResponse:
    """Show the page after a link was created.

    The link is sent by mail, else shown once to be sent by hand.
    """
    path = url_for("join.form", token=made.token)
    settings = request_guard.config().settings
    url = request_guard.outside(path)
    failed = ""
    if settings.mail is not None:
        subject, text = _letter(made, kind, url)
        failed = http.try_mail(settings.mail, to=made.email, subject=subject, text=text)
        if failed:
            log.warning("A mail was not taken.", request=g.request_id, why=failed)
    return store.respond(
        "people/link.html",
        made=made,
        joins=kind == access_links.JOIN,
        url="" if settings.mail is not None and not failed else url,
        failed=failed,
    )


def _letter(made: access_links.NewLink, kind: str, url: str) -> tuple[str, str]:
    until = filters.moment(made.expires_at)
    if kind == access_links.JOIN:
        subject = f"{g.actor.name} invites you to {g.company.name} in Clearpost"
        first = f"{g.actor.name} invites you to {g.company.name} in Clearpost."
    else:
        subject = f"A new password for {g.company.name} in Clearpost"
        first = f"{g.actor.name} made a link with which you set a new password in Clearpost."
    zone = filters.zone_note()
    last = "If you did not expect this mail, do not open the link."
    return subject, f"{first}\n\n{url}\n\nThe link works once, until {until}. {zone}. {last}\n"


def _form(problems: Mapping[str, str], *, wish: Wish, status: int = 200) -> Response:
    return store.respond(
        "people/invite.html",
        _choices(),
        status=status,
        problems=problems,
        wish=wish,
        teams=duties.teams(store.reading(), g.company.id),
        sources=source_limits.sources(store.reading(), g.company.id),
        mails=request_guard.config().settings.mail is not None,
    )


def _person(
    problems: Mapping[str, str], person_id: int, *, wish: Wish | None = None, status: int = 200
) -> AnyResponse:
    session = store.reading()
    members = duties.members(session, g.company.id)
    found = next((one for one in members if one.id == person_id), None)
    if found is None:
        return store.refuse(Refusal("person.unknown", "There is no such person here.", "", 404))
    limited = source_limits.limits(session, g.company.id).get(person_id, ())
    others = [one.name for one in members if "admin" in one.roles and one.id != person_id]
    return store.respond(
        "people/person.html",
        _choices(),
        status=status,
        problems=problems,
        one=found,
        wish=wish or Wish(found.roles, found.team_ids, understood=False),
        seen=request.form.get("seen") or duties.mark(found.roles, found.team_ids),
        own=person_id == g.actor.person_id,
        others=", ".join(others),
        teams=duties.teams(session, g.company.id),
        sources=source_limits.sources(session, g.company.id),
        limited=_wish().source_ids if "source" in problems else [one.id for one in limited],
        mails=request_guard.config().settings.mail is not None,
    )


def _choices() -> dict[str, object]:
    """Return the choices of a roles form: each role with the first acts it adds."""
    return {
        "labels": ROLE_LABELS,
        "abilities": {role: _adds(role) for role in actors.ROLES},
        "meeting": MEETING,
    }


def _adds(role: str) -> str:
    own = [
        words
        for act, words in ACT_LABELS.items()
        if role in actors.ACTS[act] and act != "record.read"
    ]
    return ", ".join(own) or "view records only"


def _grants() -> list[tuple[str, list[tuple[str, list[bool]]]]]:
    """Group -> acts in plain words, and for each role whether it may; from the table of acts."""
    return [
        (
            title,
            [(ACT_LABELS[act], [role in actors.ACTS[act] for role in ROLE_LABELS]) for act in acts],
        )
        for title, acts in GROUPS
    ]


def _summary(
    members: Collection[duties.Member], invited: Collection[duties.Invitation]
) -> tuple[str, str]:
    """Return two sentences for the page: the number of people, and how many hold the important
    roles.
    """
    count = {role: sum(role in one.roles for one in members) for role in actors.ROLES}
    open_ = [one for one in invited if one.expires_at > g.now]
    who = plural(len(members), "person", "people")
    first = f"{who}, {plural(len(open_), 'open invitation')}."
    admins = plural(count["admin"], "is administrator", "are administrators")
    return (
        first,
        f"{count['approver']} can approve, {count['publisher']} can publish rules, {admins}.",
    )


def _wish() -> Wish:
    form = request.form
    teams = tuple(one for one in map(forms.parse_whole, form.getlist("team")) if one is not None)
    chosen = tuple(one for one in map(forms.parse_whole, form.getlist("source")) if one is not None)
    return Wish(tuple(form.getlist("role")), teams, form.get("understood") == "1", chosen)


def _meeting(wish: Wish, held: Collection[str]) -> dict[str, str]:
    """Return a form problem if newly combined roles conflict and the user has not confirmed it."""
    fresh = [words for words in duties_meet(wish.roles) if words not in duties_meet(held)]
    if not fresh or wish.understood:
        return {}
    return {
        "understood": "Two of these roles should not meet in one person. Tick that you understand."
    }


def _holds(count: int) -> str:
    return f"{plural(count, 'hold is', 'holds are')} with their teams again."


def _url() -> str:
    return url_for("people.listing", co=g.company.code)
