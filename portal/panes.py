"""One hold as a page or as a pane of the list, and what is answered after an act on it.

Here: what the pane shows, and the answers. Not here: the acts (pages/holding.py, pages/desk.py).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from flask import Response, abort, g, request, url_for

from holding import approvals, corrections, differences, doorbell, people, periods, releasers
from holding.desk import Done
from holding.impact import parties
from holding.models import Hold
from holding.queries import beside, notes, pairs, personal, states
from holding.queries import hold as hold_query
from holding.refusal import Refusal
from holding.roles import may
from holding.seen import Moved
from portal import differing, filters, forms, fragments, store

MOST_ROWS = 24
Wished = TypeVar("Wished")


def pane(hold_id: int, problems: Mapping[str, str], moved: Moved | None = None) -> dict[str, Any]:
    """What the page of a hold shows; `moved` is told when somebody was faster."""
    session = store.reading()
    row = hold_query.one(session, g.company.id, hold_id)
    if row is None:
        abort(404)
    show, changed = filters.sees_personal(), row.code in differences.CODES
    hold = session.get_one(Hold, hold_id)
    theirs = people.in_team(session, row.team_id, g.actor.person_id)
    edits = row.open and show and theirs and may(g.actor, corrections.ACT) is None
    by_people = row.approval or row.in_target or hold.clears.startswith(releasers.BY)
    who = releasers.of_hold(session, hold, g.actor, by_people=by_people) if row.open else None
    return {
        "hold": row,
        "changed": changed,
        **differing.shown(session, g.company.id, row, show_personal=show),
        **folded(() if changed else pairs.of(session, row, show_personal=show)),
        "beside": beside.of(session, row, show_personal=show),
        "hide": personal.hiding(session, row.record_id, show=show),
        "by_people": by_people,
        "who": who,
        "sethash": approvals.set_hash({row.posting_id or 0: row.posting_hash or ""}),
        "known_twice": row.open and row.rule in parties.party_checks(session, g.company.id),
        "colleagues": states.colleagues(session, g.company.id),
        "fields": corrections.open_fields(session, hold) if edits else (),
        "period": periods.ways(session, hold) if row.open else None,
        "dating": may(g.actor, periods.DATE) or (None if theirs else _elsewhere(row.team)),
        "notes": notes.of_record(session, row.record_id),
        "problems": problems,
        "moved": moved,
        "answers": _answers(session, row.team_id),
        "typed": request.form,
    }


def folded(found: Sequence[pairs.Pair]) -> dict[str, Any]:
    """The fields of the document, long lines folded so that the way out stays near, and the rest
    of the source.
    """
    listed = [pair for pair in found if pair.hit or pair.field]
    head = [pair for pair in listed if pair.hit or " line " not in pair.field]
    shown = head if len(listed) > MOST_ROWS else listed
    return {
        "pairs": shown,
        "folded": [pair for pair in listed if pair not in shown],
        "others": [pair for pair in found if pair not in listed],
    }


def _elsewhere(team: str | None) -> Refusal:
    return Refusal("hold.team", f"This is with {team}.", status=403)


def _answers(session: Any, team_id: int | None) -> str:
    """Who answers for a team in which nobody is."""
    empty = people.empty_team(session, team_id)
    return f"nobody is in it, {empty} answers" if empty else ""


def shown(hold_id: int) -> Response:
    """The page of a hold."""
    return fragments.respond("holding/show.html", **pane(hold_id, {}))


def require(hold_id: int) -> None:
    """404 for a hold of another company, as for one that does not exist."""
    if hold_query.one(store.reading(), g.company.id, hold_id) is None:
        abort(404)


def act(
    hold_id: int,
    wish: Wished | forms.Problems,
    do: Callable[[Any, Wished], Done | Refusal],
    said: str,
    field: str = "",
) -> Response:
    """One act on one hold: what is wrong with the form, or what became of the wish."""
    require(hold_id)
    if isinstance(wish, forms.Problems):
        return again(hold_id, wish)
    with store.writing() as session:
        answer = do(session, wish)
    doorbell.ring(g.company.id, "evaluate")
    return answered(hold_id, answer, said, field)


def again(hold_id: int, found: forms.Problems) -> Response:
    """The pane with what is wrong beside its fields."""
    return fragments.respond("holding/show.html", status=422, **pane(hold_id, found.by_field))


def answered(hold_id: int, answer: object, said: str, field: str = "") -> Response:
    """After an act: the pane as it is now, a refusal, or both sides where somebody was faster.

    `field` is where a refusal that is about what was typed is shown.
    """
    if isinstance(answer, Moved):
        store.renew()
        found = pane(hold_id, {}, moved=answer)
        return fragments.respond("holding/show.html", status=409, **found)
    if isinstance(answer, Refusal):
        store.renew()
        if answer.status == 422 and field:
            told = f"{answer.message} {answer.hint}".strip()
            return again(hold_id, forms.Problems({field: told}))
        return fragments.refuse(answer, back=url(hold_id))
    if not fragments.wants_fragment():
        return fragments.done(url(hold_id), said)
    return fragments.respond("holding/show.html", say=said, **pane(hold_id, {}))


def url(hold_id: int) -> str:
    """Where a hold is."""
    return url_for("holding.show", co=g.company.code, hold_id=hold_id)
