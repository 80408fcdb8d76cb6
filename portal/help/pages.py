"""The help pages and the support guide; anybody may read them, also who cannot sign in.

Here: views. Not here: what the topics are (topics.py).
"""

from dataclasses import dataclass

from flask import Blueprint, Flask, Response, abort, g, request

from holding.access import people
from holding.access.actors import ACT_LABELS, ACTS, role_list
from holding.worklist import facets
from holding.worklist import filters as held
from holding.worklist.facets import Facet
from portal.help.topics import GROUPS, Topic, cause_slug, pill_slug, slug_of, topics
from portal.web import fragments, security, store

help_pages = Blueprint("help", __name__, url_prefix="/help")


@dataclass(frozen=True, slots=True)
class Able:
    """Who can do one act: in words, by role, and by name where a company is known."""

    act: str
    roles: str
    names: tuple[str, ...]


def init(app: Flask) -> None:
    """Let every template name the topic of what it shows; what has no help is told now."""
    known = topics()
    app.jinja_env.globals["help_slug"] = slug_of
    app.jinja_env.globals["pill_slug"] = pill_slug
    app.jinja_env.globals["cause_slug"] = cause_slug
    app.jinja_env.globals["has_help"] = known.__contains__
    app.jinja_env.globals["help_title"] = lambda slug: known[slug].title


@help_pages.get("/")
def index() -> Response:
    """All topics, by what they are about."""
    _inside()
    return fragments.respond("help/index.html", groups=_grouped(), back=_back())


@help_pages.get("/support")
def support() -> Response:
    """What to have at hand when one asks for help."""
    _inside()
    admins: tuple[str, ...] = ()
    if "company" in g:
        admins = people.who_may(store.reading(), g.company.id, "people.admin")
    return fragments.respond("help/support.html", back=_back(), admins=", ".join(admins))


@help_pages.get("/<topic>")
def show(topic: str) -> Response:
    """One topic; inside a company also what is on hold for it now, and who can act there."""
    found = topics().get(topic)
    if found is None:
        abort(404)
    _inside()
    return fragments.respond(
        "help/topic.html",
        topic=found,
        group=GROUPS[found.group],
        beside=_grouped()[found.group] if found.group != "finding" else [],
        able=[_able(act) for act in found.acts],
        now_held=_now_held(found),
        back=_back(),
    )


def _inside() -> None:
    """The page stands in a company where the reader is signed in and has one."""
    if security.whoever():
        security.inside_company(_back())


def _back() -> str:
    return request.args.get("c", "")


def _grouped() -> dict[str, list[Topic]]:
    found: dict[str, list[Topic]] = {group: [] for group in GROUPS}
    for topic in topics().values():
        found[topic.group].append(topic)
    return found


def _able(act: str) -> Able:
    names: tuple[str, ...] = ()
    if "company" in g:
        names = people.who_may(store.reading(), g.company.id, act)
    return Able(ACT_LABELS[act], role_list(ACTS[act]), names)


def _now_held(topic: Topic) -> Facet | None:
    """What is on hold in the company for this class now; nothing where none is."""
    if topic.group != "class" or "company" not in g:
        return None
    session, person_id = store.reading(), g.actor.person_id
    found = held.held(session, g.company.id, person_id)
    classes = facets.facets_of(found, held.Filter(), {}, g.company.currency)["classes"]
    return next((facet for facet in classes if facet.word == topic.key), None)
