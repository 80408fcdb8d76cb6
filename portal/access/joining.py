"""The page behind a link that works once: join a company, or set a new password.

Here: the page and its form. Not here: what the link does (holding/company/access_links.py).
"""

from flask import Blueprint, g, make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from holding.company import access_links
from holding.company import access_links as link_use
from holding.db.refusal import Refusal
from portal.access.signin import arrive, device
from portal.web import security, store

join_pages = Blueprint("join", __name__, url_prefix="/join")


@join_pages.get("/<token>")
def form(token: str) -> Response:
    """What the link is about, and the form."""
    return _page(token)


@join_pages.post("/<token>")
@security.limiter.limit("20 per minute")
def enter(token: str) -> Response:
    """Use it; whoever was signed in here before is not any more. A code may still be asked for."""
    password = request.form.get("password", "")
    compared = link_use.compare(store.reading(), token, password, g.now)
    with store.writing() as session:
        done = link_use.use(
            session,
            token,
            name=request.form.get("name", ""),
            password=password,
            now=g.now,
            device=device(),
            compared=compared,
        )
    if isinstance(done, Refusal):
        return _page(token, done)
    return arrive(done.entered, url_for("dashboard.show", co=done.company))


def _page(token: str, refusal: Refusal | None = None) -> Response:
    link = access_links.opened(store.reading(), token, g.now)
    if isinstance(link, Refusal):
        return make_response(render_template("people/gone.html", refusal=link), link.status)
    g.zone = link.zone
    page = render_template(
        "people/join.html",
        link=link,
        token=token,
        refusal=refusal,
        joins=link.kind == access_links.JOIN,
        name=request.form.get("name", link.name),
    )
    return make_response(page, refusal.status if refusal else 200)
