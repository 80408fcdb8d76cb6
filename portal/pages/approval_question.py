"""What an approval would cover and come to, as its dialog asks it.

Here: the documents that an address or a form names, and the subtraction from what is selected to
what will be posted. Not here: the approval itself (worklist.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from flask import g, request, url_for

from holding.access.operations import undo_seconds
from holding.approvals import candidates
from holding.approvals.candidates import Foreseen, foresee
from holding.db.refusal import Sums, by_key
from holding.db.together import KEPT, Question, Together, answer
from holding.worklist import filters as lists
from holding.worklist.filters import Filter
from portal.hold_views import hold_filter
from portal.pages import hold_pane
from portal.web import forms, store


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the selected documents: why they are apart, which they are, and their money."""

    why: str
    rows: tuple[lists.Member, ...]
    money: Sums

    @property
    def less(self) -> Sums:
        """Their money, to be taken off."""
        return {code: -minor for code, minor in self.money.items()}


@dataclass(frozen=True, slots=True)
class Balance:
    """Selected = refused + approved; approved = those that stay on hold + posted."""

    selected: Part
    refused: tuple[Part, ...]
    approved: Part
    stays: tuple[Part, ...]
    posted: Part


def chosen_by_query() -> tuple[lists.Member, ...]:
    """The documents that the address names."""
    ids = tuple(n for n in map(forms.whole, request.args.getlist("posting")) if n is not None)
    cause = forms.whole(request.args.get("cause"))
    return lists.chosen(
        store.reading(),
        g.company.id,
        postings=ids,
        cause_id=None if ids else cause,
        wanted=within(),
        after=forms.whole(request.args.get("after")) or 0,
    )


def within() -> Filter:
    """The filter that the address names: of a cause, what it finds is approved and no more."""
    return hold_filter.wanted(request.args)


def further(cause_id: int, kept: Sequence[lists.Member]) -> str:
    """The same question about those of the cause that come next."""
    place = {"cause": cause_id, "after": kept[-1].id}
    return url_for("holding.consider", co=g.company.code, **hold_filter.link(within()) | place)


def chosen_by_form() -> tuple[lists.Member, ...]:
    """The documents that the form was about."""
    ids = tuple(
        n for n in (forms.whole(s.partition(":")[0]) for s in request.form.getlist("seen")) if n
    )
    return lists.chosen(store.reading(), g.company.id, postings=ids)


def question(
    chosen: Sequence[lists.Member],
    *,
    problems: Mapping[str, str] | None = None,
    changed: hold_pane.Changed | None = None,
) -> dict[str, object]:
    """What the dialog shows."""
    cause = forms.whole(request.values.get("cause"))
    seen = hold_pane.seen_of(chosen)
    page = Together(store.reading(), KEPT)
    left = page.ask(_beyond(cause, chosen))
    comes_to = balance(chosen, foresee(store.reading(), g.actor, seen, page))
    return {
        "chosen": chosen,
        "balance": comes_to,
        "unchanged": _unchanged(comes_to, changed),
        "sums": hold_pane.sums(chosen),
        "sethash": candidates.set_hash(seen),
        "cause": cause,
        "filter": hold_filter.link(replace(within(), causes=())) if cause else {},
        "after": forms.whole(request.values.get("after")) or 0,
        "left": left.value,
        "problems": problems or {},
        "changed": changed,
        "wait": undo_seconds(g.person.settings),
    }


def balance(chosen: Sequence[lists.Member], seen: Foreseen) -> Balance:
    """The subtraction, step by step."""
    can = [row for row in chosen if row.posting_id not in seen.refused]
    goes = [row for row in can if row.posting_id not in seen.stays]
    return Balance(
        selected=_part("", chosen),
        refused=_parts(chosen, seen.refused),
        approved=_part("", can),
        stays=_parts(can, seen.stays),
        posted=_part("", goes),
    )


def _unchanged(comes_to: Balance, changed: hold_pane.Changed | None) -> Part:
    """What the person can approve of what is as it was seen."""
    seen = {row.posting_id for row in changed.unchanged} if changed else set()
    return _part("", [row for row in comes_to.approved.rows if row.posting_id in seen])


def _parts(rows: Sequence[lists.Member], why: Mapping[int, str]) -> tuple[Part, ...]:
    told = dict.fromkeys(why[key] for row in rows if (key := row.posting_id or 0) in why)
    return tuple(_part(one, [r for r in rows if why.get(r.posting_id or 0) == one]) for one in told)


def _part(why: str, rows: Collection[lists.Member]) -> Part:
    money = by_key((None, row.currency, row.amount) for row in rows).get(None, {})
    return Part(why, tuple(rows), money)


def beyond(cause_id: int | None, shown: Sequence[lists.Member]) -> int:
    """How many of the cause come after what is approved at once."""
    return answer(store.reading(), _beyond(cause_id, shown))


def _beyond(cause_id: int | None, shown: Sequence[lists.Member]) -> Question[int]:
    if cause_id is None or not shown:
        return 0
    return (yield from lists.beyond(g.company.id, cause_id, shown[-1].id, within()))
