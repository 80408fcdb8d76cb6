"""The set of postings that a person looked at, and whether it is still that set.

Here: the hash that a form carries, and what differs when it no longer fits. Not here: approving
(`approvals.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from holding.models import Posting
from holding.refusal import Refusal
from rules.canonical import dumps, sha256_hex

WAITING: Final = {"held": "ready", "posted": "posted"}  # a posting that waits for it, and after it


@dataclass(frozen=True, slots=True)
class Left:
    """A posting that was left out, and why; `status` as in HTTP: 403 is somebody else's to do."""

    posting_id: int
    number: str
    reason: str
    status: int = 409


@dataclass(frozen=True, slots=True)
class SetChanged(Refusal):
    """The set is not the one that was looked at; `changes` names each posting that differs."""

    changes: tuple[Left, ...] = ()


def set_hash(seen: Mapping[int, str]) -> str:
    """One hash over a set of postings: id and content hash of each, in order of ids."""
    return sha256_hex(dumps([[key, seen[key]] for key in sorted(seen)]))


def changed(
    postings: Mapping[int, Posting],
    wanted: Sequence[int],
    sethash: str | None,
    seen: Mapping[int, str] | None,
    winners: Callable[[Sequence[Posting]], Mapping[int, str]],
) -> SetChanged | None:
    """What differs between the held postings now and those that were looked at, if anything; what
    went on is named with who approved it.
    """
    expected = sethash if sethash is not None else set_hash(seen) if seen is not None else None
    stands = {key: posting.hash for key, posting in postings.items() if posting.state in WAITING}
    if expected is None or expected == set_hash(stands):
        return None
    by = winners([posting for posting in postings.values() if posting.state not in WAITING])
    told = [
        Left(key, postings[key].number if key in postings else "", why)
        for key in wanted
        if (why := _difference(postings.get(key), (seen or {}).get(key), by.get(key, "")))
    ]
    return SetChanged(
        code="set.changed",
        message="The set changed while you looked. Nothing was approved.",
        hint="; ".join(f"{left.number} {left.reason}" for left in told) or "Look at it again.",
        status=409,
        changes=tuple(told),
    )


def _difference(posting: Posting | None, seen: str | None, by: str) -> str:
    if posting is None:
        return "is gone"
    if posting.state not in WAITING:
        return moved_on(posting, by)
    return "has another content" if seen is not None and seen != posting.hash else ""


def moved_on(posting: Posting, by: str) -> str:
    """What became of one that waits no more, and who approved it, if anybody did."""
    return f"is {posting.state} meanwhile" + (f": {by} approved it" if by else "")
