"""One hold as a page or as a pane of the list, and a set of them that a person looks at.

Here: what the pane shows, and the answers after an act; the filter of an address, sums for the
button, and what is different between the set that was seen and the set now. Not here: the acts
(worklist.py, exceptions.py).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from flask import Response, abort, g, make_response, request, url_for

from holding.access import actors as personal_data
from holding.access import people
from holding.access import people as teams
from holding.access.actors import may
from holding.approvals import approve, candidates
from holding.approvals import separation as releasers
from holding.db import refusal as words
from holding.db.database import DatabaseSession
from holding.db.refusal import Refusal, by_key
from holding.db.together import KEPT, Together
from holding.holds import locked_periods, notes
from holding.holds.holds import Done, Moved
from holding.intake import open_fields
from holding.intake import open_fields as differences
from holding.mappings import fixes as keepers
from holding.mappings import list_sources as unpaid_choices
from holding.mappings import party_merge
from holding.platform import processes as doorbell
from holding.programs import posted_differences
from holding.programs import posted_differences as same_keys
from holding.worklist import filters as queries
from holding.worklist import hold_detail as hold_query
from holding.worklist import open_holds, side_by_side
from holding.worklist.filters import Filter
from portal.pages import posted_change
from portal.web import filters, forms, fragments, store

MOST = 60
"""Fields of one kind in a pane; the lineage of the record has all, page by page."""
Wished = TypeVar("Wished")


def pane(
    hold_id: int, problems: Mapping[str, str], moved: Moved | None = None
) -> dict[str, object]:
    """What the page of a hold shows; `moved` is told when somebody was faster."""
    session = store.reading()
    row = hold_query.one(session, g.company.id, hold_id)
    if row is None:
        abort(404)
    show, changed = filters.sees_personal(), row.code in posted_differences.CODES
    beside = side_by_side.beside_of(session, row, show_personal=show)
    page = Together(session, KEPT)
    colleagues = page.ask(open_holds.colleagues(g.company.id))
    written = page.ask(notes.of_record(row.record_id))
    message = page.ask(notes.whole(session, g.actor, hold_id)) if row.open else None
    theirs, instead = teams.duty(session, row.team_id, g.actor.person_id)
    asked = open_fields.fields_of(session, hold_id) if row.open and show else ()
    own = open_fields.mine(session, g.actor, asked, {row.team_id: theirs})
    by_people = row.approval or row.in_target or row.clears.by_people
    who = releasers.of_hold(session, hold_id, g.actor, by_people=by_people) if row.open else None
    return {
        "hold": row,
        "changed": changed,
        **posted_change.shown(session, g.company.id, row, show_personal=show),
        **folded(
            () if changed else side_by_side.pairs_of(session, row, show_personal=show),
            head=not (beside and beside.rows),
        ),
        "beside": beside,
        "unpaid": _unpaid(session, row),
        "twins": _twins(row, show=show) if row.open and row.code == "DUP01" else (),
        "hide": personal_data.hiding(session, row.record_id, show=show),
        "by_people": by_people,
        "who": who,
        "sethash": candidates.set_hash({row.posting_id or 0: row.posting_hash or ""}),
        "known_twice": row.open and row.rule in party_merge.party_checks(session, g.company.id),
        "colleagues": colleagues.value,
        "keeper": keepers.kept_by_others(session, g.actor, row.table) if row.table else None,
        "writers": _writers() if row.unknown_status else "",
        "fields": own,
        "unset": [one for one in asked if one.field not in own and one.field.gap],
        "period": locked_periods.ways(session, hold_id) if row.open else None,
        "dating": may(g.actor, locked_periods.DATE) or (None if theirs else _elsewhere(row.team)),
        "message": message.value if message else None,
        "unread": notes.UNREAD,
        "notes": written.value,
        "problems_of": lambda form: problems if request.endpoint == form else {},
        "moved": moved,
        "answers": f"no members; {instead} answers" if instead else "",
        "typed": request.form,
        "stale": False,
    }


def folded(found: Sequence[side_by_side.Pair], *, head: bool) -> dict[str, object]:
    """The fields that a finding speaks of or its rule compared (or, where there are none, those of
    the head, if nothing else shows what is decided), the other fields of the document, and the rest
    of the source; of a long document not all.
    """
    listed = [pair for pair in found if pair.hit or pair.decides or pair.field]
    hit = [pair for pair in listed if pair.hit or pair.decides]
    shown = hit or [pair for pair in listed if head and pair.line is None]
    known = set(map(id, shown))
    return {
        "pairs": shown[:MOST],
        "folded": [pair for pair in listed if id(pair) not in known][:MOST],
        "others": [one for one in found if not (one.hit or one.decides or one.field)][:MOST],
        "beyond": len(listed) > MOST,
    }


def _unpaid(
    session: DatabaseSession, row: hold_query.HoldRow
) -> unpaid_choices.UnpaidChoices | None:
    """What a payment that the target refused could pay instead."""
    refused = row.open and row.of_push and row.posting_id is not None
    return unpaid_choices.of_posting(session, row.posting_id or 0) if refused else None


def _twins(row: hold_query.HoldRow, *, show: bool) -> Sequence[Mapping[str, object]]:
    """The records that its duplicate rule takes for the same, each with what differs."""
    ours, found = personal_data.without_personal(row.body, show=show), []
    reach = g.actor.reach
    for one in same_keys.with_same_key(store.reading(), g.company.id, row.record_id, reach):
        theirs = personal_data.without_personal(one.body, show=show)
        changes = differences.difference(ours, theirs)
        same = len(set(differences.flat(ours)) & set(differences.flat(theirs)))
        found.append({"record": one, "changes": changes, "same": same})
    return found


def _writers() -> str:
    """Who can add to the rules, where whoever asks cannot."""
    if not may(g.actor, "rules.draft"):
        return ""
    names = people.who_may(store.reading(), g.company.id, "rules.draft")
    return f"{' or '.join(names)} can add it." if names else ""


def _elsewhere(team: str | None) -> Refusal:
    return Refusal("hold.team", f"This is with {team}.", status=403)


def shown(hold_id: int) -> Response:
    """The page of a hold."""
    if fragments.wants("holdstale"):
        return _renewed(hold_id)
    return fragments.respond("exceptions/show.html", pane(hold_id, {}))


def _renewed(hold_id: int) -> Response:
    """Of a pane that stays open: nothing while the hold is as it was seen; how it ended; or that it
    changed, because nobody decides about something else than what they looked at.
    """
    row = hold_query.one(store.reading(), g.company.id, hold_id)
    if row is None:
        abort(404)
    if row.open and row.mark == request.args.get("seen"):
        return make_response("", 204)
    if row.open:
        return fragments.respond("exceptions/show.html", pane(hold_id, {}) | {"stale": True})
    answer = fragments.respond("exceptions/show.html", pane(hold_id, {}), block="holdpane")
    answer.headers["HX-Retarget"] = f"#holdpane_{row.cause_id}"
    return answer


def require(hold_id: int) -> None:
    """404 for a hold of another company, as for one that does not exist."""
    if hold_query.one(store.reading(), g.company.id, hold_id) is None:
        abort(404)


def act(
    hold_id: int,
    wish: Wished | forms.Problems,
    do: Callable[[DatabaseSession, Wished], Done | Refusal],
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
    return fragments.respond("exceptions/show.html", pane(hold_id, found.by_field), status=422)


def answered(hold_id: int, answer: object, said: str, field: str = "") -> Response:
    """After an act: the pane as it is now, a refusal, or both sides where somebody was faster.

    `field` is where a refusal that is about what was typed is shown.
    """
    if isinstance(answer, Moved):
        store.renew()
        found = pane(hold_id, {}, moved=answer)
        return fragments.respond("exceptions/show.html", found, status=409)
    if isinstance(answer, Refusal):
        store.renew()
        if answer.status == 422 and field:
            return again(hold_id, forms.Problems({field: answer.words}))
        return fragments.refuse(answer, back=url(hold_id))
    if not fragments.wants_fragment():
        return fragments.done(url(hold_id), said)
    return fragments.respond("exceptions/show.html", pane(hold_id, {}), say=said)


def url(hold_id: int) -> str:
    """Where a hold is."""
    return url_for("holding.show", co=g.company.code, hold_id=hold_id)


@dataclass(frozen=True, slots=True)
class Changed:
    """The difference between what was seen and what is there now."""

    seen: tuple[forms.Seen, ...]
    now: tuple[queries.Member, ...]
    arrived: tuple[queries.Member, ...]
    gone: tuple[forms.Seen, ...]
    other: tuple[tuple[forms.Seen, queries.Member], ...]
    unchanged: tuple[queries.Member, ...]

    @property
    def different(self) -> bool:
        """Whether the set is another one."""
        return bool(self.arrived or self.gone or self.other)


def now_there(
    session: DatabaseSession, company_id: int, wish: forms.ApproveSet, wanted: Filter
) -> tuple[queries.Member, ...]:
    """The set behind the wish, read now: of a cause what the filter finds of it."""
    if wish.cause_id is None:
        ids = tuple(s.posting_id for s in wish.seen)
        return queries.chosen(session, company_id, postings=ids)
    cause, after = wish.cause_id, wish.after
    return queries.chosen(session, company_id, cause_id=cause, wanted=wanted, after=after)


def seen_of(rows: Sequence[queries.Member]) -> dict[int, str]:
    """Posting id -> hash, as the service wants to know what was looked at."""
    return {row.posting_id: row.posting_hash or "" for row in rows if row.posting_id is not None}


def compare(wish: forms.ApproveSet, now: tuple[queries.Member, ...]) -> Changed:
    """What came, what went, what has another content."""
    seen = {s.posting_id: s for s in wish.seen}
    here = {m.posting_id: m for m in now}
    other = tuple(
        (seen[i], m) for i, m in here.items() if i in seen and seen[i].hash != m.posting_hash
    )
    return Changed(
        seen=wish.seen,
        now=now,
        arrived=tuple(m for m in now if m.posting_id not in seen),
        gone=tuple(s for s in wish.seen if s.posting_id not in here),
        other=other,
        unchanged=tuple(
            m for m in now if m.posting_id in seen and seen[m.posting_id].hash == m.posting_hash
        ),
    )


class Summed(Protocol):
    """What has an amount, in minor units of its currency."""

    @property
    def amount(self) -> int | None:
        """The amount; None where it is not known."""

    @property
    def currency(self) -> str:
        """Its currency."""


def sums(rows: Sequence[Summed]) -> str:
    """RM 12,345.00 + SGD 120.00: one sum a currency, never added."""
    found = by_key((None, row.currency, row.amount) for row in rows).get(None, {})
    return words.sums(found, g.company.currency)


def said(
    rows: Sequence[queries.Member],
    answer: approve.Approved,
    stays: Collection[int] = (),
) -> str:
    """What came of an approval; `stays` are those that are on hold for another cause, too."""
    done = [row for row in rows if row.posting_id in set(answer.done)]
    told = f"{len(done)} approved, {sums(done)}." if done else "Nothing was approved."
    if answer.waiting:
        levels = sorted({left.level for left in answer.waiting})
        told += f" Others still decide: {', '.join(levels)}."
    left = [row.number for row in done if row.posting_id in stays]
    if left and not answer.waiting:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        told += f" Still on hold for another cause: {', '.join(left[:3])}{more}."
    if not answer.refused:
        return told
    reasons = sorted({left.reason for left in answer.refused})
    return f"{told} {len(answer.refused)} left out: {'; '.join(reasons)}."
