"""What changes of mappings do to the books: merges of parties, and the documents they contradict.

Here: views of the mappings pages: one party under two keys, and the posted documents that a saved
change contradicts with their reclassification sheet. Not here: how a proposal comes about
(holding/mappings/party_merge.py), the change of one entry (mapping_pages.py).
"""

from flask import Response, abort, g, make_response, request, url_for

from connectors.kit.workbook import write_sheets
from holding.db import together
from holding.db.refusal import Refusal, plural
from holding.mappings import fixes as keepers
from holding.mappings import mapping_lists as queries
from holding.mappings import party_merge, reclassification
from holding.mappings import reclassification as correcting_journal
from holding.platform import changes as later_wakes
from holding.platform import processes as doorbell
from holding.platform.states import END
from portal.mappings.mapping_pages import pages, tabs
from portal.mappings.personal_entries import hidden, refused
from portal.web import filters, forms, fragments, frame, store

__all__ = ["pages"]

SHOWN = 50
JUDGED = 500
A_SHEET = 5_000
"""A sheet has those of so many documents; that of the older ones is another."""
MOST_KEYS = 50  # of one merge
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pages.get("/parties")
def parties_found() -> Response:
    """Two keys that seem to be one party, each pair once."""
    found = party_merge.proposals(store.reading(), g.company.id, filters.today())
    return fragments.respond("mappings/parties.html", tabs(), found=found)


@pages.get("/parties/<int:hold_id>")
def merge(hold_id: int) -> Response:
    """One proposal: the keys that it changes, and what both parties owe together."""
    return _page(hold_id, request.args.get("turned") == "1", {})


@pages.post("/parties/<int:hold_id>")
def accept_merge(hold_id: int) -> Response:
    """Give the keys of one party to the other, in the mappings only."""
    turned = request.form.get("turned") == "1"
    wish = forms.reasoned(request.form)
    if isinstance(wish, forms.Problems):
        return _page(hold_id, turned, dict(wish.by_field), status=422)
    rev = forms.whole(request.form.get("rev"))
    with store.writing() as session:
        answer = party_merge.accept(
            session,
            g.actor,
            hold_id,
            wish.reason,
            g.now,
            today=filters.today(),
            turned=turned,
            rev=rev if rev is not None else g.company.revision,
            op=wish.op or None,
        )
    back = url_for("mappings.parties_found", co=g.company.code)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "evaluate")
    since = answer.first if answer.first != answer.revision else None
    moved = url_for("mappings.moved", co=g.company.code, no=answer.revision, since=since)
    keys = plural(answer.keys, "key names", "keys name")
    woken = plural(answer.woken, "record is", "records are")
    say = (
        f"Merged: {keys} the other party now, {woken} checked again."
        " What is posted stays as it is; what was on hold for this alone becomes ready and is sent."
    )
    if answer.later:
        say = (
            f"Merged: {keys} the other party now, {woken} checked again, more may follow."
            " What is posted stays as it is; what was on hold for this alone becomes ready"
            " and is sent."
        )
    return fragments.moved(moved, say)


@pages.post("/parties/<int:hold_id>/refuse")
def refuse_merge(hold_id: int) -> Response:
    """Say for good that the two are not one party."""
    wish = forms.reasoned(request.form)
    if isinstance(wish, forms.Problems):
        problems = {"apart": "Give a reason, so that it is not proposed again without one."}
        return _page(hold_id, turned=False, problems=problems, status=422)
    with store.writing() as session:
        op = wish.op or None
        answer = party_merge.refuse(
            session, g.actor, hold_id, wish.reason, g.now, today=filters.today(), op=op
        )
    back = url_for("mappings.parties_found", co=g.company.code)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    say = f"{answer.first} and {answer.second} stay two parties. The merge is not proposed again."
    return fragments.moved(back, say)


@pages.get("/changes/<int:no>")
def moved(no: int) -> Response:
    """The posted documents that a saved change contradicts."""
    change = reclassification.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    if change.table in hidden():
        return refused(change.table)
    below = forms.whole(request.args.get("below"))
    sent = together.answer(store.reading(), reclassification.used_by(change, A_SHEET, below or END))
    found = reclassification.contradictions(store.reading(), change, sent, most=JUDGED)
    return fragments.respond(
        "mappings/moved.html",
        change=change,
        before=change.before.text if change.before else "",
        after=change.after.text if change.after else "",
        found=found,
        below=below,
        later=later_wakes.pending(store.reading(), g.company.id, change.entries),
        beside=_beside(change, forms.whole(request.args.get("since"))),
        rows=found.documents[:SHOWN],
        pairs={one.posting_id: correcting_journal.entries(one) for one in found.documents[:SHOWN]},
        tables=queries.tables(store.reading(), g.company.id),
        missing_count=frame.missing_values(),
    )


@pages.get("/changes/<int:no>/reclassification.xlsx")
def sheet(no: int) -> Response:
    """Them as a journal to enter, and as a list of every value that differs: of so many documents,
    the newest or those below one.
    """
    change = reclassification.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    below = forms.whole(request.args.get("below"))
    sent = together.answer(store.reading(), reclassification.used_by(change, A_SHEET, below or END))
    found = reclassification.contradictions(store.reading(), change, sent).documents
    body = write_sheets(
        {
            "Journal": correcting_journal.journal_rows(change, found, filters.today()),
            "Documents": correcting_journal.document_rows(found),
        }
    )
    answer = make_response(body)
    answer.headers["Content-Type"] = XLSX
    name = f"reclassification-{g.company.code}-{no}.xlsx"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _beside(
    change: reclassification.Saved, since: int | None
) -> list[tuple[reclassification.Saved, reclassification.Contradictions]]:
    """All changes of a merge, the last of which is shown, each with what it contradicts."""
    session = store.reading()
    if since is None or not max(0, change.no - MOST_KEYS) < since < change.no:
        return []
    saved = (
        reclassification.saved_change(session, g.company.id, no)
        for no in range(since, change.no + 1)
    )
    return [
        (one, reclassification.contradictions(session, one, most=JUDGED))
        for one in saved
        if one and (one.by, one.at) == (change.by, change.at)
    ]


def _page(hold_id: int, turned: bool, problems: dict[str, str], *, status: int = 200) -> Response:
    found = party_merge.proposal(
        store.reading(), g.company.id, hold_id, filters.today(), turned=turned
    )
    if found is None:
        abort(404)
    return fragments.respond(
        "mappings/merge.html",
        tabs(),
        status=status,
        merge=found,
        keeping=keepers.refused(store.reading(), g.actor, [key.table for key in found.keys]),
        turned=turned,
        hidden=hidden(),
        problems=problems,
        typed=request.form.get("reason", ""),
    )
