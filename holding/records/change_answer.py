"""Whether a record or its document was changed after it was sent: the answer to the fifth question.

Here: later versions, late arrivals, what its target took since, and what was seen of it there, in
their order, with time and who. Not here: loading them (`since_sent.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors.contract.errors import class_label
from holding.db.models import Version
from holding.db.refusal import listed, money, plural
from holding.intake.open_fields import differences
from holding.records.accepted_differences import Accepted
from holding.records.since_sent import SeenThere, Taken
from holding.records.story import NOT_RECORDED, Case, Proof
from rules.amendments.target_edits import RULE as TARGET_EDITED

SHOWN_CHANGES: Final = 6
SHOWN_ITEMS: Final = 20
"""Of what happened to one record; where there is more, the newest of it."""
_DONE: Final = {"create": "posted", "update": "updated", "void": "voided"}


@dataclass(frozen=True, slots=True)
class _Item:
    """One thing that happened; `changes` says whether it makes the answer a yes."""

    at: datetime
    text: str
    proof: Proof
    changes: bool = True


def changed(case: Case) -> tuple[str, str, list[Proof]]:
    """The answer, its tone and its proofs."""
    base = _base(case)
    if base is None:
        return "It was not posted." if case.over else "Not posted yet.", "plain", []
    found = [*_versions(case, base), *_taken(case), *_seen(case), *_recounted(case)]
    items = sorted(found, key=lambda item: item.at)
    newest = max([base.no, *(v.no for v in case.versions if not v.stale)])
    proofs = [_span(base.no, newest), *(item.proof for item in items if item.proof.kind == "push")]
    proofs += _holds(case)
    told = "; ".join(item.text for item in items[-SHOWN_ITEMS:])
    if len(items) > SHOWN_ITEMS:
        told = f"{plural(len(items) - SHOWN_ITEMS, 'earlier change')}; {told}"
    if not any(item.changes for item in items):
        more = f"; {told}" if told else ""
        return f"No. Version {base.no} is the latest version{more}.", "good", proofs
    text = f"Yes, since version {base.no} was sent: {told}."
    carried = case.since.taken and case.since.taken[-1].version_no == newest
    good = carried and case.since.ended and not (case.since.drifts or case.since.recounted)
    tone = "plain" if good else "bad"
    return " ".join([text, *(_kept(case, one) for one in case.accepted)]), tone, proofs


def _base(case: Case) -> Version | None:
    """The version that was first taken; of what is still on its way, the one that was decided."""
    if case.sent_at is None:
        return None
    first = case.since.first
    if first is None:
        return case.version
    return next((v for v in case.versions if v.no == first.version_no), case.version)


def _span(first: int, last: int) -> Proof:
    if first == last:
        return Proof("version", str(first), f"version {first}")
    return Proof("versions", f"{first}..{last}", f"version {first} to {last}")


def _versions(case: Case, base: Version) -> Iterator[_Item]:
    """Each later version beside the one that was known before it."""
    before = base
    for version in case.versions:
        if version.no <= base.no:
            continue
        who, when = version.person_id, case.when(version.at)
        by = f"from {case.source.name}" if who is None else f"by {case.person(who)}"
        why = f" ({version.reason})" if version.reason else ""
        head = f"version {version.no} at {when} {by}{why}"
        proof = Proof("version", str(version.no), f"version {version.no}")
        if version.stale:
            late = f"{head} came late: older than what was known, not checked"
            yield _Item(version.at, late, proof, changes=False)
            continue
        found = differences(before.body, version.body)
        more = len(found) - SHOWN_CHANGES
        told = listed(found[:SHOWN_CHANGES]) + (f" and {more} more" if more > 0 else "")
        yield _Item(version.at, f"{head}: {told or 'nothing that is posted'}", proof)
        before = version


def _taken(case: Case) -> Iterator[_Item]:
    """What the target took after the first. A further document is one part more of what was
    ordered, as long as none before it was taken back: it changes nothing that stood.
    """
    target = case.target.name if case.target else "the accounting system"
    numbers = dict(case.since.numbers)
    replaced = False
    for one in case.since.taken[1:]:
        back = numbers.get(one.reverses_id or 0)
        replaced = replaced or back is not None or one.action != "create"
        why = f", reverses {back}" if back else f" with version {one.version_no}"
        text = f"{_did(one)} in {target} at {case.when(one.closed_at)}{why}"
        proof = Proof("push", str(one.id), f"push {one.id}")
        yield _Item(one.closed_at, text, proof, changes=replaced)


def _did(one: Taken) -> str:
    return f"{one.number} {_DONE[one.action]}"


def _seen(case: Case) -> Iterator[_Item]:
    """What was seen in the target, and who changed it, where the target tells that."""
    target = case.target.name if case.target else "the accounting system"
    numbers = dict(case.since.numbers)
    several = len({one.posting_id for one in case.since.seen}) > 1
    for one in case.since.seen:
        which = f" {numbers[one.posting_id]}" if several else ""
        head = f"in {target}, seen {case.when(one.at)}{which}"
        yield _Item(one.at, f"{head}{_look(one)}", Proof("reading", "", ""))


def _recounted(case: Case) -> Iterator[_Item]:
    """Items of the document that the target counts otherwise since it was posted."""
    target = case.target.name if case.target else "the accounting system"
    for one in case.since.recounted:
        head = f"in {target}, seen {case.when(one.at)}: {one.item} is counted otherwise"
        proof = Proof("event", str(one.event_id), f"event {one.event_id}")
        yield _Item(one.at, f"{head}, {one.now} instead of {one.before}", proof)


def _look(one: SeenThere) -> str:
    if one.same:
        return ": as it was sent"
    by = f"changed by {one.by}" if one.by else "it does not say by whom"
    return f", {by}: {one.words.rstrip('.')}"


def _holds(case: Case) -> list[Proof]:
    """The holds that a late arrival, a change or an edit in the target opened."""
    return [
        Proof(
            "hold", str(held.hold.id), f"hold {held.hold.id}: {class_label(held.hold.error_class)}"
        )
        for held in case.holds
        if held.hold.error_class == "stale_version" or held.hold.rule == TARGET_EDITED
    ]


def _kept(case: Case, one: Accepted) -> str:
    """That somebody left the target as it was."""
    there = f"{one.target} keeps {money(one.posted, one.currency)}"
    now = "" if one.wanted is None else f", {one.source} says {money(one.wanted, one.currency)}"
    by = f"{one.by or NOT_RECORDED} accepted the difference on {case.when(one.at)}: {one.reason}"
    return f"{there}{now}; {by}."
