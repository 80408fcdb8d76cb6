"""Write an evidence packet as a ZIP file with a hash manifest, and verify such a file.

This file needs nothing but Python 3.11 or newer. `clearpost packet` puts a copy beside each packet,
so that an auditor verifies the packet on a machine without the product:

python verify_packet.py PACKET.zip --head 120:9f3c… --sha256 4be1…
"""

import argparse
import hashlib
import io
import json
import re
import sys
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FORMAT: Final = "clearpost-evidence-1"

MANIFEST: Final = "manifest.json"

OWN: Final = "sha256"
"""Key of the manifest's own hash, which covers everything else in it."""

DATA: Final = "packet.json"

EVENTS: Final = "events.json"

PAGE: Final = "packet.html"

ROWS: Final = "rows.json"
"""Stored rows with their seals; packets made by former versions have none."""

PARTS: Final = (DATA, EVENTS, PAGE)

MOST_BYTES: Final = 64 * 1024 * 1024
"""Largest total size of all parts; a larger packet is neither written nor read."""

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Allowed ZIP methods: with these a part cannot unpack to more than its declared size."""

_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
"""Fixed timestamp, so that equal parts give an equal file."""

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
"""Errors from reading JSON with an unexpected layout."""

COMMAND_LINE: Final = "command line"

START: Final = "0" * 64

_HASH: Final = re.compile(r"[0-9a-f]{64}")

Known = tuple[int, str]
"""A head that was noted elsewhere: its place and hash."""

SENDING: Final = "posting.sending"

APPROVED: Final = "posting.approved"

SEALING: Final = "rows.sealed"

SHARED: Final = ("delivery", "request")
"""Tables whose rows several records may share: another record's seal may be newer."""

StoredRow = tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]
"""A row's columns: those that never change, that change with events, that retention empties."""

Place = tuple[str, str]
"""A table and a row's key."""

_OF_POSTING: Final = (
    *(("number", "number"), ("state", "state"), ("action", "action"), ("hash", "hash")),
    ("target_id", "target_ref"),
)
"""What the packet shows of a document, with the column of its row."""

KINDS: Final = ("versions", "pushes", "approvals", "requests")

_OF_PUSH: Final = ("no", "action", "number", "key")

_OF_APPROVAL: Final = ("reason", "at", "hash")


def dumps(value: Any) -> str:
    """Return canonical JSON of a plain value: sorted keys and no spaces."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sha256_hex(value: str | bytes) -> str:
    """Return the SHA-256 of a text (UTF-8) or of bytes, in hex."""
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return hashlib.sha256(raw).hexdigest()


@dataclass(frozen=True, slots=True)
class Fault:
    """An error in a part of a packet, in words."""

    part: str
    message: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event of the record, read from its text; `proved` by a noted head."""

    id: int
    act: str
    body: Mapping[str, Any]
    proved: bool


Finding = Fault | Sealed
"""An error in a content, or the event that confirms it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a packet: name, size in bytes, SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Packed:
    """The packet file, and the hash of its manifest, which covers every part."""

    content: bytes
    sha256: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The readable parts, the hash of the manifest, and the file's errors."""

    parts: Mapping[str, bytes]
    sha256: str
    faults: tuple[Fault, ...]


def pack(parts: Mapping[str, bytes]) -> Packed | None:
    """Return the parts and their manifest as a ZIP file, or None if they are too large."""
    if sum(map(len, parts.values())) > MOST_BYTES:
        return None
    listed = {name: {"bytes": len(raw), "sha256": sha256_hex(raw)} for name, raw in parts.items()}
    content = {"format": FORMAT, "parts": listed}
    manifest = dumps({**content, OWN: sha256_hex(dumps(content))}).encode()
    out = io.BytesIO()
    every = {MANIFEST: manifest, **parts}
    with zipfile.ZipFile(out, "w") as file:
        for name, raw in every.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(entry, raw)
    part_list = tuple(Part(name, len(raw), sha256_hex(raw)) for name, raw in every.items())
    return Packed(out.getvalue(), sha256_hex(manifest), part_list)


def unpack(path: Path) -> Unpacked:
    """Read a packet file and compare each part with the manifest; an unreadable file is a fault."""
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
    known_parts = {one.part for one in known}
    faults = [Fault(name, "The manifest does not name it.") for name in parts if name not in listed]
    for name, entry in listed.items():
        raw = parts.get(name)
        if raw is None:
            if name not in known_parts:
                faults.append(Fault(name, "It is missing."))
        elif entry != {"bytes": len(raw), "sha256": sha256_hex(raw)}:
            faults.append(Fault(name, "It is not what the manifest says."))
    return tuple(faults)


