"""Whether an evidence packet is what was handed out, proved from the file alone.

Here: its parts against the manifest, its events against their places in the chain, its contents
against what those events sealed, and noted heads against the chain. Pure: neither a database nor a
home is needed. Not here: reading the file (packet_file.py).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from holding.evidence.packet_file import DATA, EVENTS, Fault, unpacked
from rules.values.canonical import dumps, sha256_hex

START: Final = "0" * 64
SENDING: Final = "posting.sending"
APPROVED: Final = "posting.approved"

UNTRUE: Final = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What ends the reading of JSON that is not laid out as ours."""

Known = tuple[int, str]
"""A head that was noted elsewhere: its place and its hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found. `proved` of `events` were made again from their text; `compared` noted heads
    lie on the chain of the packet, `beyond` lie outside of what it holds.
    """

    sha256: str
    faults: tuple[Fault, ...]
    record: str = ""
    made_at: str = ""
    events: int = 0
    proved: int = 0
    contents: int = 0
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
    places, texts = _walked(events["stretches"], faults)
    told = {int(one["seq"]): str(one["hash"]) for one in events["anchors"]}
    within = [(seq, own) for seq, own in (*told.items(), *known) if seq in places]
    faults += [
        Fault(EVENTS, f"Place {seq} of the chain is not what was noted ({own[:12]}).")
        for seq, own in within
        if places[seq] != own
    ]
    listed = {int(one["id"]): one for one in events["events"]}
    proved = {int(text["id"]): text for text in texts if int(text["id"]) in listed}
    faults += _as_told(listed, proved)
    sealed = list(proved.values())
    faults += [*_versions(data, sealed), *_pushes(data, sealed), *_calls(data, sealed)]
    faults += _approvals(data, sealed)
    last = max(places, default=None)
    return Checked(
        sha256=digest,
        faults=tuple(faults),
        record=str(data["record"]["number"]),
        made_at=str(data["packet"]["made_at"]),
        events=len(listed),
        proved=len(proved),
        contents=sum(len(data[name]) for name in ("versions", "pushes", "requests", "approvals")),
        head=None if last is None else (last, places[last]),
        compared=sum(1 for seq, _ in known if seq in places),
        beyond=sum(1 for seq, _ in known if seq not in places),
    )


def _walked(
    stretches: Sequence[Mapping[str, Any]], faults: list[Fault]
) -> tuple[dict[int, str], list[dict[str, Any]]]:
    """Place -> hash, and every text that was sealed; what does not follow from the one before is a
    fault.
    """
    places: dict[int, str] = {}
    texts = []
    for stretch in stretches:
        before, first = str(stretch["before"]), int(stretch["first"])
        if (first == 1 and before != START) or places.get(first - 1, before) != before:
            faults.append(Fault(EVENTS, f"Place {first} does not follow the one before."))
        for seq, link in enumerate(stretch["links"], first):
            text = link["text"]
            if int(link["seq"]) != seq:
                faults.append(Fault(EVENTS, f"Place {seq} of the chain is missing."))
            if text is not None:
                found = json.loads(text)
                if sha256_hex(before + text) != link["hash"] or found["seq"] != seq:
                    words = f"Event {found['id']} at place {seq} is not what was sealed."
                    faults.append(Fault(EVENTS, words))
                texts.append({**found, "body": json.loads(found["body"])})
            places[seq] = before = str(link["hash"])
    return places, texts


def _as_told(
    listed: Mapping[int, Mapping[str, Any]], proved: Mapping[int, Mapping[str, Any]]
) -> Iterator[Fault]:
    """Events that are listed otherwise than they were sealed, or that say they are proved."""
    for key, one in listed.items():
        text = proved.get(key)
        if text is None:
            if one["proved"]:
                yield Fault(EVENTS, f"Event {key} is called proved, and nothing proves it.")
            continue
        said = {name: one[name] for name in ("at", "actor", "act")}
        if said != {name: text[name] for name in said} or one["say"] != text["body"].get("say", ""):
            yield Fault(EVENTS, f"Event {key} is listed otherwise than it was sealed.")


def _versions(data: Mapping[str, Any], sealed: Sequence[Any]) -> Iterator[Fault]:
    told = {
        int(one["body"]["version"]): one["body"]["sha256"]
        for one in sealed
        if "sha256" in one["body"] and "version" in one["body"]
    }
    for row in data["versions"]:
        no, digest = int(row["no"]), row["sha256"]
        own = sha256_hex(dumps(row["body"])) if row["whole"] else digest
        if {digest, told.get(no, digest)} != {own}:
            yield Fault(DATA, f"Version {no} is not the content that was received.")


def _pushes(data: Mapping[str, Any], sealed: Sequence[Any]) -> Iterator[Fault]:
    told = {
        int(one["body"]["push"]): one["body"]["sealed"]
        for one in sealed
        if one["act"] == SENDING and "sealed" in one["body"]
    }
    for row in data["pushes"]:
        key = int(row["id"])
        whole = row["sealed_row"]
        if whole is not None and sha256_hex(dumps(whole)) != told.get(key, row["sealed"]):
            yield Fault(DATA, f"Push {key} is not what was sent.")
        elif row["sealed"] != told.get(key, row["sealed"]):
            yield Fault(DATA, f"Push {key} has another seal than its event.")


def _calls(data: Mapping[str, Any], sealed: Sequence[Any]) -> Iterator[Fault]:
    told = {int(one["body"]["call"][0]): one["body"]["call"] for one in sealed
            if "call" in one["body"]}  # fmt: skip
    for row in data["requests"]:
        key = int(row["id"])
        _, sent, answered = told.get(key, (key, row["sha256"], row["answer_sha256"]))
        for name, text, digest, own in (
            ("What was sent", row["sent"], row["sha256"], sent),
            ("What was answered", row["answer"], row["answer_sha256"], answered),
        ):
            made = digest if text is None or not text["whole"] else sha256_hex(text["text"])
            if {digest, made} != {own}:
                yield Fault(DATA, f"{name} in call {key} is not what the trail says.")


def _approvals(data: Mapping[str, Any], sealed: Sequence[Any]) -> Iterator[Fault]:
    told = {
        one["body"]["sealed"]
        for one in sealed
        if one["act"] == APPROVED and "sealed" in one["body"]
    }
    for row in data["approvals"]:
        whole = row["sealed_row"]
        if whole is not None and told and sha256_hex(dumps(whole)) not in told:
            yield Fault(DATA, f"Approval {row['id']} is not one that was given.")
