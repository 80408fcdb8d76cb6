"""Documents that go out together in one file."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from connectors.kit.contract import Answer, Sent
from connectors.kit.http import Http
from connectors.targets.aiaccount.connector import AiAccount
from holding.database import Database
from holding.models import (
    Attempt,
    Company,
    Push,
    Request,
    Run,
)
from holding.pill import pill
from holding.pushing.desk import Desk
from tests.holding.pushing import one, ready, rows, settle, start_sync, work
from tests.support.clock import SetClock
from tests.support.postings import invoice, make_ready
from tests.support.simulator import Simulator


def test_a_range_goes_out_as_one_file_with_an_answer_for_each_document(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    keys = ready(desk, company, *(f"IV-{n}" for n in range(12)), due=None)
    with database.write() as session:
        bad = dataclasses.replace(invoice("IV-99"), currency="JPY")
        bad = dataclasses.replace(bad, fields={**bad.fields, "Currency": "JPY"})
        keys.append(make_ready(session, company, "IV-99", due=None, document=bad).id)
    assert work(desk, company) == 0
    run = start_sync(desk, company, clock)
    work(desk, company)
    states = [one(database, key).state for key in keys]
    assert states == ["posted"] * 12 + ["failed"]
    [request] = rows(database, Request)
    assert {line["call"] for line in target.writes()} == {"xlsx"}
    assert {line["key"] for line in target.writes()} == {request.key}
    with database.read() as session:
        ended = session.get_one(Run, run.id)
        assert (ended.state, ended.done, ended.total) == ("done", 13, 13)
        assert ended.counts == {"failed": 1, "posted": 12}
        shown = pill(session, company.id, request.connection_id, "sales_invoice")
    assert shown.text == "Last sync 11/20 09:00 · 12 rows, 1 held"
    assert {a.row for a in rows(database, Attempt)} == set(range(2, 15))


def test_a_file_without_an_answer_goes_out_again_with_the_same_bytes_and_key(
    desk: Desk, company: Company, database: Database, target: Simulator, clock: SetClock
) -> None:
    keys = ready(desk, company, "IV-1", "IV-2", "IV-3", due=None)
    target.control("faults", fault="timeout_before")
    start_sync(desk, company, clock)
    work(desk, company)
    assert {one(database, key).state for key in keys} == {"uncertain"}
    settle(desk, company, clock)
    assert {one(database, key).state for key in keys} == {"posted"}
    sends = [r for r in rows(database, Request) if r.kind == "push"]
    assert len({(r.key, r.sha256) for r in sends}) == 1
    assert len(target.lines("created")) == 3


def answer_whole_files(
    patch: pytest.MonkeyPatch, status: int, answer: Answer, wanted: Callable[[Sequence[str]], bool]
) -> None:
    """Of files with these numbers nothing is kept, and each document is answered so."""
    real = AiAccount.send

    def send(self, payload, *rest):  # type: ignore[no-untyped-def]
        if not wanted(payload.numbers):
            return real(self, payload, *rest)
        answers = (answer,) * len(payload.numbers)
        return Sent(answers=answers, status=status, headers={}, body=b"", seconds=0.0)

    patch.setattr(AiAccount, "send", send)


def test_a_file_refused_as_a_whole_is_halved(
    desk: Desk,
    company: Company,
    database: Database,
    target: Simulator,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no = Answer(kind="refused", error_class="bad_value", code="file_too_large", words="!")
    answer_whole_files(monkeypatch, 413, no, lambda numbers: len(numbers) > 2)
    keys = ready(desk, company, *(f"IV-{n}" for n in range(5)), due=None)
    start_sync(desk, company, clock)
    work(desk, company)
    assert {one(database, key).state for key in keys} == {"posted"}
    requests = rows(database, Request)
    whole, _, larger, *_ = (request.id for request in requests)
    assert [r.parent_id for r in requests] == [None, whole, whole, larger, larger]
    assert len(rows(database, Push)) == 5
    assert len(target.lines("created")) == 5
    [run] = [r for r in rows(database, Run) if r.kind == "manual"]
    assert run.counts == {"posted": 5}


def test_a_document_at_which_the_target_breaks_takes_no_other_along(
    desk: Desk,
    company: Company,
    database: Database,
    target: Simulator,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every file that it is in ends in an error of the target's, and nothing of it is kept."""
    lost = Answer(kind="uncertain", error_class="uncertain", words="It broke.")
    answer_whole_files(monkeypatch, 500, lost, lambda numbers: "IV-3" in numbers)
    keys = ready(desk, company, *(f"IV-{n}" for n in range(8)), due=None)
    start_sync(desk, company, clock)
    work(desk, company)
    settle(desk, company, clock, minutes=30)
    states = {key: one(database, key).state for key in keys}
    assert [key for key, state in states.items() if state != "posted"] == [keys[3]]
    assert len(target.lines("created")) == 7


def test_documents_of_one_file_ask_once_what_became_of_it(
    desk: Desk,
    company: Company,
    database: Database,
    target: Simulator,
    clock: SetClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = ready(desk, company, *(f"IV-{n}" for n in range(8)), due=None)
    target.control("faults", fault="timeout_after")
    start_sync(desk, company, clock)
    work(desk, company)
    assert {one(database, key).state for key in keys} == {"uncertain"}
    asked: list[str] = []
    request = Http.request

    def note(self, method, url, **given):  # type: ignore[no-untyped-def]
        asked.append(url.removeprefix(target.url).partition("?")[0])
        return request(self, method, url, **given)

    monkeypatch.setattr(Http, "request", note)
    settle(desk, company, clock, minutes=1)
    assert {one(database, key).state for key in keys} == {"posted"}
    assert sum(path.startswith("/v1/imports") for path in asked) == 2  # by key, then what it says
    assert Counter(asked)["/v1/sales/invoices"] == 8
    assert len([r for r in rows(database, Request) if r.kind == "lookup"]) == 8
