"""The holding area: the list by cause, the approval inbox, and the approval of a selection."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from flask import Blueprint, Response, abort, g, make_response, request, url_for

from holding.access import actors
from holding.access.operations import undo_seconds
from holding.approvals import approve as approvals_approve
from holding.approvals import candidates, step_up
from holding.approvals.candidates import Foreseen, foresee
from holding.db.refusal import Refusal, Sums, by_key, plural
from holding.holds import assignments, releases, restored_documents, undo
from holding.holds.holds import Done
from holding.platform import processes
from holding.reconciliation import manual_entries
from holding.records import accepted_differences
from holding.worklist import approval_inbox, groups, open_holds
from holding.worklist import filters as group_members
from holding.worklist import filters as queries
from holding.worklist.filters import Filter
from portal.holds import hold_filter, hold_pane
from portal.web import filters, forms, store
from portal.web.permissions import needs

INBOX = "inbox"

TAB_OF: Final = {
    "approve": "approve",
    "snoozed": "snoozed",
    "cleared": "cleared",
    "ignored": "cleared",
    "accepted": "cleared",
}
"""A view -> the tab that it belongs to. All others belong to the first."""

LISTED = 100  # documents that the dialog shows one by one; all are counted

ACCEPTED_MESSAGE = "Accepted: what is posted stays as it is. The difference is listed below."

pages = Blueprint("holding", __name__, url_prefix="/c/<co>/holding")


@pages.get("")
@needs("record.read")
def listing() -> Response:
    """Show the holding area: causes with their next step, plain lists in the last tab."""
    if store.wants_block("group"):
        return _one_group()
    also: tuple[str, ...] = ("holdhead", "holdfiles")
    if "fresh" in request.args:  # it renews itself: where a person may be typing stays
        also = ("holdhead", "holdtabs", store.NAV)
    also = also if store.wants_block("holding") else ()
    return store.respond("worklist/list.html", _listing(), also=also)


def _one_group() -> Response:
    """Return a single group, from any page of the list.

    If a refreshed group no longer exists, return nothing.
    """
    wanted = hold_filter.read_filter(request.args)
    opened = forms.parse_whole(request.args.get("open"))
    held = queries.load_held(store.reading(), g.company.id, g.actor.person_id, fine=wanted.fine)
    found = _far(opened or 0, wanted, held)
    if not found:
        return make_response("", 204) if "fresh" in request.args else abort(404)
    acts, kept = assignments.allowed_acts(g.actor), hold_filter.place_args(wanted)
    group = _open(found[0], wanted)
    return store.respond("worklist/list.html", wanted=wanted, group=group, kept=kept, acts=acts)


def _far(opened: int, wanted: Filter, held: queries.Held) -> tuple[groups.Group, ...]:
    """Return the group that a link opens, also if it is on another page of the list."""
    only = replace(wanted, causes=(opened,) if opened in (wanted.causes or (opened,)) else (0,))
    return groups.list_groups(store.reading(), g.company.id, only, held)


def _open(group: groups.Group, wanted: Filter) -> groups.Group:
    """Return the group with its first members, or with the members after the position in the
    address.
    """
    after = forms.parse_whole(request.args.get("from"))
    rows = group_members.load_members(store.reading(), g.company.id, wanted, group.id, after=after)
    shown = rows[: group_members.MEMBERS_A_PAGE]
    more = shown[-1].id if len(rows) > len(shown) else None
    return replace(group, members=shown, more=more)


def _listing() -> dict[str, object]:
    session, args = store.reading(), request.args
    wanted = hold_filter.read_filter(args)
    fine = wanted.fine or bool(wanted.causes)
    found = queries.load_held(session, g.company.id, g.actor.person_id, fine=fine)
    shown: dict[str, object] = {
        "wanted": wanted,
        "tab": TAB_OF.get(wanted.view, "todo"),
        "tabs": queries.count_tabs(found, wanted),
        "after": None,
        "acts": assignments.allowed_acts(g.actor),
        "fresh": _fresh(wanted),
    }
    if wanted.view == "cleared":
        return shown | _page(
            open_holds.closed_page(session, g.company.id, forms.parse_whole(args.get("after")))
        )
    if wanted.view == "accepted":
        return shown | _accepted(forms.parse_whole(args.get("after")))
    if wanted.view in ("ignored", "uncertain"):
        after = forms.parse_whole(args.get("after"))
        return shown | _page(
            open_holds.postings_in_state(session, g.company.id, wanted.view, after)
        )
    return shown | _groups(wanted, found)


def _fresh(wanted: Filter) -> dict[str, object]:
    """Return the arguments that show the page as it is now, so that an open list can refresh
    itself.
    """
    opened = {word: request.args.get(word) for word in ("open", "from")}
    return {**hold_filter.place_args(wanted), **opened, "fresh": 1}


def _page(rows: Sequence[open_holds.ClosedHold | open_holds.StateRow]) -> dict[str, object]:
    full = len(rows) >= open_holds.CLOSED_PAGE_SIZE
    ids = {row.record_id for row in rows}
    hide = actors.hiding_each(store.reading(), ids, filters.hidden_fields())
    marks = accepted_differences.record_marks(store.reading(), g.company.id, ids)
    return {"rows": rows, "hide": hide, "marks": marks, "after": rows[-1].id if full else None}


def _accepted(after: int | None) -> dict[str, object]:
    session, company = store.reading(), g.company.id
    rows = accepted_differences.list_accepted(session, company, after)
    more = rows[-1].id if len(rows) == accepted_differences.A_PAGE else None
    ids = {row.record_id for row in rows}
    hide = actors.hiding_each(session, ids, filters.hidden_fields())
    sums = accepted_differences.total_differences(
        accepted_differences.differences_by_day(session, company).values()
    )
    return {"rows": rows, "sums": sums, "hide": hide, "after": more}


def _groups(wanted: Filter, held: queries.Held) -> dict[str, object]:
    session, company = store.reading(), g.company.id
    start = forms.parse_place(request.args.get("after"))
    asked = queries.count_one_by_one(session, company, wanted, held) if wanted.searched else held
    found = groups.list_groups(session, company, wanted, asked, start)
    opened = forms.parse_whole(request.args.get("open"))
    size = groups.GROUPS_A_PAGE if opened is None else groups.GROUPS_BESIDE_OPEN
    more = found[size - 1] if len(found) > size else None
    found = found[:size]
    if opened is not None and all(group.id != opened for group in found):
        found = (*_far(opened, wanted, held), *found)
    found = tuple(_open(group, wanted) if group.id == opened else group for group in found)
    return {
        "groups": found,
        "kept": hold_filter.place_args(wanted),
        "totals": queries.load_totals(session, company, wanted, asked),
        "snoozed": _snoozed(wanted, held),
        "most": queries.MOST_OF_A_TEXT if asked.more else None,
        "after": f"{more.book}:{more.id}" if more else None,
        **hold_filter.facet_values(wanted, held, asked),
    }


def _snoozed(wanted: Filter, held: queries.Held) -> int:
    """Return how many snoozed records match the filter.

    It is 0 in other views, or with a text or customer filter.
    """
    if wanted.view != "todo" or wanted.searched:
        return 0
    asleep = replace(wanted, view="snoozed")
    return queries.load_totals(store.reading(), g.company.id, asleep, held).records


@pages.get("/inbox")
@needs("record.read")
def inbox() -> Response:
    """Show each document that needs approval, oldest first."""
    session = store.reading()
    page = approval_inbox.load_page(session, g.actor, forms.parse_whole(request.args.get("after")))
    rows = page.rows
    shown = rows[: approval_inbox.A_PAGE]
    mark = candidates.set_hash({row.posting_id: row.hash for row in shown})
    seen = request.args.get("seen", mark)
    if store.wants_block("inboxstale") and seen == mark:
        return make_response("", 204)
    ids, hidden = {row.record_id for row in shown}, filters.hidden_fields()
    return store.respond(
        "approvals/inbox.html",
        rows=shown,
        after=shown[-1].hold_id if len(rows) > len(shown) else None,
        waiting=page.waiting,
        mark=mark,
        stale=seen != mark,
        sums=hold_pane.sums(shown),
        step_up=step_up.needs_each(session, g.actor, [row.posting_id for row in shown], g.now),
        hashes={row.posting_id: candidates.set_hash({row.posting_id: row.hash}) for row in shown},
        hide=actors.hiding_each(session, ids, hidden),
        hidden=hidden,
    )


@pages.get("/<int:hold_id>")
@needs("record.read")
def show(hold_id: int) -> Response:
    """Show a hold: the source beside the document to be sent, and the possible actions."""
    return hold_pane.show_hold(hold_id)


@pages.post("/<int:hold_id>/release")
@needs("posting.approve")
def release(hold_id: int) -> Response:
    """Release a finding with a reason.

    For a change after posting, only the version that the user saw is accepted.
    """
    seen = forms.parse_whole(request.form.get("rev"))
    said = "Released. It is being checked again." if seen is None else ACCEPTED_MESSAGE
    return _settle(hold_id, partial(releases.release, seen=seen), said)


def _settle(
    hold_id: int, act: Callable[..., Done | Refusal], said: str, *, back: str = ""
) -> Response:
    wish = forms.read_reason(request.form)
    if isinstance(wish, forms.Problems):
        return hold_pane.show_problems(hold_id, wish)
    hold_pane.require_hold(hold_id)
    with store.writing() as session:
        answer = hold_pane.prove_second_factor(session) or act(
            session, g.actor, hold_id, reason=wish.reason, now=g.now, op=wish.op
        )
    processes.ring(g.company.id, "evaluate")
    if back and isinstance(answer, Done):
        return store.redirect_with_message(back, answer.say)
    return hold_pane.answer_act(hold_id, answer, said)


@pages.post("/<int:hold_id>/reject")
@needs("posting.approve")
def reject(hold_id: int) -> Response:
    """Reject this version of the record with a reason, so that it is not posted."""
    said = "Rejected. It will not be posted unless the source changes it."
    return _settle(hold_id, releases.reject, said, back=_inbox())


def _inbox() -> str:
    """Return the address of the approval inbox if the form came from there; else blank."""
    there = request.form.get("back") == INBOX
    return url_for("holding.inbox", co=g.company.code) if there else ""


@pages.post("/<int:hold_id>/link")
@needs("posting.approve")
def link(hold_id: int) -> Response:
    """Link the record to a document that was entered in the target by hand, with a reason."""
    number = request.form.get("number", "").strip()
    act = partial(manual_entries.link_document, number=number)
    return _settle(hold_id, act, f"Linked to {number}. Nothing was sent.")


@pages.post("/<int:hold_id>/look")
@needs("posting.approve")
def look(hold_id: int) -> Response:
    """Look up the document in the target again after a correction there, with a reason."""
    return _settle(hold_id, manual_entries.look_again, "Checking it there again.")


@pages.post("/<int:hold_id>/again")
@needs("posting.approve")
def again(hold_id: int) -> Response:
    """Send a document again that the target accepted and does not have, with a reason."""
    return _settle(hold_id, releases.send_again, "It is looked up there, then sent again.")


@pages.post("/<int:hold_id>/overwrite")
@needs("posting.approve")
def overwrite(hold_id: int) -> Response:
    """Send a posted document again over an edit in the accounting system, with a reason."""
    said = "It is sent again as it was posted."
    if restored_documents.has_hold_beside(store.reading(), hold_id):
        said = "It is sent again as it was posted once its other hold is decided."
    return _settle(hold_id, restored_documents.overwrite_edit, said)


@pages.get("/approve")
@needs("posting.approve")
def consider() -> Response:
    """Show the confirmation of an approval, with the documents it covers."""
    chosen = chosen_by_query()
    return store.respond("approvals/approve.html", question_values(chosen))


@pages.post("/approve")
@needs("posting.approve")
def approve() -> Response:
    """Approve exactly the set that was seen, or show what changed and approve nothing."""
    wish = forms.read_approval(request.form)
    if isinstance(wish, forms.Problems):
        chosen = chosen_by_form()
        return store.respond(
            "approvals/approve.html",
            question_values(chosen, problems=wish.by_field),
            status=422,
        )
    within = filter_of_address()
    now_there = hold_pane.now_there(store.reading(), g.company.id, wish, within)
    changed = hold_pane.compare(wish, now_there)
    store.drop_snapshot()  # the set may be another one because this form was sent a moment ago
    first = approvals_approve.answered(store.reading(), g.actor, wish.op)
    if first is not None:
        return _approved_before(wish, first)
    if changed.different and not wish.unchanged_only:
        return _question_again(changed, {}, status=409)
    return _approve(wish, changed)


def _question_again(
    changed: hold_pane.Changed, problems: Mapping[str, str], *, status: int
) -> Response:
    """Return the dialog again, with what changed or what is wrong with the form."""
    if not changed.different:
        shown = question_values(changed.now, problems=problems)
    else:
        shown = question_values(changed.now, problems=problems, changed=changed)
        shown |= {"seen_sums": hold_pane.sums(changed.seen), "became": _became(changed)}
    return store.respond("approvals/approve.html", shown, status=status, block="dialog")


def _approved_before(wish: forms.ApproveSet, first: approvals_approve.Approved) -> Response:
    """Return the response to a repeated approval: the result of the first.

    Nothing is done again.
    """
    ids = (*first.done, *(left.posting_id for left in first.refused))
    rows = group_members.decided_members(store.reading(), g.company.id, ids)
    said = f"Already done: {hold_pane.said(rows, first)}"
    if undo.is_undone(store.reading(), wish.op):
        said += " You undid it since."
    return _go_on(wish, rows, said)


def _go_on(wish: forms.ApproveSet, kept: Sequence[group_members.Member], said: str) -> Response:
    """Redirect to the next documents of the cause; else to the inbox, or to the results."""
    back = _inbox() or url_for("holding.listing", co=g.company.code, view="approve")
    if wish.op and len(kept) > 1 and not _inbox():
        back = url_for("approvals.show", co=g.company.code, op=wish.op)
    left = count_beyond(wish.cause_id, kept)
    if not left or wish.cause_id is None:
        return store.redirect_with_message(back, said)
    more = next_question_url(wish.cause_id, kept)
    return store.redirect_with_message(
        more, f"{said} {plural(left, 'more waits', 'more wait')}: go on below."
    )


def _became(changed: hold_pane.Changed) -> dict[int, str]:
    gone = [seen.posting_id for seen in changed.gone]
    return candidates.became(store.reading(), g.company.id, gone)


def _approve(wish: forms.ApproveSet, changed: hold_pane.Changed) -> Response:
    kept = changed.unchanged if wish.unchanged_only else changed.now
    seen = hold_pane.seen_hashes(kept)
    stays = foresee(store.reading(), g.actor, seen).stays
    with store.writing() as session:
        unproved = hold_pane.prove_second_factor(session)
        act = partial(approvals_approve.approve, session, g.actor, seen, wish.reason, g.now)
        answer = unproved or act(op=wish.op or None, seen=seen)
    if isinstance(answer, Refusal) and answer.code in hold_pane.CODE_REFUSALS:
        store.drop_snapshot()
        return _question_again(changed, {"code": answer.words}, status=422)
    back = url_for("holding.listing", co=g.company.code, view="approve")
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    if answer.forbidden:
        return store.refuse(answer.forbidden, back=back)
    processes.ring(g.company.id, "push")
    return _go_on(wish, kept, hold_pane.said(kept, answer, stays))


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the selected documents: why they are apart, which they are, and their money."""

    why: str
    rows: tuple[group_members.Member, ...]
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


