"""Documents that go out together in one file."""

import dataclasses
import zipfile
from collections import Counter

import pytest

from connectors.contract import Answer
from connectors.kit import workbook
from connectors.transport.http import Http
from holding.db.models import Attempt, Push, Request, Run
from tests.holding.pushing import Lane, answer_whole_files
from tests.support.pills import pill
from tests.support.postings import invoice, make_ready


def test_a_range_goes_out_as_one_file_with_an_answer_for_each_document(lane: Lane) -> None:
    keys = lane.ready(*(f"IV-{n}" for n in range(12)), due=None)
    with lane.database.write() as session:
        good = invoice("IV-99")
        unknown_account = tuple({**line, "AccountCode": "99999"} for line in good.lines)
        bad = dataclasses.replace(good, lines=unknown_account)
        keys.append(make_ready(session, lane.company, "IV-99", due=None, document=bad).id)
    assert lane.work() == 0
    run = lane.start_sync()
    lane.work()
    states = lane.states(keys)
    assert states == ["posted"] * 12 + ["failed"]
    [request] = lane.rows(Request)
    assert {line["call"] for line in lane.target.writes()} == {"xlsx"}
    assert {line["key"] for line in lane.target.writes()} == {request.key}
    with lane.database.read() as session:
        ended = session.get_one(Run, run.id)
        assert (ended.state, ended.done, ended.total) == ("done", 13, 13)
        assert ended.counts == {"failed": 1, "posted": 12}
        shown = pill(session, lane.company.id, request.connection_id, "sales_invoice")
    assert shown.text == "Last sync 11/20 09:00 · 12 documents, 1 on hold"
    assert {a.row for a in lane.rows(Attempt)} == set(range(2, 15))


def test_a_file_without_an_answer_goes_out_again_with_the_same_bytes_and_key(lane: Lane) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.target.control("faults", fault="timeout_before")
    lane.start_sync()
    lane.work()
    assert set(lane.states(keys)) == {"uncertain"}
    lane.settle()
    assert set(lane.states(keys)) == {"posted"}
    assert len({(r.key, r.sha256) for r in lane.sends()}) == 1
    assert len(lane.target.lines("created")) == 3


def test_T05b_the_kept_bytes_go_out_again_though_sheets_are_packed_otherwise_by_now(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lane.ready("IV-1", "IV-2", "IV-3", due=None)
    lane.target.control("faults", fault="timeout_before")
    lane.start_sync()
    lane.work()
    monkeypatch.setattr(workbook, "_PACKING", zipfile.ZIP_STORED)
    lane.settle()
    assert set(lane.states(keys)) == {"posted"}
    assert len({(r.key, r.sha256) for r in lane.sends()}) == 1
    assert {line["body_sha256"] for line in lane.target.lines("created")} == {
        lane.sends()[0].sha256
    }


def test_a_file_refused_as_a_whole_is_halved(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    no = Answer(kind="refused", error_class="bad_value", code="file_too_large", words="!")
    answer_whole_files(monkeypatch, 413, no, lambda numbers: len(numbers) > 2)
    keys = lane.ready(*(f"IV-{n}" for n in range(5)), due=None)
    lane.start_sync()
    lane.work()
    assert set(lane.states(keys)) == {"posted"}
    requests = lane.rows(Request)
    whole, _, larger, *_ = (request.id for request in requests)
    assert [r.parent_id for r in requests] == [None, whole, whole, larger, larger]
    assert len(lane.rows(Push)) == 5
    assert len(lane.target.lines("created")) == 5
    assert lane.run().counts == {"posted": 5}


def test_T35f_a_document_at_which_the_target_breaks_takes_no_other_along(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every file that it is in ends in an error of the target's, and nothing of it is kept."""
    lost = Answer(kind="uncertain", error_class="uncertain", words="It broke.")
    answer_whole_files(monkeypatch, 500, lost, lambda numbers: "IV-3" in numbers)
    keys = lane.ready(*(f"IV-{n}" for n in range(8)), due=None)
    lane.start_sync()
    lane.work()
    lane.settle(minutes=30)
    states = {key: lane.state(key) for key in keys}
    assert [key for key, state in states.items() if state != "posted"] == [keys[3]]
    assert len(lane.target.lines("created")) == 7


def test_documents_of_one_file_ask_once_what_became_of_it(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lane.ready(*(f"IV-{n}" for n in range(8)), due=None)
    lane.target.control("faults", fault="timeout_after")
    lane.start_sync()
    lane.work()
    assert set(lane.states(keys)) == {"uncertain"}
    asked: list[str] = []
    request = Http.request

    def note(self, method, url, **given):  # type: ignore[no-untyped-def]
        asked.append(url.removeprefix(lane.target.url).partition("?")[0])
        return request(self, method, url, **given)

    monkeypatch.setattr(Http, "request", note)
    lane.settle(minutes=1)
    assert set(lane.states(keys)) == {"posted"}
    assert sum(path.startswith("/v1/imports") for path in asked) == 2  # by key, then what it says
    assert Counter(asked)["/v1/sales/invoices"] == 8
    assert len([r for r in lane.rows(Request) if r.kind == "lookup"]) == 8