def _manifest_entries(manifest: bytes) -> Mapping[str, Any] | None:
    """Return the manifest's entries by name, or None if its text is not canonical."""
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
    """How many contents there are, how many match their sealing event, and how many are proved."""

    rows: int = 0
    compared: int = 0
    proved: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The result of a check.

    Of the listed `events`, `texts` match their sealed text in the packet, and `proved` are also
    covered by a noted head. The others are only self-consistent. `removed` places have no text.
    `compared` noted heads lie within the packet's chain, `beyond` lie outside.
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
    rows: Contents = field(default_factory=Contents)
    head: Known | None = None
    compared: int = 0
    beyond: int = 0


def check_packet(path: Path, known: Iterable[Known] = (), *, sha256: str = "") -> Checked:
    """Verify a packet; `sha256` is the hash of its manifest from the audit log."""
    unpacked = unpack(path)
    faults = list(unpacked.faults)
    if sha256 and unpacked.sha256 and sha256 != unpacked.sha256:
        words = "Its hash is not the one that was given: it is another packet."
        faults.append(Fault("manifest.json", words))
    if faults:
        return Checked(sha256=unpacked.sha256, faults=tuple(faults))
    try:
        data, events = (json.loads(unpacked.parts[name]) for name in (DATA, EVENTS))
        rows = json.loads(unpacked.parts.get(ROWS, b'{"rows": {}, "seals": []}'))
        return _checked(data, events, rows, tuple(known), unpacked.sha256)
    except UNTRUE as problem:
        words = f"It is not laid out as a packet is: {type(problem).__name__} {problem}."
        return Checked(sha256=unpacked.sha256, faults=(Fault(DATA, words),))


