"""Missing values that match exactly: the list with the reason of each, the preview, accepting them.

Here: views. Not here: what matches and why (holding/mappings/exact_matches.py), what accepting
does (holding/mappings/list_sources.py).
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

from flask import Response, g, request, url_for
from werkzeug.datastructures import MultiDict

from connectors.kit.workbook import Written
from holding.access.actors import MASK
from holding.db.refusal import Refusal, plural, sums
from holding.db.together import KEPT, Together
from holding.mappings import exact_matches, fixes
from holding.mappings import fixes as keepers
from holding.mappings import list_sources as bulk_acceptance
from holding.mappings import mapping_lists as queries
from holding.mappings.exact_matches import Matches, masked
from holding.mappings.file_codes import Identity
from holding.mappings.list_sources import Seen
from holding.platform import processes as doorbell
from portal.mappings.mapping_pages import pages
from portal.web import filters, forms, fragments, frame, store

__all__ = ["pages"]

HEADS: Final = (
    *("Table", "Key", "Name", "TIN", "Registration number", "Value", "Name there", "Why"),
    *("Exact", "Records", "Amount"),
)


@pages.get("/exact")
def exact() -> Response:
    """All missing values with exactly one value that fits, and those that are left out."""
    beside = Together(store.reading(), KEPT)
    tables = beside.ask(queries.asked_tables(g.company.id))
    fixers = beside.ask(keepers.asked_fixers(g.actor))
    found = exact_matches.exact_matches(store.reading(), g.company.id, beside=beside)
    picked = {one.row.cause_id for one in found.exact}
    return _page(found, picked, {}, tables=tables.value, fixers=fixers.value)


@pages.post("/exact/preview")
def preview_exact() -> Response:
    """What accepting the ticked ones would do; changes nothing."""
    found = exact_matches.exact_matches(store.reading(), g.company.id)
    return _page(found, _picked(request.form), {}, form=request.form)


@pages.post("/exact")
def accept_exact() -> Response:
    """Save the ticked ones together, as they were shown."""
    form = request.form
    wish, since, picked = forms.reasoned(form), forms.since(form), _picked(form)
    problems: dict[str, str] = {}
    for one in (wish, since):
        problems |= one.by_field if isinstance(one, forms.Problems) else {}
    if form.get("of", "") != _words(picked):
        problems["pick"] = "You changed the selection. Look at what it does now, then accept."
    if problems or isinstance(wish, forms.Problems) or isinstance(since, forms.Problems):
        found = exact_matches.exact_matches(store.reading(), g.company.id)
        return _page(found, picked, problems, form=form, status=422)
    rev = forms.whole(form.get("rev"))
    with store.writing() as session:
        answer = bulk_acceptance.accept(
            session,
            g.actor,
            [_seen(form, cause_id) for cause_id in sorted(picked)],
            forms.whole(form.get("ready")) or 0,
            wish.reason,
            g.now,
            rev=rev if rev is not None else g.company.revision,
            since=since or fixes.ALWAYS,
            op=wish.op or None,
        )
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=url_for("mappings.exact", co=g.company.code))
    doorbell.ring(g.company.id, "evaluate")
    keys = plural(answer.keys, "mapping")
    woken = plural(answer.woken, "record is", "records are")
    say = f"{keys} accepted. {woken} checked again; nothing was posted by this."
    if answer.later:
        say = (
            f"{keys} accepted. {woken} checked again, more may follow; nothing was posted by this."
        )
    return fragments.moved(url_for("mappings.missing", co=g.company.code), say)


def rows(found: Matches) -> list[list[Written]]:
    """Both lists of the page as rows under `HEADS`, what is personal hidden where it must be."""
    rows: list[list[Written]] = []
    told = [(one.row, one.who, one.value, one.name, ", ".join(one.reasons), "yes")
            for one in found.exact]  # fmt: skip
    told += [(one.row, one.who, "", "", one.why, "no") for one in found.left]
    for row, who, value, there, why, is_exact in told:
        shown = _shown(who)
        amount = sums(row.money, g.company.currency).replace("\xa0", " ")
        said = (shown.name, shown.tin, shown.registration)
        found_there = (value, _name(there, who), why, is_exact)
        rows.append([row.table, row.key, *said, *found_there, row.records, amount])
    return rows


def _page(
    found: Matches,
    picked: Collection[int],
    problems: dict[str, str],
    *,
    form: MultiDict[str, str] | None = None,
    status: int = 200,
    tables: Sequence[queries.TableRow] | None = None,
    fixers: Sequence[str] | None = None,
) -> Response:
    session = store.reading()
    chosen = [one for one in found.exact if one.row.cause_id in picked]
    since: date | None = None
    typed = forms.since(form) if form is not None else None
    if isinstance(typed, forms.Problems):
        problems, status = {**problems, **typed.by_field}, 422
    else:
        since = typed
    causes = [one.row.cause_id for one in chosen]
    preview = bulk_acceptance.bulk_preview(
        session, g.company.id, chosen, g.now, since or fixes.ALWAYS, maps=found.maps
    )
    return fragments.respond(
        "mappings/exact.html",
        status=status,
        found=found,
        picked=set(causes),
        of=_words(causes),
        preview=preview,
        shown=_shown,
        named=_name,
        reason=form.get("reason", "") if form else "",
        since=form.get("since", "").strip() if form else "",
        problems=problems,
        keeping=keepers.refused(session, g.actor, [one.row.table for one in chosen], fixers=fixers),
        tables=queries.tables(session, g.company.id) if tables is None else tables,
        missing_count=frame.missing_values(),
        table="",
    )


def _shown(who: Identity) -> Identity:
    return who if filters.sees_personal() else masked(who)


def _name(there: str, who: Identity) -> str:
    """A name in a target's list; that of a party for who may see personal data."""
    return there if not there or not who.of_party or filters.sees_personal() else MASK


def _picked(form: MultiDict[str, str]) -> set[int]:
    return {found for text in form.getlist("pick") if (found := forms.whole(text)) is not None}


def _words(picked: Collection[int]) -> str:
    return ",".join(str(cause_id) for cause_id in sorted(picked))


def _seen(form: MultiDict[str, str], cause_id: int) -> Seen:
    """A match as the page showed it."""
    return Seen(
        cause_id,
        form.get(f"key_{cause_id}", ""),
        form.get(f"value_{cause_id}", ""),
        forms.whole(form.get(f"records_{cause_id}")) or 0,
    )
