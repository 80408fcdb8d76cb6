"""What somebody changes in a packet whose manifest he makes anew is told, or not called proved."""

import json
from pathlib import Path
from typing import Any

import pytest

from holding.records.packet_file import Contents, check_packet
from rules.values.canonical import dumps, sha256_hex
from tests.holding.records.packets import AT, START, event, parts, real, said, written


def head() -> tuple[int, str]:
    last = real()["head"]
    return last["seq"], last["hash"]


def forged_approval(links: list[dict[str, Any]]) -> dict[str, Any]:
    """Another approval at place 3, with the hash that such a text has there; its row."""
    consent = {"level": "a", "reason": "Never said", "at": AT, "hash": "h"}
    body = {"say": "Yes.", "sealed": sha256_hex(dumps(consent))}
    text = event(3, body, "posting.approved")
    links[2].update(text=text, hash=sha256_hex(links[1]["hash"] + text))
    shown = {name: consent[name] for name in ("reason", "at", "hash")}
    return {"id": 3, "sealed_row": consent, "by": "Tan", **shown}


def test_a_text_that_is_missing_ties_nothing_to_a_noted_head(tmp_path: Path) -> None:
    links = real()["stretches"][0]["links"]
    row = forged_approval(links)
    links[3]["text"] = None
    stretches = [{"first": 1, "before": START, "links": links}]
    file = written(tmp_path, events__stretches=stretches, data__approvals=[row])
    assert said(file, head()) == [
        "events.json: The text at place 4 is missing, and nothing says that it was removed."
    ]
    links[3]["removed"] = True
    file = written(tmp_path, events__stretches=stretches, data__approvals=[row])
    found = check_packet(file, [head()])
    assert found.faults == ()
    assert (found.texts, found.proved, found.removed) == (4, 1, 1)
    assert found.contents == Contents(4, compared=4, proved=1)  # the call, which came after


def test_an_own_text_that_was_removed_is_told_apart_and_proves_nothing(tmp_path: Path) -> None:
    links, listed = real()["stretches"][0]["links"], real()["events"]
    links[2].update(text=None, removed=True)
    listed[2].update(proved=False, say="Never said.")
    stretches = [{"first": 1, "before": START, "links": links}]
    found = check_packet(
        written(tmp_path, events__stretches=stretches, events__events=listed), [head()]
    )
    assert found.faults == ()
    assert (found.events, found.texts, found.proved, found.removed) == (4, 3, 1, 1)
    assert found.contents == Contents(4, compared=3, proved=1)


def test_a_place_that_stands_alone_is_not_proved_by_another_head(tmp_path: Path) -> None:
    links = real()["stretches"][0]["links"]
    fifth = {"first": 5, "before": links[3]["hash"], "links": [links[4]]}
    row = forged_approval(links)
    stretches = [{"first": 1, "before": START, "links": links[:3]}, fifth]
    file = written(tmp_path, events__stretches=stretches, events__anchors=[], data__approvals=[row])
    found = check_packet(file, [(5, links[4]["hash"])])
    assert found.faults == ()
    assert (found.compared, found.texts, found.proved) == (1, 4, 1)
    assert found.contents == Contents(4, compared=4, proved=1)


@pytest.mark.parametrize("turned", [False, True])
def test_no_place_stands_twice_or_before_an_earlier_one(tmp_path: Path, turned: bool) -> None:
    links = real()["stretches"][0]["links"]
    forged = real()["stretches"][0]["links"]
    row = forged_approval(forged)
    whole = {"first": 1, "before": START, "links": links}
    alone = {"first": 3, "before": links[1]["hash"], "links": [forged[2]]}
    stretches = [alone, whole] if turned else [whole, alone]
    file = written(tmp_path, events__stretches=stretches, data__approvals=[row])
    assert any("stands twice, or before an earlier one" in one for one in said(file, head()))


def test_a_hash_before_is_a_hash(tmp_path: Path) -> None:
    text = event(3, {"say": "Yes."})
    stretch = {"first": 3, "before": "1" * 63 + "{", "links": [
        {"seq": 3, "hash": sha256_hex("1" * 63 + "{" + text), "text": text}]}  # fmt: skip
    found = said(written(tmp_path, events__stretches=[stretch]))
    assert "events.json: What stands before place 3 is no hash." in found


