"""A packet is proved from its bytes: each byte counts, and what was made anew is told."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from holding.evidence.packet_check import check
from holding.evidence.packet_file import MANIFEST, MOST_BYTES, packed, unpacked
from rules.values.canonical import dumps, sha256_hex

START = "0" * 64
AT = "2026-11-20T06:30:00.000000Z"


def event(seq: int, body: dict[str, Any], act: str = "record.received") -> str:
    told = {"id": seq + 40, "at": AT, "actor": "Clearpost", "act": act, "body": dumps(body)}
    return dumps({**told, "seq": seq})


def parts(**changed: Any) -> dict[str, bytes]:
    """A small packet: a version, a push and an approval with their events at places 1 to 3."""
    body = {"number": "SO-1", "total": "12.00"}
    row, consent = {"number": "IV-1", "hash": "h"}, {"level": "a", "reason": "Fine"}
    sent, going, yes = "posting.posted", "posting.sending", "posting.approved"
    texts = [
        event(1, {"say": "It came.", "version": 1, "sha256": sha256_hex(dumps(body))}),
        event(2, {"say": "It goes.", "push": 9, "sealed": sha256_hex(dumps(row))}, going),
        event(3, {"say": "Yes.", "sealed": sha256_hex(dumps(consent))}, yes),
        event(4, {"say": "Sent.", "call": [5, sha256_hex("in"), sha256_hex("out")]}, sent),
    ]  # fmt: skip
    links, before = [], START
    for seq, text in enumerate(texts, 1):
        before = sha256_hex(before + text)
        links.append({"seq": seq, "hash": before, "text": text})
    listed = [
        {"id": seq + 40, "seq": seq, "at": AT, "actor": "Clearpost", "act": found["act"],
         "say": json.loads(found["body"])["say"], "proved": True}
        for seq, found in enumerate(map(json.loads, texts), 1)
    ]  # fmt: skip
    data = {
        "packet": {"made_at": AT, "company": {"code": "kedai"}},
        "record": {"number": "SO-1"},
        "versions": [{"no": 1, "sha256": sha256_hex(dumps(body)), "body": body, "whole": True}],
        "pushes": [{"id": 9, "sealed": sha256_hex(dumps(row)), "sealed_row": row}],
        "approvals": [{"id": 3, "sealed_row": consent}],
        "requests": [
            {"id": 5, "sha256": sha256_hex("in"), "answer_sha256": sha256_hex("out"),
             "sent": {"text": "in", "whole": True}, "answer": {"text": "out", "whole": True}}
        ],
    }  # fmt: skip
    chain = {
        "events": listed,
        "stretches": [{"first": 1, "before": START, "links": links}],
        "anchors": [{"seq": 4, "hash": before}],
        "head": {"seq": 4, "hash": before},
    }
    found = {"data": data, "events": chain}
    for path, value in changed.items():
        at: Any = found
        *way, last = path.split("__")
        for step in way:
            at = at[int(step) if step.isdecimal() else step]
        at[int(last) if last.isdecimal() else last] = value
    return {
        "packet.json": dumps(found["data"]).encode(),
        "events.json": dumps(found["events"]).encode(),
        "packet.html": b"<p>SO-1</p>",
    }


def written(folder: Path, **changed: Any) -> Path:
    made = packed(parts(**changed))
    assert made is not None
    file = folder / "packet.zip"
    file.write_bytes(made.content)
    return file


def said(file: Path, *known: tuple[int, str]) -> list[str]:
    return [f"{one.part}: {one.message}" for one in check(file, known).faults]


def test_a_packet_is_whole(tmp_path: Path) -> None:
    found = check(written(tmp_path))
    assert found.faults == ()
    assert (found.record, found.events, found.proved, found.contents) == ("SO-1", 4, 4, 4)
    head = found.head
    assert head is not None
    assert check(written(tmp_path), [head]).compared == 1
    assert check(written(tmp_path), [(9, START)]).beyond == 1
    assert "Place 4 of the chain is not what was noted" in said(written(tmp_path), (4, START))[0]


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
            faults = check(altered).faults
            assert [one.part for one in faults][:1] == [name], (name, at)


def test_no_change_of_the_file_itself_ends_in_a_traceback(tmp_path: Path) -> None:
    raw = written(tmp_path).read_bytes()
    bent = tmp_path / "bent.zip"
    for at in range(0, len(raw), 5):
        bent.write_bytes(raw[:at] + bytes([raw[at] ^ 255]) + raw[at + 1 :])
        check(bent)
    bent.write_bytes(raw[: len(raw) // 2])
    assert check(bent).faults


@pytest.mark.parametrize(
    ("change", "value", "told"),
    [
        ("data__versions__0__body__total", "1.00", "packet.json: Version 1 is not the content"),
        ("data__pushes__0__sealed_row__number", "IV-2", "packet.json: Push 9 is not what was sent"),
        ("data__pushes__0__sealed", START, "packet.json: Push 9 has another seal"),
        ("data__approvals__0__sealed_row__reason", "No", "packet.json: Approval 3 is not one"),
        ("data__requests__0__sent__text", "on", "packet.json: What was sent in call 5"),
        ("data__requests__0__answer__text", "on", "packet.json: What was answered in call 5"),
        ("data__requests__0__answer_sha256", START, "packet.json: What was answered in call 5"),
        ("events__events__1__say", "It went.", "events.json: Event 42 is listed otherwise"),
        ("events__events__1__actor", "Tan", "events.json: Event 42 is listed otherwise"),
        ("events__stretches__0__links__1__text", None, "events.json: Event 42 is called proved"),
        ("events__stretches__0__links__1__hash", START, "events.json: Event 42 at place 2"),
        ("events__stretches__0__before", "1" * 64, "events.json: Place 1 does not follow"),
        ("events__anchors__0__hash", START, "events.json: Place 4 of the chain is not what"),
        ("data__versions", None, "packet.json: It is not laid out as a packet is"),
    ],
)
def test_what_was_made_anew_is_told(tmp_path: Path, change: str, value: Any, told: str) -> None:
    found = said(written(tmp_path, **{change: value}))
    assert any(one.startswith(told) for one in found), found


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
    assert packed({"a": b"x" * (MOST_BYTES + 1)}) is None
    file = tmp_path / "large.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("a", b"\0" * (MOST_BYTES + 1))
    found = unpacked(file)
    assert not found.parts
    assert "so nothing of it was read" in found.faults[0].message
