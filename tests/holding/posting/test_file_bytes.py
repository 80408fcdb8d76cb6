"""The bytes of a file: all that fit to the last byte go together, and one byte more parts them."""

import random
from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import FileLimits
from connectors.registry import targets
from connectors.targets.aiaccount.connector import AiAccount
from holding.db.models import Push, Request
from holding.posting.prepare import first_call
from rules.outcomes import Document
from tests.connectors.sample_documents import autocount_invoice
from tests.holding.pushing import Lane
from tests.support.postings import invoice, make_ready
from tests.support.zones import BOOKS

IMPORTED = {**BOOKS, "company_id": "kedai", "number_prefix": "NS-", "locked_through": "none"}
CHANCE = random.Random(7)
NUMBERS = ("NS-1", "NS-2", "NS-3")


def heavy(number: str) -> Document:
    """An invoice with some text that does not get smaller."""
    made = invoice(number, lines=3)
    noise = [{**line, "Description": f"{CHANCE.getrandbits(700):x}"} for line in made.lines]
    return replace(made, lines=tuple(noise))


def imported(number: str) -> Any:
    """The same for the Excel import."""
    noise = f"{CHANCE.getrandbits(300):x}"
    return autocount_invoice(number, Description=noise, CurrencyCode="MYR", CurrencyRate="1")


@pytest.mark.parametrize(
    ("name", "make", "settings"),
    [("aiaccount", heavy, BOOKS), ("autocount_excel", imported, IMPORTED)],
)
def test_T05a_a_file_is_full_to_its_last_byte(
    monkeypatch: pytest.MonkeyPatch, name: str, make: Any, settings: Any
) -> None:
    target, documents = targets()[name], [make(number) for number in NUMBERS]
    sizes = [
        len(target.build(documents[:count], settings, batch=True, batch_name="a").body)
        for count in (1, 2, 3)
    ]
    assert sizes == sorted(set(sizes))
    for most, together in (
        (sizes[2], 3),
        (sizes[2] - 1, 2),
        (sizes[1], 2),
        (sizes[1] - 1, 1),
        (sizes[0], 1),
        (sizes[0] - 1, 0),
    ):
        limits = FileLimits(documents=500, rows=2_000, bytes=most)
        monkeypatch.setattr(type(target), "file_limits", limits)
        count, call = first_call(target, documents, settings, name="a", action="create")
        assert count == together, most
        assert call.numbers == NUMBERS[: max(1, together)]
        assert (len(call.body) <= most) == (together > 0)


@pytest.mark.parametrize(("less", "files"), [(0, [3]), (1, [2, 1])])
def test_T05a_one_byte_too_many_parts_a_file_and_refuses_nothing(
    patient: Lane, monkeypatch: pytest.MonkeyPatch, less: int, files: list[int]
) -> None:
    lane, documents = patient, [heavy(number) for number in NUMBERS]
    whole = AiAccount().build(documents, BOOKS, batch=True, batch_name="a")
    limits = FileLimits(documents=500, rows=2_000, bytes=len(whole.body) - less)
    monkeypatch.setattr(AiAccount, "file_limits", limits)
    with lane.database.write() as session:
        keys = [
            make_ready(session, lane.company, one.number, due=None, document=one).id
            for one in documents
        ]
    lane.start_sync()
    while lane.work():
        pass
    assert lane.states(keys) == ["posted"] * 3
    assert lane.open_holds() == []
    assert not lane.target.lines("refused")
    assert [one["number"] for one in lane.target.lines("created")] == list(NUMBERS)
    assert [len(request.rows) for request in lane.rows(Request)] == [3 * count for count in files]
    assert len(lane.rows(Push)) == 3
    assert (lane.run().state) == "done"
