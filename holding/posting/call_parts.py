"""How documents are parted into calls: a target takes so many documents, rows and bytes in one.

Here: the first call of a list of documents, as full as its limits allow, and what to say of one
document that is more than one call. Not here: writing a call down (intent.py), when there
is time for one more (runs/batch_sending.py).
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate

from connectors.contract import Action, FileLimits, OutgoingDocument, Payload, Settings, Target
from holding.journal.target_holds import TOO_LARGE, Trouble


def first_call(
    target: Target,
    documents: Sequence[OutgoingDocument],
    settings: Settings,
    *,
    name: str,
    action: Action,
) -> tuple[int, Payload]:
    """How many of these, from the first on, go in one call, and that call; with a `name` as a file.
    0 beside a call that must not be made: the first document alone is more than a file carries.
    """

    @cache
    def built(count: int) -> Payload:
        return target.build(
            documents[:count], settings, batch=bool(name), batch_name=name, action=action
        )

    if not built(1).file_name and (not name or _singly(target, documents[0])):
        return 1, built(1)  # no file, and a call of its own
    rows = [target.rows_of(one) for one in documents]
    count = how_many(rows, target.file_limits, lambda count: len(built(count).body))
    return count, built(max(1, count))


def _singly(target: Target, document: OutgoingDocument) -> bool:
    return any(one.singly for one in target.documents if one.name == document.document)


def how_many(rows: Sequence[int], limits: FileLimits, size_of: Callable[[int], int]) -> int:
    """Of documents with so many rows each, how many from the first on one file carries: as many as
    all limits allow. `size_of` says how many bytes the file of the first so many has.
    """
    most = min(len(rows), limits.documents)
    if limits.rows is not None:
        most = bisect_right(list(accumulate(rows[:most])), limits.rows)
    if limits.bytes is None or most == 0 or size_of(most) <= limits.bytes:
        return most
    return bisect_right(range(1, most), limits.bytes, key=size_of)


def too_large(target: Target, document: OutgoingDocument, call: Payload, there: str) -> Trouble:
    """Why this document cannot go in any file, and what a person can do about it; `there` is what
    people call the target.
    """
    rows, limits = target.rows_of(document), target.file_limits
    if limits.rows is not None and rows > limits.rows:
        words = f"{document.number} has {rows:,} lines; a file for {there} takes {limits.rows:,}."
    else:
        words = (
            f"{document.number} makes a file of {len(call.body):,} bytes; {there} takes "
            f"{limits.bytes or 0:,}."
        )
    return Trouble(
        code=TOO_LARGE,
        error_class="bad_value",
        words=f"{words} A document goes in one file as a whole, so it was not sent.",
    )
