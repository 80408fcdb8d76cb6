"""One hold as a page or pane, the response after an action, and the comparison of a selection."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from types import SimpleNamespace
from typing import Final, Protocol, TypeVar

from flask import Flask, Response, abort, g, make_response, request, url_for

from grammar.text.characters import MINUS, currency_prefix
from holding.access import actors, people, sessions
from holding.access.actors import MASK, may
from holding.approvals import approve, candidates, separation, step_up
from holding.company import own_account
from holding.db import refusal
from holding.db.database import DatabaseSession
from holding.db.refusal import Refusal, by_key, money
from holding.holds import (
    assignments,
    futile_releases,
    locked_periods,
    notes,
    restored_documents,
    retries,
)
from holding.holds.holds import Done, Moved
from holding.intake import open_fields
from holding.mappings import fixes, list_sources, party_merge
from holding.platform import processes
from holding.platform.settings import logger
from holding.posting import newer_versions
from holding.programs import posted_differences
from holding.programs.posted_differences import Difference, FieldDifference
from holding.records import accepted_differences
from holding.worklist import approval_inbox, facets, hold_detail, open_holds, side_by_side
from holding.worklist import filters as queries
from holding.worklist.filters import Filter
from holding.worklist.hold_detail import HoldRow
from portal.languages.choice import ENGLISH
from portal.web import filters, forms, request_guard, store

MOST = 60
"""Fields of one kind in a pane; the lineage of the record has all, page by page."""

Wished = TypeVar("Wished")

PAGES: Final = ("", "holding", "reconcile")
"""Of a company, behind its address: what is most of the work to make."""

ROLE: Final = "finance"

CLEARED_BY_OTHER_CONTENT: Final = frozenset({"VAL05", "DUP04", "NUM01", "PSH03"})
"""Holds that nobody releases and that only other content of the document clears."""

CODE_REFUSALS: Final = frozenset({"step_up.code", "factor.wrong", "signin.throttled"})
"""Codes of refusals that are about the code of the second factor in a form."""

log = logger("clearpost.portal")


def pane_values(
    hold_id: int, problems: Mapping[str, str], moved: Moved | None = None
) -> dict[str, object]:
    """Return what the page of a hold shows; `moved` is set when another person acted first."""
    session = store.reading()
    row = hold_detail.load_hold(session, g.company.id, hold_id) or abort(404)
    hidden, changed = filters.hidden_fields(), row.code in posted_differences.CODES
    sent_beside = _sent_beside(session, row)
    beside = side_by_side.load_beside(session, row, hidden)
    theirs, instead = people.duty(session, row.team_id, g.actor.person_id)
    asked = open_fields.fields_of(session, hold_id) if row.open and not hidden else ()
    own = open_fields.fields_for_actor(session, g.actor, asked, {row.team_id: theirs})
    by_people = row.approval or row.in_target or row.clears.by_people
    who = separation.of_hold(session, hold_id, g.actor, by_people=by_people) if row.open else None
    return {
        "hold": row,
        "changed": changed,
        **posted_change_values(session, g.company.id, row, sent_beside, hidden),
        **fold_pairs(
            () if changed else side_by_side.pairs_of(session, row, hidden),
            head=not (beside and beside.rows),
        ),
        "beside": beside,
        "unpaid": _unpaid(session, row),
        "newer": _newer(session, row),
        "resends": _resends(session, row),
        "twins": _twins(row, hidden) if row.open and row.code == "DUP01" else (),
        "hide": actors.hiding(session, row.record_id, hidden),
        "by_people": by_people,
        "futile": futile_releases.find_proof(session, hold_id) if row.open else None,
        "who": who,
        "sent_beside": sent_beside,
        "step_up": step_up.need_for_holds(session, g.actor, [hold_id], g.now) if row.open else None,
        "overwrites": _can_overwrite(session, row),
        "offer": retries.retry_offer(session, g.actor, hold_id, g.now) if row.open else None,
        "no_look": retries.look_refusal(session, g.actor, hold_id) if row.lacks_entry else None,
        "hidden": hidden,
        "sethash": candidates.set_hash({row.posting_id or 0: row.posting_hash or ""}),
        "known_twice": row.open and row.rule in party_merge.party_checks(session, g.company.id),
        "colleagues": open_holds.list_colleagues(session, g.company.id),
        "keeper": fixes.other_keeper(session, g.actor, row.table) if row.table else None,
        "writers": _writers() if row.unknown_status else "",
        "rules_changed_by": _rules_changed_by() if row.code in CLEARED_BY_OTHER_CONTENT else None,
        "fields": own,
        "unset": [one for one in asked if one.field not in own and one.field.gap],
        "period": locked_periods.load_ways(session, hold_id) if row.open else None,
        "whole_cause": _whole_cause(session, row),
        "dating": may(g.actor, locked_periods.DATE) or (None if theirs else _elsewhere(row.team)),
        "message": notes.load_message(session, g.actor, hold_id) if row.open else None,
        "unread": notes.UNREAD,
        "notes": notes.list_notes(session, row.record_id),
        "problems_of": lambda form: problems if request.endpoint == form else {},
        "moved": moved,
        "answers": f"no members; {instead} answers" if instead else "",
        "typed": request.form,
        "stale": False,
    }


def _can_overwrite(session: DatabaseSession, row: hold_detail.HoldRow) -> bool:
    """Check whether the hold's document may be sent again over what the target has."""
    differs = row.edited or row.stored_otherwise
    return differs and restored_documents.can_overwrite_hold(session, row.id)


