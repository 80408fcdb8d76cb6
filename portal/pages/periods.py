"""The forms of a hold for a locked period: date it anew, ask to open the month, send it elsewhere.

Here: reading a form, calling the service, showing what came of it. Not here: what the ways are
(holding/periods.py, holding/reopening.py).
"""

from typing import Any

from flask import Blueprint, Response, g, request

from holding import periods, reopening
from holding.desk import Done
from holding.refusal import Refusal
from portal import desk_forms, panes

pages = Blueprint("periods", __name__, url_prefix="/c/<co>/holding")


@pages.post("/<int:hold_id>/date")
def date(hold_id: int) -> Response:
    """Let the document carry another day."""

    def do(session: Any, wish: desk_forms.Dated) -> Done | Refusal:
        op = wish.op or None
        return periods.date_anew(session, g.actor, hold_id, wish.day, wish.reason, g.now, op)

    said = "Dated anew. It is being judged again."
    return panes.act(hold_id, desk_forms.dated(request.form), do, said, field="day")


@pages.post("/<int:hold_id>/reopen")
def reopen(hold_id: int) -> Response:
    """Ask somebody for the locked month."""

    def do(session: Any, wish: desk_forms.Asked) -> Done | Refusal:
        op = wish.op or None
        return reopening.ask_to_reopen(session, g.actor, hold_id, wish.question, g.now, op)

    said = "Asked. What waits for that month goes by itself when it is opened."
    return panes.act(hold_id, desk_forms.asked(request.form), do, said, field="person")


@pages.post("/<int:hold_id>/redirect")
def redirect(hold_id: int) -> Response:
    """Have somebody decide where this document goes."""

    def do(session: Any, wish: desk_forms.Asked) -> Done | Refusal:
        return reopening.redirect(session, g.actor, hold_id, wish.question, g.now, wish.op or None)

    return panes.act(hold_id, desk_forms.asked(request.form), do, "Sent.", field="person")
