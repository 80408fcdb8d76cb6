"""The file of a packet is read within its limits, whatever it says of itself."""

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from holding.records.packet_file import MANIFEST, MOST_BYTES, pack, unpack
from tests.holding.records.packets import said, written


def test_a_part_too_many_and_one_twice_are_named(tmp_path: Path) -> None:
    file = written(tmp_path)
    with zipfile.ZipFile(file, "a") as out:
        out.writestr("more.txt", b"x")
    assert said(file) == ["more.txt: The manifest does not name it."]
    file = written(tmp_path)
    with zipfile.ZipFile(file, "a") as out, pytest.warns(UserWarning, match="Duplicate"):
        out.writestr("packet.html", b"x")
    assert "packet.html: It is in the packet twice." in said(file)


def test_what_is_no_packet_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(b"PK nothing")
    assert "It is no evidence packet" in said(file)[0]
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("a", b"x")
    assert said(file) == [f"{MANIFEST}: It is missing or damaged, so no part can be compared."]


def test_a_packet_has_a_size(tmp_path: Path) -> None:
    assert pack({"a": b"x" * (MOST_BYTES + 1)}) is None
    file = tmp_path / "large.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a", b"\0" * (MOST_BYTES + 1))
    found = unpack(file)
    assert not found.parts
    assert "so nothing of it was read" in found.faults[0].message


def declared(file: Path, name: str, size: int) -> None:
    """The list of the file says that this part holds so many bytes."""
    raw = bytearray(file.read_bytes())
    at = raw.rindex(b"PK\x01\x02", 0, raw.rindex(name.encode()))
    raw[at + 24 : at + 28] = size.to_bytes(4, "little")
    file.write_bytes(bytes(raw))


def test_no_more_is_unpacked_than_a_part_says_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a", b"\0" * (MOST_BYTES + 1))
    declared(file, "a", 9)
    tracemalloc.start()
    found = unpack(file)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not found.parts
    assert "It cannot be read" in found.faults[0].message
    assert most < 2 * 1024 * 1024


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_part_is_packed_as_packets_are(tmp_path: Path, method: int) -> None:
    file = tmp_path / "other.zip"
    with zipfile.ZipFile(file, "w", method) as out:
        out.writestr("a", b"\0" * 99)
    found = unpack(file)
    assert not found.parts
    assert found.faults[0].message == "It is packed in a way that no packet uses."