def _whole_cause(session: DatabaseSession, row: hold_detail.HoldRow) -> Mapping[str, object] | None:
    """Return the amounts of a locked period's records, and how many of them one act can date.

    None for a single record.
    """
    if not row.open or row.error_class != locked_periods.LOCKED:
        return None
    rows = facets.frozen_holds(session, g.company.id, Filter(view="all", causes=(row.cause_id,)))
    once = facets.count_once(rows, g.company.currency)
    if len(once) < 2 or len(rows) > assignments.MOST:
        return None
    ids = [one.id for one in rows]
    refused = locked_periods.date_refusals(session, g.actor, ids, g.now)
    dated = [one for one in rows if one.id not in refused]
    records = len(facets.count_once(dated, g.company.currency))
    return {"records": records, "sums": sums(once), "seen": seen_text(dated)}


def seen_text(rows: Sequence[facets.FrozenHold]) -> str:
    """Return the ids and states of the selected holds as a form value, to detect changes."""
    return " ".join(f"{row.id}:{row.lock}:{row.version_id or 0}" for row in rows)


def _unpaid(
    session: DatabaseSession, row: hold_detail.HoldRow
) -> list_sources.UnpaidChoices | None:
    """Return the unpaid documents that a payment refused by the target could pay instead, or
    None.
    """
    refused = row.open and row.of_push and row.posting_id is not None
    return list_sources.unpaid_choices(session, row.posting_id or 0) if refused else None


def _newer(
    session: DatabaseSession, row: hold_detail.HoldRow
) -> newer_versions.NewerVersion | None:
    """Return the record's version that is newer than the sent document, without its result."""
    if not (row.open and row.without_result and row.posting_id):
        return None
    return newer_versions.find_newer_versions(session, [row.posting_id]).get(row.posting_id)


def _resends(session: DatabaseSession, row: hold_detail.HoldRow) -> list[str]:
    """Return the numbers of the documents whose sending again waits for this hold."""
    waiting = restored_documents.waiting_resends(session, row.record_id) if row.open else ()
    return [one.number for one in waiting if row.id in one.hold_ids]


def _twins(row: hold_detail.HoldRow, hidden: Collection[str]) -> Sequence[Mapping[str, object]]:
    """Return the records that the duplicate rule matches with this record, each with its
    differences.
    """
    ours, found = actors.without_personal(row.body, hidden), []
    reach = g.actor.reach
    for one in posted_differences.with_same_key(
        store.reading(), g.company.id, row.record_id, reach
    ):
        theirs = actors.without_personal(one.body, hidden)
        changes = open_fields.field_changes(ours, theirs)
        same = len(set(open_fields.flatten(ours)) & set(open_fields.flatten(theirs)))
        found.append({"record": one, "changes": changes, "same": same})
    return found


def _writers() -> str:
    """Return who can add to the rules, if the viewer cannot."""
    names = _rule_writers()
    return f"{' or '.join(names)} can add it." if names else ""


def _rules_changed_by() -> str:
    """Return who can change the rules that made the document."""
    if not may(g.actor, "rules.draft"):
        return "You can also change the rules that make the document."
    names = _rule_writers()
    return f"{' or '.join(names)} can also change the rules that make it." if names else ""


def _rule_writers() -> Sequence[str]:
    """Return the names of the people who write rules; empty if the viewer may write rules."""
    if not may(g.actor, "rules.draft"):
        return ()
    return people.who_may(store.reading(), g.company.id, "rules.draft")


def _elsewhere(team: str | None) -> Refusal:
    return Refusal("hold.team", f"This is with {team}.", status=403)


