"""What AutoCount itself shows, compared with what was exported; or a person's word for it.

Here: the comparison by number, party, date and total; the confirmation without a listing. Not here:
reading the listing (the target's own room of connectors).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy.orm import Session

from connectors.contract import SourceRefusal
from connectors.contract.hand_imports import Listed
from holding.access.actors import Actor
from holding.db.models import ImportFile
from holding.db.models.columns import ImportFileState, from_minor
from holding.db.refusal import Refusal, plural
from holding.import_files import open_files
from holding.import_files.contradictions import contradict
from holding.import_files.open_files import (
    TOLD,
    Exported,
    close_if_known,
    exported,
    keep,
    unknown,
)
from holding.import_files.verdicts import Became, Verdict

FILE_BYTES: Final = 20 * 1024 * 1024
COMPARED: Final = TOLD | {ImportFileState.RECONCILED, ImportFileState.WITHDRAWN}


def compare(
    session: Session,
    actor: Actor,
    company_id: int,
    file_id: int,
    listing: tuple[Listed, ...] | SourceRefusal,
    now: datetime,
) -> ImportFileState | Refusal:
    """Settle every document of the file that the listing has; one that it has not keeps waiting,
    for a listing may be of other days. What was told as Error or withdrawn and is in the listing
    makes the file a mismatch, also after its end.
    """
    verb = "compare a listing with"
    file = open_files.locked(session, actor, company_id, file_id, COMPARED, verb)
    if isinstance(file, Refusal):
        return file
    if isinstance(listing, SourceRefusal):
        return Refusal(listing.code, listing.message, listing.hint, 422)
    documents = exported(session, file)
    ended, note = file.state not in TOLD, file.note
    found = _verdicts(unknown(file, documents), listing)
    wrong = contradict(session, actor, file, documents, listing, now)
    file.imported_at = file.imported_at or now
    file.imported_by_id = file.imported_by_id or actor.person_id
    keep(session, file, documents, {**found, **wrong}, now)
    notes = [file.note] if wrong else []
    left = unknown(file, documents)
    notes += _not_readable(left, listing)
    seen = {one.number.casefold() for one in listing}
    if missing := [one for one in left if one.number.casefold() not in seen]:
        notes.append(_missing(missing))
    file.note = ". ".join(notes) or note
    if wrong or not ended:
        close_if_known(file, documents, actor, now)
    posted = sum(verdict.became is Became.POSTED for verdict in found.values())
    say = (
        f"{actor.name} compared {file.name} with AutoCount's listing: {posted:,} of"
        f" {len(documents):,} exist there as they were sent."
    )
    open_files.tell(session, file, actor, now, "import.compared", say)
    return file.state


def confirm(
    session: Session,
    actor: Actor,
    company_id: int,
    file_id: int,
    *,
    total: Decimal,
    reason: str,
    now: datetime,
) -> ImportFileState | Refusal:
    """A person says that what was New is posted, with the total that AutoCount shows of it. That
    needs an entered outcome, and documents of one currency.
    """
    states = (ImportFileState.IMPORTED,)
    file = open_files.locked(session, actor, company_id, file_id, states, "confirm")
    if isinstance(file, Refusal):
        return file
    documents = exported(session, file)
    left = unknown(file, documents)
    currencies = {one.currency for one in left}
    if len(currencies) != 1:
        words = f"You cannot confirm {file.name}, because it has several currencies."
        return Refusal("import.currencies", words, "Upload AutoCount's listing.", 422)
    ours = from_minor(sum(one.minor or 0 for one in left), currencies.pop())
    found: dict[str, Verdict] = {}
    file.reason = reason
    if total == ours:
        words = f"{actor.name} confirmed it without a listing: {reason}"
        found = {one.number: Verdict(became=Became.POSTED, words=words) for one in left}
    else:
        file.state = ImportFileState.MISMATCH
        file.note = (
            f"AutoCount shows {total:,.2f} in all, and the file has {ours:,.2f}: it was edited"
            " before the import."
        )
    keep(session, file, documents, found, now)
    if found:
        close_if_known(file, documents, actor, now)
    say = f"{actor.name} confirmed {file.name} with a total of {total:,.2f}: {reason}"
    open_files.tell(session, file, actor, now, "import.confirmed", say)
    return file.state


def _verdicts(wanted: Collection[Exported], listing: Sequence[Listed]) -> Mapping[str, Verdict]:
    count = Counter(one.number.casefold() for one in listing)
    there = {one.number.casefold(): one for one in listing}
    found = {}
    for one in wanted:
        key = one.number.casefold()
        if count[key] > 1:
            words = f"{one.number} stands {count[key]} times in AutoCount's listing."
            found[one.number] = Verdict(became=Became.DIFFERS, words=words, error_class="duplicate")
        elif count[key] == 1:
            verdict = _compared(one, there[key])
            found |= {one.number: verdict} if verdict else {}
    return found


def _compared(one: Exported, there: Listed) -> Verdict | None:
    """None where what can be read is equal, and something cannot: a better listing tells."""
    differences = ["it is cancelled"] if there.cancelled else []
    if there.party.casefold() != one.party.casefold():
        differences.append(f"its party is {there.party or 'blank'}, not {one.party}")
    if there.date is not None and there.date != one.doc_date:
        differences.append(f"its date is {there.date}, not {one.doc_date}")
    if there.total is not None and there.total != one.total:
        differences.append(f"its total is {there.total:,.2f}, not {one.total:,.2f}")
    if not differences and (there.date is None or there.total is None):
        return None
    if not differences:
        words = f"It stands in row {there.row} of AutoCount's listing."
        return Verdict(became=Became.POSTED, words=words)
    words = f"In AutoCount {'; '.join(differences)}: the file was edited before the import, or the"
    return Verdict(became=Became.DIFFERS, words=f"{words} document there was changed since.")


def _not_readable(left: Collection[Exported], listing: Sequence[Listed]) -> list[str]:
    """What the page says of documents that are listed and could not be compared, a few of them."""
    numbers = {one.number.casefold(): one.number for one in left}
    odd = [one for one in listing if one.number.casefold() in numbers]
    notes = []
    for one in odd[:3]:
        cells = [name for name, cell in (("date", one.date), ("total", one.total)) if cell is None]
        words = " and ".join(f"its {name}" for name in cells)
        number = numbers[one.number.casefold()]
        notes.append(f"Row {one.row} of the listing cannot be read: {words} of {number}")
    return notes + ([f"So it is with {len(odd) - 3:,} more"] if len(odd) > 3 else [])


def _missing(missing: Sequence[Exported]) -> str:
    few = ", ".join(one.number for one in missing[:3]) + (" …" if len(missing) > 3 else "")
    is_are = "is" if len(missing) == 1 else "are"
    return f"{plural(len(missing), 'document')} {is_are} not in the listing: {few}"


__all__ = ["FILE_BYTES", "ImportFile", "compare", "confirm"]