def chosen_by_query() -> tuple[group_members.Member, ...]:
    """Return the documents that the address names."""
    ids = tuple(n for n in map(forms.parse_whole, request.args.getlist("posting")) if n is not None)
    cause = forms.parse_whole(request.args.get("cause"))
    return group_members.approval_candidates(
        store.reading(),
        g.company.id,
        postings=ids,
        cause_id=None if ids else cause,
        hold_filter=filter_of_address(),
        after=forms.parse_whole(request.args.get("after")) or 0,
    )


def filter_of_address() -> Filter:
    """Return the filter in the address. Within a cause, it limits the documents to approve."""
    return hold_filter.read_filter(request.args)


def next_question_url(cause_id: int, kept: Sequence[group_members.Member]) -> str:
    """Return the address of the confirmation for the next documents of the cause."""
    place = {"cause": cause_id, "after": kept[-1].id}
    return url_for(
        "holding.consider",
        co=g.company.code,
        **hold_filter.filter_args(filter_of_address()) | place,
    )


def chosen_by_form() -> tuple[group_members.Member, ...]:
    """Return the documents that the form names."""
    ids = tuple(
        n
        for n in (forms.parse_whole(s.partition(":")[0]) for s in request.form.getlist("seen"))
        if n
    )
    return group_members.approval_candidates(store.reading(), g.company.id, postings=ids)


