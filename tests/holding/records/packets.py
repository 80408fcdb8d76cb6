"""Small packets for tests: what a record of four events gives, changed as a test wants it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holding.records.packet_file import check_packet, pack
from rules.values.canonical import dumps, sha256_hex

START = "0" * 64
AT = "2026-11-20T06:30:00.000000Z"


MINE, OTHERS = 7, 8


def event(
    seq: int, body: dict[str, Any], act: str = "record.received", *, record: int = MINE
) -> str:
    told = {"id": seq + 40, "at": AT, "actor": "Clearpost", "act": act, "body": dumps(body)}
    return dumps({**told, "record_id": record, "seq": seq})


def linked(texts: Sequence[str]) -> list[dict[str, Any]]:
    """The places of these texts, from the first of a chain."""
    links, before = [], START
    for seq, text in enumerate(texts, 1):
        before = sha256_hex(before + text)
        links.append({"seq": seq, "hash": before, "text": text})
    return links


def parts(**changed: Any) -> dict[str, bytes]:
    """A small packet: a version, a push, an approval and a call with their events at places 1, 2, 3
    and 5, and events of other records at 4 and 6.
    """
    body = {"number": "SO-1", "total": "12.00"}
    row = {"no": 1, "action": "create", "number": "IV-1", "key": "k", "hash": "h"}
    consent = {"level": "a", "reason": "Fine", "at": AT, "hash": "h"}
    sent, going, yes = "posting.posted", "posting.sending", "posting.approved"
    links = linked(
        [
            event(1, {"say": "It came.", "version": 1, "sha256": sha256_hex(dumps(body))}),
            event(2, {"say": "It goes.", "push": 9, "sealed": sha256_hex(dumps(row))}, going),
            event(3, {"say": "Yes.", "sealed": sha256_hex(dumps(consent))}, yes),
            event(4, {"say": "It came, too."}, record=OTHERS),
            event(5, {"say": "Sent.", "call": [5, sha256_hex("in"), sha256_hex("out")]}, sent),
            event(6, {"say": "It went, too."}, record=OTHERS),
        ]
    )
    texts = [json.loads(one["text"]) for one in links]
    listed = [
        {"id": one["id"], "seq": one["seq"], "at": AT, "actor": "Clearpost", "who": "Clearpost",
         "act": one["act"], "say": json.loads(one["body"])["say"], "proved": True}
        for one in texts if one["record_id"] == MINE
    ]  # fmt: skip
    shown = {name: row[name] for name in ("no", "action", "number", "key")}
    said = {name: consent[name] for name in ("reason", "at", "hash")}
    data = {
        "packet": {"made_at": AT, "company": {"code": "kedai"}},
        "record": {"number": "SO-1"},
        "versions": [{"no": 1, "sha256": sha256_hex(dumps(body)), "body": body, "whole": True}],
        "pushes": [{"id": 9, "sealed": sha256_hex(dumps(row)), "sealed_row": row, **shown}],
        "postings": [],
        "approvals": [{"id": 3, "sealed_row": consent, "by": "Tan", **said}],
        "requests": [
            {"id": 5, "sha256": sha256_hex("in"), "answer_sha256": sha256_hex("out"),
             "sent": {"text": "in", "whole": True}, "answer": {"text": "out", "whole": True}}
        ],
    }  # fmt: skip
    chain = {
        "events": listed,
        "stretches": [{"first": 1, "before": START, "links": links}],
        "anchors": [{"seq": 6, "hash": links[-1]["hash"]}],
        "head": {"seq": 6, "hash": links[-1]["hash"]},
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
    made = pack(parts(**changed))
    assert made is not None
    file = folder / "packet.zip"
    file.write_bytes(made.content)
    return file


def said(file: Path, *known: tuple[int, str]) -> list[str]:
    return [f"{one.part}: {one.message}" for one in check_packet(file, known).faults]


def real() -> dict[str, Any]:
    """The events of a packet as they were written."""
    found: dict[str, Any] = json.loads(parts()["events.json"])
    return found
