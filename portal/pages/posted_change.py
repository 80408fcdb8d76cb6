"""A change after posting in words and figures: what the target has, what the source says now.

Here: the headline, the ways out with their effect, and how a difference is written. Not here: the
difference (holding/programs/posted_differences.py), and what was accepted
(holding/records/accepted_differences.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from grammar.text.characters import MINUS, prefix
from holding.access.actors import MASK, PERSONAL_FIELDS
from holding.db.database import DatabaseSession
from holding.db.refusal import money
from holding.programs import posted_differences
from holding.programs.posted_differences import Difference, FieldDifference
from holding.records import accepted_differences
from holding.worklist.hold_detail import HoldRow


@dataclass(frozen=True, slots=True)
class Way:
    """One choice: what it does and what follows, or why it is closed. `act` is its button."""

    title: str
    text: str
    act: str = ""


def shown(
    session: DatabaseSession, company_id: int, hold: HoldRow, *, show_personal: bool
) -> dict[str, object]:
    """What the pane of a hold shows about a change after posting; nothing of other holds."""
    if hold.code not in posted_differences.CODES:
        return {"difference": None, "marks": (), "mark": None, "earlier": None}
    found = posted_differences.posted_difference(session, hold.record_id, hold.route)
    marks = accepted_differences.of_records(session, company_id, [hold.record_id]).get(
        hold.record_id, ()
    )
    rows = found.rows if found is not None else ()
    return {
        "difference": found,
        "headline": headline(found) if found is not None else "",
        "differing": rows if show_personal else tuple(map(_masked, rows)),
        "ways": ways(found, hold) if found is not None else (),
        "marks": marks,
        "earlier": accepted_differences.earlier(session, company_id, hold.record_id, hold.route),
        "mark": accepted_differences.mark(marks) if marks else None,
    }


def headline(found: Difference) -> str:
    """Both sides in one sentence."""
    there = f"{found.target} has {money(found.posted, found.currency)} for {found.number}"
    if not found.goes:
        return f"{there}, {found.source} now has it as {found.status or 'not to be posted'}"
    if found.wanted is None:
        return f"{there}, what {found.source} says now cannot be calculated"
    if not found.change:
        told = "has changed other fields" if found.rows else "says the same"
        return f"{there}, {found.source} {told}"
    return f"{there}, {found.source} now says {money(found.wanted, found.currency)}"


def ways(found: Difference, hold: HoldRow) -> tuple[Way, ...]:
    """Keep, replace, update: each with its money; those that are closed say why."""
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


def _now(found: Difference) -> str:
    return "its new amount" if found.wanted is None else money(found.wanted, found.currency)


def _masked(row: FieldDifference) -> FieldDifference:
    """The row without personal data."""
    if row.field not in PERSONAL_FIELDS:
        return row
    posted, now = (MASK if value else value for value in (row.posted, row.now))
    return replace(row, posted=posted, now=now)


def signed(minor: int | None, currency: str) -> str:
    """+RM 5.60, −RM 5.60, RM 0.00."""
    if minor is None:
        return "not known"
    return f"{'+' if minor > 0 else ''}{money(minor, currency)}"


def figure(row: FieldDifference, side: str, currency: str) -> str:
    """One side of a field: amounts with their currency, quantities with their unit."""
    text = row.posted if side == "posted" else row.now
    if text is None:
        return "none"
    if row.kind == "money":
        try:
            return _amount(Decimal(text), currency)
        except InvalidOperation:
            return text
    return f"{text} {row.unit}" if row.unit else text or "blank"


def change(row: FieldDifference, currency: str) -> str:
    """By how much a figure differs; nothing of words."""
    if row.change is None:
        return ""
    plus = "+" if row.change > 0 else ""
    if row.kind == "money":
        return f"{plus}{_amount(row.change, currency)}"
    mark = MINUS if row.change < 0 else plus
    return f"{mark}{abs(row.change):f}{' ' + row.unit if row.unit else ''}"


def _amount(value: Decimal, currency: str) -> str:
    """An amount with its sen, or finer where it is."""
    places = max(2, -int(value.as_tuple().exponent))
    return f"{MINUS if value < 0 else ''}{prefix(currency)}{abs(value):,.{places}f}"


def differs(change: int | None, currency: str) -> str:
    """`differs by RM 5.60`: the short mark beside a state."""
    if change is None:
        return "differs, amount not known"
    return f"differs by {money(abs(change), currency)}" if change else "differs in other fields"


FILTERS: Mapping[str, Callable[..., str]] = {
    "signed": signed,
    "figure": figure,
    "change": change,
    "differs": differs,
}
