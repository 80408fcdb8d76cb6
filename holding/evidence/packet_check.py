"""Whether an evidence packet is what was handed out, from the file alone.

Here: its parts against the manifest, its events against their places in the chain, its contents
against what those events sealed, and how much of that a noted head proves. Pure: neither a database
nor a home is needed. Not here: reading the file (packet_file.py). The page, the answers and what
else is only told are compared with nothing: for them there is the hash that the audit log has.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from holding.evidence.packet_file import DATA, EVENTS, Fault, unpacked
from holding.evidence.packet_seals import Contents, Sealed, compared
from holding.evidence.packet_walk import Known, Walked, proved, walked

UNTRUE: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What ends the reading of JSON that is not laid out as ours."""
COMMAND_LINE: Final = "command line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found. Of the listed `events`, `texts` agree with the text that was sealed, as it is
    in the packet, and `proved` are those that a noted head proves, too; the others agree only with
    themselves. `removed` places stand without their text. `compared` noted heads lie on the chain
    of the packet, `beyond` lie outside of what it holds.
    """

    sha256: str
    faults: tuple[Fault, ...]
    record: str = ""
    made_at: str = ""
    events: int = 0
    texts: int = 0
    proved: int = 0
    removed: int = 0
    contents: Contents = field(default_factory=Contents)
    head: Known | None = None
    compared: int = 0
    beyond: int = 0


def check(path: Path, known: Iterable[Known] = (), *, sha256: str = "") -> Checked:
    """Check a packet; `sha256`: the hash of its manifest as the audit log has it."""
    found = unpacked(path)
    faults = list(found.faults)
    if sha256 and found.sha256 and sha256 != found.sha256:
        words = "Its hash is not the one that was given: it is another packet."
        faults.append(Fault("manifest.json", words))
    if faults:
        return Checked(sha256=found.sha256, faults=tuple(faults))
    try:
        data, events = (json.loads(found.parts[name]) for name in (DATA, EVENTS))
        return _checked(data, events, tuple(known), found.sha256)
    except UNTRUE as problem:
        words = f"It is not laid out as a packet is: {type(problem).__name__} {problem}."
        return Checked(sha256=found.sha256, faults=(Fault(DATA, words),))


def _checked(
    data: Mapping[str, Any], events: Mapping[str, Any], known: Sequence[Known], digest: str
) -> Checked:
    faults: list[Fault] = []
    listed = _listed(events["events"], faults)
    walk = walked(events["stretches"], {one["seq"] for one in listed.values()}, faults)
    places = walk.places
    told = [(int(one["seq"]), str(one["hash"])) for one in events["anchors"]]
    faults += [
        Fault(EVENTS, f"Place {seq} of the chain is not what was noted ({own[:12]}).")
        for seq, own in (*told, *known)
        if places.get(seq, own) != own
    ]
    tied = proved(walk, known)  # what the packet says was noted proves nothing
    sealed = _of_record(listed, walk, faults)
    faults += _as_told(listed, {int(text["id"]): text for text in sealed})
    own = [
        Sealed(int(text["id"]), text["act"], text["body"], text["seq"] in tied) for text in sealed
    ]
    last = max(places, default=None)
    return Checked(
        contents=compared(data, own, faults),
        sha256=digest,
        faults=tuple(faults),
        record=str(data["record"]["number"]),
        made_at=str(data["packet"]["made_at"]),
        events=len(listed),
        texts=len(own),
        proved=sum(one.proved for one in own),
        removed=len(places) - len(walk.texts),
        head=None if last is None else (last, places[last]),
        compared=sum(1 for seq, _ in known if seq in places),
        beyond=sum(1 for seq, _ in known if seq not in places),
    )


def _listed(
    rows: Sequence[Mapping[str, Any]], faults: list[Fault]
) -> Mapping[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    for one in rows:
        key = int(one["id"])
        if key in found:
            faults.append(Fault(EVENTS, f"Event {key} is listed twice."))
        found[key] = one
    return found


def _of_record(
    listed: Mapping[int, object], walk: Walked, faults: list[Fault]
) -> list[Mapping[str, Any]]:
    """What was sealed of the listed events, which are all of one record, and all of it."""
    texts = walk.texts.values()
    found = [text for text in texts if int(text["id"]) in listed]
    if len({int(text["id"]) for text in found}) < len(found):
        faults.append(Fault(EVENTS, "A listed event has two places."))
    of = {text["record_id"] for text in found}
    if len(of) > 1 or None in of:
        faults.append(Fault(EVENTS, "The listed events are not of one record."))
        return found
    for text in texts:
        if text["record_id"] in of and int(text["id"]) not in listed:
            words = f"Event {text['id']} is of this record, and is not listed."
            faults.append(Fault(EVENTS, words))
    return found


def _as_told(
    listed: Mapping[int, Mapping[str, Any]], sealed: Mapping[int, Mapping[str, Any]]
) -> Iterator[Fault]:
    """Events that are listed otherwise than they were sealed, or that say they are proved."""
    for key, one in listed.items():
        text = sealed.get(key)
        if text is None:
            if one["proved"]:
                yield Fault(EVENTS, f"Event {key} is called proved, and nothing proves it.")
            continue
        said = {name: text[name] for name in ("seq", "at", "actor", "act")}
        by_command = text["body"].get("via") == COMMAND_LINE
        said["who"] = f"{text['actor']} ({COMMAND_LINE})" if by_command else text["actor"]
        said["say"] = str(text["body"].get("say") or "")
        if said != {name: one[name] for name in said}:
            yield Fault(EVENTS, f"Event {key} is listed otherwise than it was sealed.")
