"""A total that stands otherwise than it was sent, because the target rounds: nobody changed it.

Here: a reading without that difference, pure. Not here: how far rounding goes
(holding/pushing/kept_totals.py), what a reading leaves (look.py).

What the target told when it took the document is what has to stand there; where it told nothing,
the first reading tells it.
"""

from dataclasses import dataclass, replace

from connectors.kit.contract import Found, Kept
from holding.drift.plan import Watched
from holding.pushing import kept_totals


@dataclass(frozen=True, slots=True)
class Explained:
    """A reading, and the total in minor units that it is the first to tell (else None)."""

    found: Found
    kept: int | None = None


def explained(watched: Watched, found: Found, total_field: str | None) -> Explained:
    """What was found beside a document, where a total that rounding made is no difference."""
    document, kept = watched.document, kept_totals.in_minor(watched.document, found.total)
    words = kept_totals.said(document, kept)
    first = watched.kept is None
    if kept is None or not (first or kept == watched.kept):
        return Explained(_moved(found, total_field) if kept is not None else found)
    news = kept if first and kept_totals.stands(document, kept) == kept else None
    if not words:
        return Explained(found, news)
    differs = tuple(one for one in found.differs if (one.line, one.field) != (0, total_field))
    if found.kind == "different" and (differs or not found.differs):
        return Explained(replace(found, differs=differs), news)
    return Explained(replace(found, kind="equal", words=words, differs=()), news)


def _moved(found: Found, total_field: str | None) -> Found:
    """Another total than the one that it was taken with, where nothing else tells of a change."""
    if found.kind != "equal" or total_field is None:
        return found
    words = f"It comes to {found.total} there, which is not what it was taken with."
    other = Kept(0, total_field, str(found.total))
    return replace(found, kind="different", words=words, differs=(other,))
