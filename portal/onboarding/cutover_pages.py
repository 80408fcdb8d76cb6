"""The cutover: the first document date that is posted, and what the target has already.

Here: views. Not here: what setting the date does (holding/company/going_live.py), the look at
what is there (holding/company/standing_documents.py).
"""

from collections.abc import Mapping
from typing import Final

from flask import Response, g, request, url_for

from connectors.transport.http import Http
from holding.company import going_live
from holding.company.going_live import checklist
from holding.company.standing_documents import Look, There, look
from holding.db.refusal import Refusal
from holding.platform import processes as doorbell
from portal.onboarding.checklist import home, pages, suggested
from portal.web import forms, fragments, store

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


@pages.get("/cutover")
def cutover() -> Response:
    """The first document date that is posted."""
    return _page({})


@pages.post("/cutover")
def set_cutover() -> Response:
    """Set it; every record is checked again."""
    day = forms.day(request.form.get("starts"))
    if day is None:
        told = "Enter the day as year-month-day, such as 2026-11-01."
        return _page({"starts": told}, status=422)
    with store.writing() as session:
        refusal = going_live.set_cutover(session, g.actor, day, g.now)
    if refusal is not None and refusal.status == 422:
        return _page({"starts": refusal.words}, status=422)
    if refusal is not None:
        return fragments.refuse(refusal, back=home())
    doorbell.ring(g.company.id, "evaluate")
    return fragments.moved(home(), f"Cutover date set to {day}. Records are checked again.")


@pages.post("/cutover/look")
def look_there() -> Response:
    """Ask the accounting systems for the documents that are ready; nothing is written there."""
    after = forms.whole(request.form.get("after")) or 0
    store.renew()  # no snapshot is kept while others are asked
    http = Http(store.clock(), connect_seconds=SECONDS, read_seconds=SECONDS)
    found = look(store.database(), store.clock(), g.actor, after, http=http)
    if isinstance(found, Refusal):
        return fragments.refuse(found, back=url_for("onboarding.cutover", co=g.company.code))
    return _page({}, found=found)


def _page(problems: Mapping[str, str], *, status: int = 200, found: Look | None = None) -> Response:
    if g.company.live:
        return fragments.moved(home(), f"{g.company.name} is live already.")
    steps = checklist(store.reading(), g.company.id)
    return fragments.respond(
        "onboarding/cutover.html",
        status=status,
        found=steps,
        start=suggested(steps),
        problems=problems,
        look=found,
        There=There,
        outcomes=OUTCOMES,
        becomes=BECOMES,
    )
