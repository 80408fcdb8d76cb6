"""The places of the chain that a packet holds, walked from their texts alone.

Here: what follows from the place before, and what of it a noted head proves. Pure. Not here: the
list of events and what they sealed (packet_check.py, packet_seals.py).
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from holding.evidence.packet_file import EVENTS, Fault
from rules.values.canonical import sha256_hex

START: Final = "0" * 64
_HASH: Final = re.compile(r"[0-9a-f]{64}")

Known = tuple[int, str]
"""A head that was noted elsewhere: its place and its hash."""


@dataclass(frozen=True, slots=True)
class Walked:
    """Place -> hash, and place -> what was sealed there, of those whose text is in the packet."""

    places: Mapping[int, str]
    texts: Mapping[int, Mapping[str, Any]]


def walked(
    stretches: Sequence[Mapping[str, Any]], listed: Collection[int], faults: list[Fault]
) -> Walked:
    """Walk each stretch; what does not follow from the place before is a fault. A text is missing
    without a fault at the places of `listed` events, and where the packet says it was removed.
    """
    places: dict[int, str] = {}
    texts: dict[int, Mapping[str, Any]] = {}
    last = 0
    for stretch in stretches:
        before, first = str(stretch["before"]), int(stretch["first"])
        if first <= last:
            words = f"Place {first} stands twice, or before an earlier one."
            faults.append(Fault(EVENTS, words))
        if (first == 1 and before != START) or places.get(first - 1, before) != before:
            faults.append(Fault(EVENTS, f"Place {first} does not follow the one before."))
        if not _HASH.fullmatch(before):
            faults.append(Fault(EVENTS, f"What stands before place {first} is no hash."))
        for seq, link in enumerate(stretch["links"], first):
            if link["seq"] != seq:
                faults.append(Fault(EVENTS, f"Place {seq} of the chain is missing."))
            if link["text"] is not None:
                texts[seq] = _text(before, seq, link, faults)
            elif seq not in listed and link.get("removed") is not True:
                words = "is missing, and nothing says that it was removed."
                faults.append(Fault(EVENTS, f"The text at place {seq} {words}"))
            places[seq] = before = str(link["hash"])
            if not _HASH.fullmatch(before):
                faults.append(Fault(EVENTS, f"What stands at place {seq} is no hash."))
            last = max(last, seq)
    return Walked(places, texts)


def _text(before: str, seq: int, link: Mapping[str, Any], faults: list[Fault]) -> Mapping[str, Any]:
    found = json.loads(link["text"])
    if sha256_hex(before + link["text"]) != link["hash"] or found["seq"] != seq:
        words = f"Event {found['id']} at place {seq} is not what was sealed."
        faults.append(Fault(EVENTS, words))
    return {**found, "body": json.loads(found["body"])}


def proved(walk: Walked, known: Iterable[Known]) -> frozenset[int]:
    """The places that a noted head proves: it stands at them or after them, and the text of each
    place from them up to it is in the packet. A hash without its text can be any.
    """
    noted = {seq for seq, own in known if walk.places.get(seq) == own}
    found: set[int] = set()
    tied = False
    for seq in sorted(walk.places, reverse=True):
        tied = seq in walk.texts and (seq in noted or (tied and seq + 1 in walk.places))
        if tied:
            found.add(seq)
    return frozenset(found)
