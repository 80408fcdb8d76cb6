"""Small packets for tests: what a record of four events gives, changed as a test wants it."""

import json
from pathlib import Path
from typing import Any

from holding.evidence.packet_check import check
from holding.evidence.packet_file import packed
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
