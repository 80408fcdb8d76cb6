"""Write an evidence packet as a ZIP file with a hash manifest, and verify such a file."""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rules.values.canonical import dumps, sha256_hex

FORMAT: Final = "clearpost-evidence-1"

MANIFEST: Final = "manifest.json"

OWN: Final = "sha256"
"""The manifest's own hash: of all that it says beside this."""

DATA: Final = "packet.json"

EVENTS: Final = "events.json"

PAGE: Final = "packet.html"

PARTS: Final = (DATA, EVENTS, PAGE)

MOST_BYTES: Final = 64 * 1024 * 1024
"""What all parts may come to; more is neither written nor read."""

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How a packet is packed; only of these can no more be unpacked than a part says it holds."""

_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
"""Equal parts are an equal file."""

_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)

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

START: Final = "0" * 64

_HASH: Final = re.compile(r"[0-9a-f]{64}")

Known = tuple[int, str]
"""A head that was noted elsewhere: its place and its hash."""

SENDING: Final = "posting.sending"

APPROVED: Final = "posting.approved"

KINDS: Final = ("versions", "pushes", "approvals", "requests")

_OF_PUSH: Final = ("no", "action", "number", "key")

_OF_APPROVAL: Final = ("reason", "at", "hash")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a part of a packet, in words."""

    part: str
    message: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event of the record from its text; `proved`: by a noted head that was given."""

    id: int
    act: str
    body: Mapping[str, Any]
    proved: bool


Finding = Fault | Sealed
"""What is wrong with a content, or the event that it agrees with."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a packet: its name, its bytes counted, and their SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Packed:
    """The file, and the hash of its manifest: who knows that one knows every part."""

    content: bytes
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The parts that could be read, the hash of the manifest, and what is wrong with the file."""

    parts: Mapping[str, bytes]
    sha256: str
    faults: tuple[Fault, ...]


def packed(parts: Mapping[str, bytes]) -> Packed | None:
    """The parts and their manifest as a file; None where they are more than a packet holds."""
    if sum(map(len, parts.values())) > MOST_BYTES:
        return None
    listed = {name: {"bytes": len(raw), "sha256": sha256_hex(raw)} for name, raw in parts.items()}
    told = {"format": FORMAT, "parts": listed}
    manifest = dumps({**told, OWN: sha256_hex(dumps(told))}).encode()
    out = io.BytesIO()
    every = {MANIFEST: manifest, **parts}
    with zipfile.ZipFile(out, "w") as file:
        for name, raw in every.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, raw)
    told_of = tuple(Part(name, len(raw), sha256_hex(raw)) for name, raw in every.items())
    return Packed(out.getvalue(), sha256_hex(manifest), told_of)


def unpacked(path: Path) -> Unpacked:
    """What a file holds, each part compared with the manifest; a file that is none is a fault."""
    try:
        with zipfile.ZipFile(path) as file:
            return _read(file)
    except _UNREADABLE as problem:
        return Unpacked({}, "", (Fault(path.name, f"It is no evidence packet: {problem}."),))


def _read(file: zipfile.ZipFile) -> Unpacked:
    entries = file.infolist()
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        words = f"It holds more than {MOST_BYTES:,} bytes, so nothing of it was read."
        return Unpacked({}, "", (Fault("packet", words),))
    parts: dict[str, bytes] = {}
    faults: list[Fault] = []
    for entry in entries:
        if entry.filename in parts:
            faults.append(Fault(entry.filename, "It is in the packet twice."))
            continue
        if entry.compress_type not in _METHODS:
            faults.append(Fault(entry.filename, "It is packed in a way that no packet uses."))
            continue
        try:
            with file.open(entry) as part:  # what it says it holds was counted above
                parts[entry.filename] = part.read(entry.file_size + 1)
        except _UNREADABLE:
            faults.append(Fault(entry.filename, "It cannot be read: its bytes were changed."))
    manifest = parts.pop(MANIFEST, None)
    if manifest is None:
        words = "It is missing or damaged, so no part can be compared."
        return Unpacked(parts, "", (*faults, Fault(MANIFEST, words)))
    return Unpacked(parts, sha256_hex(manifest), (*faults, *_compared(manifest, parts, faults)))


def _compared(manifest: bytes, parts: Mapping[str, bytes], known: list[Fault]) -> tuple[Fault, ...]:
    listed = _manifest_entries(manifest)
    if listed is None:
        return (Fault(MANIFEST, "It is not as it was written."),)
    named = {one.part for one in known}
    found = [Fault(name, "The manifest does not name it.") for name in parts if name not in listed]
    for name, told in listed.items():
        raw = parts.get(name)
        if raw is None:
            if name not in named:
                found.append(Fault(name, "It is missing."))
        elif told != {"bytes": len(raw), "sha256": sha256_hex(raw)}:
            found.append(Fault(name, "It is not what the manifest says."))
    return tuple(found)


def _manifest_entries(manifest: bytes) -> Mapping[str, Any] | None:
    """Name -> what is said of it; None of a manifest that differs from its canonical text."""
    try:
        told = json.loads(manifest)
        listed = told["parts"]
        whole = dumps(told).encode() == manifest and told["format"] == FORMAT
        own = told.pop(OWN)
    except (ValueError, KeyError, TypeError):
        return None
    whole = whole and own == sha256_hex(dumps(told)) and isinstance(listed, dict)
    return listed if whole and set(PARTS) <= set(listed) else None


@dataclass(frozen=True, slots=True)
class Contents:
    """How many there are, how many of them stand in the packet as an event in it sealed them, and
    for how many that event is proved.
    """

    rows: int = 0
    compared: int = 0
    proved: int = 0


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
    listed = _rows_by_id(events["events"], faults)
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


def _rows_by_id(
    rows: Sequence[Mapping[str, Any]], faults: list[Fault]
) -> Mapping[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    for one in rows:
        key = int(one["id"])
        if key in found:
            faults.append(Fault(EVENTS, f"Event {key} is listed twice."))
        found[key] = one
    return found


@dataclass(frozen=True, slots=True)
class Walked:
    """Place -> hash, and place -> what was sealed there, of those whose text is in the packet."""

    places: Mapping[int, str]
    texts: Mapping[int, Mapping[str, Any]]


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


def compared(data: Mapping[str, Any], events: Iterable[Sealed], faults: list[Fault]) -> Contents:
    """Compare each content with the event that sealed it; where two did, with the proved one."""
    told = sorted(events, key=lambda one: one.proved)
    agree = []
    for name, ask in zip(KINDS, (_versions, _pushes, _approvals, _calls), strict=True):
        for found in ask(data[name], told):
            if isinstance(found, Fault):
                faults.append(found)
            else:
                agree.append(found)
    rows = sum(len(data[name]) for name in KINDS)
    return Contents(rows, compared=len(agree), proved=sum(one.proved for one in agree))


def _versions(rows: Sequence[Mapping[str, Any]], events: Sequence[Sealed]) -> Iterator[Finding]:
    told = {
        int(one.body["version"]): one
        for one in events
        if "sha256" in one.body and "version" in one.body
    }
    yield from _missing(told, [int(row["no"]) for row in rows], "Version")
    for row in rows:
        no, digest = int(row["no"]), row["sha256"]
        event, whole = told.get(no), row["whole"] is True
        own = sha256_hex(dumps(row["body"])) if whole else digest
        if {digest, event.body["sha256"] if event else digest} != {own}:
            yield Fault(DATA, f"Version {no} is not the content that was received.")
        elif event and whole:
            yield event


def _missing(told: Mapping[int, Sealed], held: Iterable[int], what: str) -> Iterator[Fault]:
    there = set(held)
    for key, event in told.items():
        if key not in there:
            words = f"{what} {key}, which event {event.id} tells of, is missing."
            yield Fault(DATA, words)


def _pushes(rows: Sequence[Mapping[str, Any]], events: Sequence[Sealed]) -> Iterator[Finding]:
    told = {
        int(one.body["push"]): one for one in events if one.act == SENDING and "sealed" in one.body
    }
    yield from _missing(told, [int(row["id"]) for row in rows], "Push")
    for row in rows:
        key, whole = int(row["id"]), row["sealed_row"]
        event = told.get(key)
        seal = event.body["sealed"] if event else row["sealed"]
        if whole is not None and sha256_hex(dumps(whole)) != seal:
            yield Fault(DATA, f"Push {key} is not what was sent.")
        elif row["sealed"] != seal:
            yield Fault(DATA, f"Push {key} has another seal than its event.")
        elif whole is not None and any(row[name] != whole[name] for name in _OF_PUSH):
            yield Fault(DATA, f"Push {key} is shown otherwise than it was sent.")
        elif event and whole is not None:
            yield event


def _approvals(rows: Sequence[Mapping[str, Any]], events: Sequence[Sealed]) -> Iterator[Finding]:
    told = {
        one.body["sealed"]: one for one in events if one.act == APPROVED and "sealed" in one.body
    }
    lacking = set(told)
    bare = 0
    for row in rows:
        whole = row["sealed_row"]
        if whole is None:
            bare += 1
            continue
        seal = sha256_hex(dumps(whole))
        lacking.discard(seal)
        if any(row[name] != whole[name] for name in _OF_APPROVAL):
            yield Fault(DATA, f"Approval {row['id']} is shown otherwise than it was given.")
        elif seal in told:
            yield told[seal]
    if len(lacking) > bare:  # which of them is one without its sealed row cannot be told
        words = "An approval that an event tells of is missing, or not what was given."
        yield Fault(DATA, words)


def _calls(rows: Sequence[Mapping[str, Any]], events: Sequence[Sealed]) -> Iterator[Finding]:
    told = {int(one.body["call"][0]): one for one in events if "call" in one.body}
    yield from _missing(told, [int(row["id"]) for row in rows], "Call")
    for row in rows:
        key = int(row["id"])
        event = told.get(key)
        _, sent, answered = (
            event.body["call"] if event else (key, row["sha256"], row["answer_sha256"])
        )
        wrong, whole = False, True
        for name, text, digest, own in (
            ("What was sent", row["sent"], row["sha256"], sent),
            ("What was answered", row["answer"], row["answer_sha256"], answered),
        ):
            there = text is not None and text["whole"] is True
            whole = whole and there
            if {digest, sha256_hex(text["text"]) if there else digest} != {own}:
                wrong = True
                yield Fault(DATA, f"{name} in call {key} is not what the trail says.")
        if event and whole and not wrong:
            yield event
