"""A packet is proved from its bytes: each byte counts, and what was made anew is told."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from holding.records.packet_file import Contents, check_packet, pack
from rules.values.canonical import dumps, sha256_hex
from tests.holding.records.packets import START, event, parts, said, written


def test_a_packet_agrees_with_itself_and_is_proved_up_to_a_head(tmp_path: Path) -> None:
    found = check_packet(written(tmp_path))
    assert found.faults == ()
    assert (found.record, found.events, found.texts, found.proved) == ("SO-1", 4, 4, 0)
    assert found.contents == Contents(4, compared=4, proved=0)
    assert found.head is not None
    tied = check_packet(written(tmp_path), [found.head])
    assert (tied.compared, tied.proved, tied.contents) == (1, 4, Contents(4, compared=4, proved=4))
    assert check_packet(written(tmp_path), [(9, START)]).beyond == 1
    assert "Place 6 of the chain is not what was noted" in said(written(tmp_path), (6, START))[0]


def test_each_byte_of_each_part_counts(tmp_path: Path) -> None:
    file = written(tmp_path)
    with zipfile.ZipFile(file) as found:
        whole = {name: found.read(name) for name in found.namelist()}
    altered = tmp_path / "altered.zip"
    for name, raw in whole.items():
        for at in range(0, len(raw), 7):
            bent = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            with zipfile.ZipFile(altered, "w") as out:
                for other, content in whole.items():
                    out.writestr(other, bent if other == name else content)
            faults = check_packet(altered).faults
            assert [one.part for one in faults][:1] == [name], (name, at)


def test_no_change_of_the_file_itself_ends_in_a_traceback(tmp_path: Path) -> None:
    raw = written(tmp_path).read_bytes()
    bent = tmp_path / "bent.zip"
    for at in range(0, len(raw), 5):
        bent.write_bytes(raw[:at] + bytes([raw[at] ^ 255]) + raw[at + 1 :])
        check_packet(bent)
    bent.write_bytes(raw[: len(raw) // 2])
    assert check_packet(bent).faults


@pytest.mark.parametrize(
    ("change", "value", "told"),
    [
        ("data__versions__0__body__total", "1.00", "packet.json: Version 1 is not the content"),
        ("data__pushes__0__sealed_row__number", "IV-2", "packet.json: Push 9 is not what was sent"),
        ("data__pushes__0__sealed", START, "packet.json: Push 9 has another seal"),
        (
            "data__approvals__0__sealed_row__reason",
            "No",
            "packet.json: An approval that an event tells of",
        ),
        ("data__requests__0__sent__text", "on", "packet.json: What was sent in call 5"),
        ("data__requests__0__answer__text", "on", "packet.json: What was answered in call 5"),
        ("data__requests__0__answer_sha256", START, "packet.json: What was answered in call 5"),
        ("events__events__1__say", "It went.", "events.json: Event 42 is listed otherwise"),
        ("events__events__1__who", "Tan", "events.json: Event 42 is listed otherwise"),
        ("events__events__1__seq", 3, "events.json: Event 42 is listed otherwise"),
        ("events__events__1__actor", "Tan", "events.json: Event 42 is listed otherwise"),
        ("events__stretches__0__links__1__text", None, "events.json: Event 42 is called proved"),
        ("events__stretches__0__links__1__hash", START, "events.json: Event 42 at place 2"),
        ("events__stretches__0__before", "1" * 64, "events.json: Place 1 does not follow"),
        ("events__anchors__0__hash", START, "events.json: Place 6 of the chain is not what"),
        ("data__versions", None, "packet.json: It is not laid out as a packet is"),
    ],
)
def test_what_was_made_anew_is_told(tmp_path: Path, change: str, value: Any, told: str) -> None:
    found = said(written(tmp_path, **{change: value}))
    assert any(one.startswith(told) for one in found), found


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("part", "raw"),
    [
        ("packet.json", DEEP),
        ("events.json", DEEP),
        ("manifest.json", DEEP),
        ("events.json", b'{"anchors":[],"events":[{"id":Infinity}],"stretches":[]}'),
        (
            "events.json",
            dumps({"anchors": [], "events": [], "stretches": [[]]}).encode(),
        ),
    ],
)
def test_what_is_nested_or_laid_out_otherwise_is_a_fault(
    tmp_path: Path, part: str, raw: bytes
) -> None:
    made = pack({**parts(), part: raw})
    assert made is not None
    file = tmp_path / "odd.zip"
    file.write_bytes(made.content)
    assert check_packet(file).faults


def test_a_call_without_its_three_values_is_a_fault(tmp_path: Path) -> None:
    text = event(1, {"say": "", "call": []}, "posting.posted")
    stretch = {"first": 1, "before": START,
               "links": [{"seq": 1, "hash": sha256_hex(START + text), "text": text}]}  # fmt: skip
    found = said(written(tmp_path, events__stretches=[stretch]))
    assert "It is not laid out as a packet is: IndexError" in found[0]