def _checked(
    data: Mapping[str, Any],
    events: Mapping[str, Any],
    rows: Mapping[str, Any],
    known: Sequence[Known],
    digest: str,
) -> Checked:
    faults: list[Fault] = []
    listed = _rows_by_id(events["events"], faults)
    walk = walk_chain(events["stretches"], {one["seq"] for one in listed.values()}, faults)
    places = walk.places
    told = [(int(one["seq"]), str(one["hash"])) for one in events["anchors"]]
    faults += [
        Fault(EVENTS, f"Place {seq} of the chain is not what was noted ({own[:12]}).")
        for seq, own in (*told, *known)
        if places.get(seq, own) != own
    ]
    tied = proved_places(walk, known)  # what the packet says was noted proves nothing
    sealed = _of_record(listed, walk, faults)
    faults += _as_told(listed, {int(text["id"]): text for text in sealed})
    own = [
        Sealed(int(text["id"]), text["act"], text["body"], text["seq"] in tied) for text in sealed
    ]
    last = max(places, default=None)
    record_id = next((text["record_id"] for text in sealed), None)
    seals = _read_seals(rows["seals"], walk, tied, record_id, faults)
    seals.read_changes(listed.values(), rows["rows"])
    row_contents = compare_rows(rows["rows"], seals, faults)
    faults += _shown_otherwise(data["postings"], rows["rows"].get("posting", {}))
    return Checked(
        contents=compare_contents(data, own, faults),
        rows=row_contents,
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
    rows_by_id: dict[int, Mapping[str, Any]] = {}
    for row in rows:
        key = int(row["id"])
        if key in rows_by_id:
            faults.append(Fault(EVENTS, f"Event {key} is listed twice."))
        rows_by_id[key] = row
    return rows_by_id


@dataclass(frozen=True, slots=True)
class Walked:
    """Hashes by place, and sealed texts by place for those in the packet."""

    places: Mapping[int, str]
    texts: Mapping[int, Mapping[str, Any]]


def _of_record(
    listed: Mapping[int, object], walk: Walked, faults: list[Fault]
) -> list[Mapping[str, Any]]:
    """Return the sealed texts of the listed events, and report faults if they are not one
    record's.
    """
    texts = walk.texts.values()
    texts_of_listed = [text for text in texts if int(text["id"]) in listed]
    if len({int(text["id"]) for text in texts_of_listed}) < len(texts_of_listed):
        faults.append(Fault(EVENTS, "A listed event has two places."))
    record_ids = {text["record_id"] for text in texts_of_listed}
    if len(record_ids) > 1 or None in record_ids:
        faults.append(Fault(EVENTS, "The listed events are not of one record."))
        return texts_of_listed
    for text in texts:
        if text["record_id"] in record_ids and int(text["id"]) not in listed:
            words = f"Event {text['id']} is of this record, and is not listed."
            faults.append(Fault(EVENTS, words))
    return texts_of_listed


def _as_told(
    listed: Mapping[int, Mapping[str, Any]], sealed: Mapping[int, Mapping[str, Any]]
) -> Iterator[Fault]:
    """Yield faults for events listed differently than sealed, or wrongly marked as proved."""
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


def walk_chain(
    stretches: Sequence[Mapping[str, Any]], listed: Collection[int], faults: list[Fault]
) -> Walked:
    """Walk each stretch; a link that does not follow from the one before is a fault.

    A text may be missing only at places of `listed` events, or where the packet marks it as
    removed.
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


def proved_places(walk: Walked, known: Iterable[Known]) -> frozenset[int]:
    """Return the places that a noted head proves.

    Every text from the place up to the head must be in the packet, because a hash without its text
    can be anything.
    """
    noted = {seq for seq, own in known if walk.places.get(seq) == own}
    places: set[int] = set()
    tied = False
    for seq in sorted(walk.places, reverse=True):
        tied = seq in walk.texts and (seq in noted or (tied and seq + 1 in walk.places))
        if tied:
            places.add(seq)
    return frozenset(places)


def compare_contents(
    data: Mapping[str, Any], events: Iterable[Sealed], faults: list[Fault]
) -> Contents:
    """Compare each content with its sealing event, preferring a proved one."""
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


@dataclass(slots=True)
class RowSeals:
    """A record's seals: hashes and event of each row, and the rows of the newest seal.

    Columns that never change have their first hash, other columns their newest one. `changing`:
    events, checks or calls may have changed the record since the newest seal.
    """

    hashes: dict[Place, list[str]] = field(default_factory=dict)
    events: dict[Place, int] = field(default_factory=dict)
    proved: dict[Place, bool] = field(default_factory=dict)
    newest: set[Place] = field(default_factory=set)
    marks: Mapping[str, int] = field(default_factory=dict)
    changing: bool = False

    def add(self, seal: Mapping[str, Any], event_id: int, *, proved: bool) -> None:
        """Add a seal that is newer than those added before."""
        body = seal["body"]
        tables = json.loads(body) if isinstance(body, str) else body
        self.newest = {(table, key) for table, rows in tables.items() for key in rows}
        self.marks = {name: int(seal[name]) for name in ("through", "evaluation_id", "reading_id")}
        for place in self.newest:
            parts = tables[place[0]][place[1]].split(".")
            before = self.hashes.get(place)
            if before:
                cleared = [old or new for old, new in zip(before[2:], parts[2:], strict=False)]
                parts = [before[0], *parts[1:2], *cleared]
            self.hashes[place] = parts
            self.events[place] = event_id
            self.proved[place] = proved and self.proved.get(place, True)

    def read_changes(
        self, events: Iterable[Mapping[str, Any]], rows: Mapping[str, Mapping[str, Any]]
    ) -> None:
        """Record whether the packet has events, checks or calls behind the newest seal."""
        through = self.marks.get("through", 0)
        self.changing = any(one["seq"] is None or one["seq"] > through for one in events) or any(
            int(key) > self.marks.get(f"{table}_id", 0)
            for table in ("evaluation", "reading")
            for key in rows.get(table, ())
        )
        sending = (row[1]["state"] for row in rows.get("posting", {}).values() if row)
        self.changing = self.changing or "sending" in sending


def _read_seals(
    batches: Sequence[Mapping[str, Any]],
    walk: Walked,
    tied: Collection[int],
    record_id: object,
    faults: list[Fault],
) -> RowSeals:
    """Return the record's seals; a batch that is not what its event sealed is a fault."""
    events = {int(text["id"]): text for text in walk.texts.values() if text["act"] == SEALING}
    own = []
    for batch in batches:
        event = events.get(int(batch["event"]))
        if event is None:
            words = f"Event {batch['event']}, which sealed rows, is not in the packet."
            faults.append(Fault(ROWS, words))
            continue
        if sha256_hex("\n".join(batch["texts"])) != event["body"]["seals"][2]:
            faults.append(Fault(ROWS, f"Seals of rows are not what event {event['id']} sealed."))
            continue
        seals = [json.loads(text) for text in batch["texts"]]
        own += [(int(seal["id"]), seal, event) for seal in seals if seal["record_id"] == record_id]
    found = RowSeals()
    for _, seal, event in sorted(own, key=lambda one: one[0]):
        found.add(seal, int(event["id"]), proved=event["seq"] in tied)
    return found


def compare_rows(
    rows: Mapping[str, Mapping[str, StoredRow | None]], seals: RowSeals, faults: list[Fault]
) -> Contents:
    """Compare each stored row with its seals, as `clearpost verify` does in the database."""
    stored = {(table, key): row for table, keyed in rows.items() for key, row in keyed.items()}
    compared = proved = 0
    for place in sorted({*stored, *seals.newest}):
        what = f"Row {place[1]} of table {place[0]}"
        row, event_id = stored.get(place), seals.events.get(place)
        if place not in stored:
            faults.append(Fault(ROWS, f"{what}, which event {event_id} sealed, is missing."))
        elif place not in seals.newest:
            if seals.newest and not seals.changing:
                faults.append(Fault(ROWS, f"{what}: no event tells of it."))
        elif row is not None:
            own, sealed = row_hashes(row), seals.hashes[place]
            current = own[1] == sealed[1]
            lenient = seals.changing or place[0] in SHARED
            cleared = all(
                not now or now == before or (lenient and not before)
                for now, before in zip(own[2:], sealed[2:], strict=True)
            )
            if own[0] != sealed[0] or not cleared or not (current or lenient):
                faults.append(Fault(ROWS, f"{what} is not what event {event_id} sealed."))
            elif current:
                compared += 1
                proved += seals.proved[place]
    return Contents(len({*stored, *seals.newest}), compared=compared, proved=proved)


def row_hashes(row: StoredRow) -> list[str]:
    """Return a row's hashes: columns that never change, those that do, each that is emptied."""
    fixed, state, cleared = row
    hashes = [_row_hash(fixed), _row_hash(state)]
    for part in cleared:
        (value,) = part.values()
        empty = value is None or value in ("{}", "")
        hashes.append("" if empty else _row_hash(part))
    return hashes


def _row_hash(values: Mapping[str, Any]) -> str:
    return sha256_hex(json.dumps(values, sort_keys=True, separators=(",", ":")))[:32]


def _shown_otherwise(
    shown: Sequence[Mapping[str, Any]], rows: Mapping[str, StoredRow | None]
) -> Iterator[Fault]:
    """Yield a fault for each document that the packet shows otherwise than its row is stored."""
    for posting in shown:
        row = rows.get(str(posting["id"]))
        if row and any(posting[name] != row[1][column] for name, column in _OF_POSTING):
            words = f"Document {posting['id']} is shown otherwise than its row is stored."
            yield Fault(DATA, words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify a packet from the command line; return 1 if anything in it is wrong."""
    parser = argparse.ArgumentParser(description="Verify an evidence packet.")
    parser.add_argument("packet", type=Path)
    parser.add_argument("--head", action="append", default=[], metavar="SEQ:HASH")
    parser.add_argument("--sha256", default="", help="the packet's hash in the audit log")
    given = parser.parse_args(arguments)
    try:
        known = [
            (int(seq), digest) for seq, _, digest in (one.partition(":") for one in given.head)
        ]
    except ValueError:
        parser.error("write a head as 120:9f3c…")
    checked = check_packet(given.packet, known, sha256=given.sha256.strip().lower())
    shown = {
        "ok": not checked.faults,
        "sha256": checked.sha256,
        "record": checked.record,
        "events": checked.events,
        "texts": checked.texts,
        "proved": checked.proved,
        "contents": checked.contents.rows,
        "contents_compared": checked.contents.compared,
        "contents_proved": checked.contents.proved,
        "rows": checked.rows.rows,
        "rows_compared": checked.rows.compared,
        "rows_proved": checked.rows.proved,
        "heads_compared": checked.compared,
        "faults": [f"{fault.part}: {fault.message}" for fault in checked.faults],
    }
    print(json.dumps(shown, indent=1))  # noqa: T201 - it is a program of its own here
    return 1 if checked.faults else 0


if __name__ == "__main__":
    sys.exit(main())