def question_values(
    chosen: Sequence[group_members.Member],
    *,
    problems: Mapping[str, str] | None = None,
    changed: hold_pane.Changed | None = None,
) -> dict[str, object]:
    """Return the values of the approval dialog."""
    cause = forms.parse_whole(request.values.get("cause"))
    seen = hold_pane.seen_hashes(chosen)
    comes_to = balance(chosen, foresee(store.reading(), g.actor, seen))
    return {
        "chosen": chosen,
        "balance": comes_to,
        "unchanged": _unchanged(comes_to, changed),
        "sums": hold_pane.sums(chosen),
        "sethash": candidates.set_hash(seen),
        "cause": cause,
        "filter": hold_filter.filter_args(replace(filter_of_address(), causes=())) if cause else {},
        "after": forms.parse_whole(request.values.get("after")) or 0,
        "left": count_beyond(cause, chosen),
        "problems": problems or {},
        "step_up": step_up.need_for_postings(
            store.reading(), g.actor, list(hold_pane.seen_hashes(comes_to.approved.rows)), g.now
        ),
        "changed": changed,
        "wait": undo_seconds(g.person.settings),
        **_proposed(chosen),
    }


def _proposed(chosen: Sequence[group_members.Member]) -> dict[str, object]:
    """Return the dialog's values for each document, changes of posted documents first."""
    session, hidden = store.reading(), filters.hidden_fields()
    listed = sorted(chosen, key=lambda row: row.posted_now is None)[:LISTED]
    ids = [row.posting_id for row in listed if row.posting_id is not None]
    records = {row.record_id for row in listed}
    return {
        "listed": listed,
        "proposed": approval_inbox.load_proposed(session, ids),
        "hide": actors.hiding_each(session, records, hidden),
        "hidden": hidden,
    }