@pytest.mark.parametrize(
    "changed",
    [
        {"data__versions__0__whole": False, "data__versions__0__body__total": "1.00"},
        {"data__requests__0__sent": {"text": "forged", "whole": False}},
        {"data__requests__0__answer": {"text": "forged", "whole": None}},
        {"data__requests__0__sent": None},
        {"data__pushes__0__sealed_row": None, "data__pushes__0__number": "IV-9"},
        {"data__approvals__0__sealed_row": None, "data__approvals__0__reason": "Never said"},
    ],
)
def test_what_is_not_whole_is_not_counted_as_compared(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    found = check_packet(written(tmp_path, **changed), [head()])
    assert found.faults == ()
    assert found.contents == Contents(4, compared=3, proved=3)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("versions", "Version 1, which event 41 tells of, is missing."),
        ("pushes", "Push 9, which event 42 tells of, is missing."),
        ("requests", "Call 5, which event 45 tells of, is missing."),
        ("approvals", "An approval that an event tells of is missing, or not what was given."),
    ],
)
def test_a_row_that_an_event_tells_of_is_not_left_out(tmp_path: Path, rows: str, told: str) -> None:
    assert said(written(tmp_path, **{f"data__{rows}": []})) == [f"packet.json: {told}"]


def test_an_event_is_not_left_out_of_the_list_nor_listed_twice(tmp_path: Path) -> None:
    listed = real()["events"]
    fewer = written(tmp_path, events__events=listed[:1] + listed[2:])
    assert said(fewer) == ["events.json: Event 42 is of this record, and is not listed."]
    lie = {**listed[1], "say": "It stayed."}
    twice = written(tmp_path, events__events=[lie, *listed])
    assert "events.json: Event 42 is listed twice." in said(twice)
    links = real()["stretches"][0]["links"]
    other = {**lie, "id": 44, "seq": 4, "say": "It came, too.", "act": "record.received"}
    strange = written(tmp_path, events__events=[*listed, other])
    assert said(strange) == ["events.json: The listed events are not of one record."], links


@pytest.mark.parametrize(
    ("change", "value", "told"),
    [
        ("data__pushes__0__number", "IV-9", "Push 9 is shown otherwise than it was sent."),
        ("data__pushes__0__no", 2, "Push 9 is shown otherwise than it was sent."),
        ("data__pushes__0__action", "void", "Push 9 is shown otherwise than it was sent."),
        ("data__pushes__0__key", "x", "Push 9 is shown otherwise than it was sent."),
        ("data__approvals__0__reason", "No", "Approval 3 is shown otherwise than it was given."),
        ("data__approvals__0__at", START, "Approval 3 is shown otherwise than it was given."),
        ("data__approvals__0__hash", START, "Approval 3 is shown otherwise than it was given."),
    ],
)
def test_what_is_shown_beside_a_sealed_row_is_compared(
    tmp_path: Path, change: str, value: object, told: str
) -> None:
    assert said(written(tmp_path, **{change: value})) == [f"packet.json: {told}"]


def test_a_forged_seal_does_not_stand_in_for_a_proved_one(tmp_path: Path) -> None:
    lie = {"number": "SO-1", "total": "1.00"}
    digest = sha256_hex(dumps(lie))
    text = event(9, {"say": "It came.", "version": 1, "sha256": digest})
    alone = {"first": 9, "before": START, "links": [
        {"seq": 9, "hash": sha256_hex(START + text), "text": text}]}  # fmt: skip
    one = {**real()["events"][0], "id": 49, "seq": 9}
    file = written(
        tmp_path,
        events__stretches=[*real()["stretches"], alone],
        events__events=[*real()["events"], one],
        data__versions=[{"no": 1, "sha256": digest, "body": lie, "whole": True}],
    )
    assert said(file, head()) == ["packet.json: Version 1 is not the content that was received."]


def test_the_small_packet_is_whole(tmp_path: Path) -> None:
    assert json.loads(parts()["packet.json"])["record"] == {"number": "SO-1"}
    assert said(written(tmp_path), head()) == []
