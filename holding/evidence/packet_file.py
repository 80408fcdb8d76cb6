"""An evidence packet as one file: its parts, and a manifest with the hash of each.

Here: writing the file, and reading it back within limits. Pure: neither a database nor a home is
needed. Not here: what the parts say (packet_contents.py), whether they are what was sealed
(packet_check.py).
"""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
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
class Fault:
    """What is wrong with a part of a packet, in words."""

    part: str
    message: str


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
    listed = _listed(manifest)
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


def _listed(manifest: bytes) -> Mapping[str, Any] | None:
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