def _unchanged(comes_to: Balance, changed: hold_pane.Changed | None) -> Part:
    """Return the documents that the user can approve and that are unchanged since the user saw
    them.
    """
    seen = {row.posting_id for row in changed.unchanged} if changed else set()
    return _part("", [row for row in comes_to.approved.rows if row.posting_id in seen])


def _part(why: str, rows: Collection[group_members.Member]) -> Part:
    money = by_key((None, row.currency, row.amount) for row in rows).get(None, {})
    return Part(why, tuple(rows), money)


def balance(chosen: Sequence[group_members.Member], seen: Foreseen) -> Balance:
    """Return how the selection divides: refused, approved, still on hold, posted."""
    can = [row for row in chosen if row.posting_id not in seen.refused]
    goes = [row for row in can if row.posting_id not in seen.stays]
    return Balance(
        selected=_part("", chosen),
        refused=_parts(chosen, seen.refused),
        approved=_part("", can),
        stays=_parts(can, seen.stays),
        posted=_part("", goes),
    )


def _parts(rows: Sequence[group_members.Member], why: Mapping[int, str]) -> tuple[Part, ...]:
    told = dict.fromkeys(why[key] for row in rows if (key := row.posting_id or 0) in why)
    return tuple(_part(one, [r for r in rows if why.get(r.posting_id or 0) == one]) for one in told)


def count_beyond(cause_id: int | None, shown: Sequence[group_members.Member]) -> int:
    """Return how many documents of the cause remain after this approval."""
    if cause_id is None or not shown:
        return 0
    return group_members.count_remaining(
        store.reading(), g.company.id, cause_id, shown[-1].id, filter_of_address()
    )