def fold_pairs(found: Sequence[side_by_side.Pair], *, head: bool) -> dict[str, object]:
    """Group the field pairs for display, each group limited in size.

    First come the fields that a finding or rule names; without any and with `head`, the header's
    fields. Then come the document's other fields, and the other fields of the source.
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


def show_hold(hold_id: int) -> Response:
    """Show the page of a hold."""
    if store.wants_block("holdstale"):
        return _renewed(hold_id)
    return store.respond("exceptions/show.html", pane_values(hold_id, {}))


def _renewed(hold_id: int) -> Response:
    """Return nothing if the hold is unchanged since the user loaded it. Else return the open pane
    marked as changed, or the pane of the ended hold.

    So no user decides on content they have not seen.
    """
    row = hold_detail.load_hold(store.reading(), g.company.id, hold_id)
    if row is None:
        abort(404)
    if row.open and row.mark == request.args.get("seen"):
        return make_response("", 204)
    if row.open:
        return store.respond("exceptions/show.html", pane_values(hold_id, {}) | {"stale": True})
    answer = store.respond("exceptions/show.html", pane_values(hold_id, {}), block="holdpane")
    answer.headers["HX-Retarget"] = f"#holdpane_{row.cause_id}"
    return answer


def require_hold(hold_id: int) -> None:
    """Abort with 404 if the company has no such hold."""
    if hold_detail.load_hold(store.reading(), g.company.id, hold_id) is None:
        abort(404)


def act_on_hold(
    hold_id: int,
    wish: Wished | forms.Problems,
    do: Callable[[DatabaseSession, Wished], Done | Refusal],
    said: str,
    field: str = "",
) -> Response:
    """Run an action on a hold and return its response; or show what is wrong with the form."""
    require_hold(hold_id)
    if isinstance(wish, forms.Problems):
        return show_problems(hold_id, wish)
    with store.writing() as session:
        answer = do(session, wish)
    processes.ring(g.company.id, "evaluate")
    return answer_act(hold_id, answer, said, field)


def show_problems(hold_id: int, found: forms.Problems) -> Response:
    """Show the pane with the form's problems beside its fields."""
    return store.respond("exceptions/show.html", pane_values(hold_id, found.by_field), status=422)


def answer_act(hold_id: int, answer: object, said: str, field: str = "") -> Response:
    """Return the response after an action: the updated pane, a refusal, or both versions if another
    user was faster.

    A refusal about the user's input is shown at `field`.
    """
    if isinstance(answer, Moved):
        store.drop_snapshot()
        found = pane_values(hold_id, {}, moved=answer)
        return store.respond("exceptions/show.html", found, status=409)
    if isinstance(answer, Refusal):
        store.drop_snapshot()
        if answer.code in CODE_REFUSALS:
            return show_problems(hold_id, forms.Problems({"code": answer.words}))
        if answer.status == 422 and field:
            return show_problems(hold_id, forms.Problems({field: answer.words}))
        return store.refuse(answer, back=hold_url(hold_id))
    if not store.wants_fragment():
        return store.flash_redirect(hold_url(hold_id), said)
    return store.respond("exceptions/show.html", pane_values(hold_id, {}), say=said)


def prove_second_factor(session: DatabaseSession) -> Refusal | None:
    """Check the code of this form, unless the session proved one a short time ago.

    Without a code the decision itself is refused if it needs one. Commit also after a refusal.
    """
    code = request.form.get("code", "").strip()
    if not code or step_up.is_fresh(g.actor, g.now):
        return None
    keys = actors.load_keys(request_guard.config().settings)
    if isinstance(keys, Refusal):
        return keys
    token = request_guard.session_token()
    refused = step_up.prove(session, g.person.person_id, token, code, keys, g.now)
    if refused is None:
        g.actor = replace(g.actor, proved_at=g.now)
    return refused


def hold_url(hold_id: int) -> str:
    """Return the address of a hold."""
    return url_for("holding.show", co=g.company.code, hold_id=hold_id)


@dataclass(frozen=True, slots=True)
class Changed:
    """The difference between the documents that the user saw and the current ones."""

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
    """Return the documents that an approval would cover now.

    For a cause, these are the documents that the filter matches.
    """
    if wish.cause_id is None:
        ids = tuple(s.posting_id for s in wish.seen)
        return queries.approval_candidates(session, company_id, postings=ids)
    cause, after = wish.cause_id, wish.after
    return queries.approval_candidates(
        session, company_id, cause_id=cause, hold_filter=wanted, after=after
    )


def seen_hashes(rows: Sequence[queries.Member]) -> dict[int, str]:
    """Return posting id -> hash of its content, to compare with the version the user saw."""
    return {row.posting_id: row.posting_hash or "" for row in rows if row.posting_id is not None}


def compare(wish: forms.ApproveSet, now: tuple[queries.Member, ...]) -> Changed:
    """Compare the documents that the user saw with the current ones: new, gone, changed and
    unchanged.
    """
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
    """A row with an amount in minor units of its currency."""

    @property
    def amount(self) -> int | None:
        """The amount; None where it is not known."""

    @property
    def currency(self) -> str:
        """Its currency."""


def sums(rows: Sequence[Summed]) -> str:
    """Return the sums by currency as text, such as RM 12,345.00 + SGD 120.00."""
    found = by_key((None, row.currency, row.amount) for row in rows).get(None, {})
    return refusal.sums(found, g.company.currency)


def said(
    rows: Sequence[queries.Member],
    answer: approve.Approved,
    stays: Collection[int] = (),
) -> str:
    """Return the message after an approval.

    `stays` are documents that stay on hold for another cause.
    """
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


@dataclass(frozen=True, slots=True)
class Way:
    """One way to resolve a difference: its effect and consequence, or why it is not possible.

    `act` is its button.
    """

    title: str
    text: str
    act: str = ""


def _sent_beside(session: DatabaseSession, row: HoldRow) -> approval_inbox.BesideSent:
    """Return the sent versions of a document, for an approval or a change after posting."""
    is_compared = row.approval or row.code in posted_differences.CODES
    return approval_inbox.load_beside(session, row.posting_id if is_compared else None)


def posted_change_values(
    session: DatabaseSession,
    company_id: int,
    hold: HoldRow,
    sent_beside: approval_inbox.BesideSent,
    hidden: Collection[str],
) -> dict[str, object]:
    """Return the page values about this hold's change after posting; blank values for other
    holds.
    """
    if hold.code not in posted_differences.CODES:
        return {"difference": None, "marks": (), "mark": None, "earlier": None}
    found = posted_differences.posted_difference(session, hold.record_id, hold.route)
    marks = accepted_differences.accepted_of_records(session, company_id, [hold.record_id]).get(
        hold.record_id, ()
    )
    rows, edited = found.rows if found is not None else (), bool(sent_beside.edited_there)
    return {
        "difference": found,
        "headline": headline(found, edited=edited) if found is not None else "",
        "differing": tuple(_masked(one, hidden) for one in rows),
        "ways": decision_ways(found, hold) if found is not None else (),
        "marks": marks,
        "earlier": accepted_differences.latest_accepted(
            session, company_id, hold.record_id, hold.route
        ),
        "mark": accepted_differences.combine_mark(marks) if marks else None,
    }


def _masked(row: FieldDifference, hidden: Collection[str]) -> FieldDifference:
    """Return the difference, masked if its field is hidden."""
    if row.field not in hidden:
        return row
    posted, now = (MASK if value else value for value in (row.posted, row.now))
    return replace(row, posted=posted, now=now)


def headline(found: Difference, *, edited: bool) -> str:
    """Return a sentence that compares both sides.

    `edited`: the document was also changed in the target.
    """
    if edited:
        return f"{found.number} was changed both in {found.target} and in {found.source}"
    there = f"{found.target} has {money(found.posted, found.currency)} for {found.number}"
    if not found.goes:
        return f"{there}, {found.source} now has it as {found.status or 'not to be posted'}"
    if found.wanted is None:
        return f"{there}, what {found.source} says now cannot be calculated"
    if not found.change:
        told = "has changed other fields" if found.rows else "says the same"
        return f"{there}, {found.source} {told}"
    return f"{there}, {found.source} now says {money(found.wanted, found.currency)}"


def decision_ways(found: Difference, hold: HoldRow) -> tuple[Way, ...]:
    """Return the ways to resolve a difference: keep, replace, update.

    Each has its amount, and a reason if it is not possible.
    """
    return (_keep(found, hold), _replace(found), _update(found))


def _keep(found: Difference, hold: HoldRow) -> Way:
    title = f"Keep {money(found.posted, found.currency)} in {found.target}"
    if not hold.clears.by_people:
        return Way(title, "You cannot keep it, because the rules let no one accept it.")
    stays = "It stays listed as an accepted difference, on the record and in the daily totals"
    posted_on = found.documents[-1].day
    day = f" of {posted_on}" if posted_on else ""
    change = found.change
    amount = money(abs(change or 0), found.currency)
    act = f"Accept {amount} difference" if change else "Accept the difference"
    return Way(title, f"{_effect(found)} {stays}{day}.", act)


def _effect(found: Difference) -> str:
    change = found.change
    if change is None:
        return "The amount of the difference is not known."
    amount = money(abs(change), found.currency)
    if not found.goes:
        return f"{found.target} then has {amount} for what {found.source} no longer has."
    if change > 0:
        return f"{amount} is not posted."
    if change < 0:
        return f"{found.target} then has {amount} more than {found.source} says."
    return "The other fields stay as they are posted."


def _replace(found: Difference) -> Way:
    posted = money(found.posted, found.currency)
    title = f"Credit note for {posted}"
    if found.goes:
        title = f"Credit note for {posted} and a new document for {_now(found)}"
    why = (
        "the rules ask for a decision about this change"
        if found.reversal
        else "the rules have no credit note for this document"
    )
    return Way(title, f"You cannot post it from here, because {why}.")


def _now(found: Difference) -> str:
    return "its new amount" if found.wanted is None else money(found.wanted, found.currency)


def _update(found: Difference) -> Way:
    action = "update" if found.goes else "void"
    there = f"Update the document to {_now(found)}" if found.goes else "Void the document"
    able = found.schema is not None and action in found.schema.actions
    does = "change" if found.goes else "void"
    why = (
        "the rules ask for a decision about this change"
        if able
        else f"{found.target} does not {does} posted documents"
    )
    return Way(there, f"You cannot {action} it, because {why}.")


def signed_money(minor: int | None, currency: str) -> str:
    """Format an amount with its sign, such as +RM 5.60, −RM 5.60 or RM 0.00."""
    if minor is None:
        return "not known"
    return f"{'+' if minor > 0 else ''}{money(minor, currency)}"


def figure(row: FieldDifference, side: str, currency: str) -> str:
    """Format a field's value on one side: amounts with their currency, quantities with their
    unit.
    """
    text = row.posted if side == "posted" else row.now
    if text is None:
        return "none"
    if row.kind == "money":
        try:
            return _amount(Decimal(text), currency)
        except InvalidOperation:
            return text
    return f"{text} {row.unit}" if row.unit else text or "blank"


def _amount(value: Decimal, currency: str) -> str:
    """Format an amount with 2 decimals, or more if it has more."""
    places = max(2, -int(value.as_tuple().exponent))
    return f"{MINUS if value < 0 else ''}{currency_prefix(currency)}{abs(value):,.{places}f}"


def change_text(row: FieldDifference, currency: str) -> str:
    """Format by how much a number differs; blank for text."""
    if row.change is None:
        return ""
    plus = "+" if row.change > 0 else ""
    if row.kind == "money":
        return f"{plus}{_amount(row.change, currency)}"
    mark = MINUS if row.change < 0 else plus
    return f"{mark}{abs(row.change):f}{' ' + row.unit if row.unit else ''}"


def difference_text(change: int | None, currency: str) -> str:
    """Return a short label for a difference, such as `differs by RM 5.60`."""
    if change is None:
        return "differs, amount not known"
    return f"differs by {money(abs(change), currency)}" if change else "differs in other fields"


def warm_pages(app: Flask) -> int:
    """Load frequent pages once after start, and return how many were loaded; 0 before a company is
    live.

    Each page is loaded twice. The first run marks a part of a statement that SQLAlchemy caches, so
    the cache key is stable only from the second run on.
    """
    try:
        with app.test_request_context():
            reader = people.first_reader(store.reading(), ROLE)
            spoken = {ENGLISH, *own_account.languages(store.reading())}
        if reader is None:
            return 0
        for language in sorted(spoken):
            for page in (*PAGES, *PAGES):
                _read(app, *reader, page, language)
    except Exception as error:  # noqa: BLE001 - whoever comes first waits, as without this
        log.warning("The first reading of the pages failed.", why=type(error).__name__)
        return 0
    return len(spoken) * len(PAGES)


def _read(app: Flask, code: str, person_id: int, page: str, language: str) -> None:
    """Make the page as for this person, and forget it."""
    with app.test_request_context(f"/c/{code}/{page}"):
        g.now, g.request_id = store.clock().now(), ""
        lasts = g.now + sessions.IDLE
        g.person = SimpleNamespace(settings={"language": language}, ends_at=lasts, expires_at=lasts)
        (request.view_args or {}).pop("co")
        company = store.company_of(code)
        who = company and actors.actor_of(store.reading(), person_id, company.id, now=g.now)
        if company and who:
            store.set_actor(company, who)
            app.view_functions[request.endpoint or ""]()


FILTERS: Mapping[str, Callable[..., str]] = {
    "signed": signed_money,
    "figure": figure,
    "change": change_text,
    "differs": difference_text,
}
