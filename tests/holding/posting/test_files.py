"""Parting documents into files: in order, none lost, none too large, none needlessly small."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import FileLimits
from connectors.targets.aiaccount.connector import AiAccount
from holding.db.models import Hold, Push, Request
from holding.posting.prepare import count_fitting, first_call
from rules.outcomes import Document
from tests.holding.pushing import Lane
from tests.support.postings import invoice, make_ready
from tests.support.zones import BOOKS

LIMITS = st.builds(
    FileLimits,
    documents=st.integers(1, 12),
    rows=st.none() | st.integers(1, 40),
    bytes=st.none() | st.integers(60, 400),
)
HEADING = 50  # bytes of a file without documents


def fits(part: Sequence[tuple[int, int]], limits: FileLimits) -> bool:
    """Whether one file may carry these, each so many rows and bytes."""
    rows, size = sum(rows for rows, _ in part), HEADING + sum(size for _, size in part)
    within = [(len(part), limits.documents), (rows, limits.rows), (size, limits.bytes)]
    return all(most is None or found <= most for found, most in within)


@given(st.lists(st.tuples(st.integers(1, 45), st.integers(1, 380)), max_size=60), LIMITS)
def test_T05a_files_keep_the_order_and_are_as_full_as_the_limits_allow(
    documents: list[tuple[int, int]], limits: FileLimits
) -> None:
    files: list[list[tuple[int, int]]] = []
    alone: list[tuple[int, int]] = []
    left = documents
    while left:
        sizes = [HEADING, *accumulate((size for _, size in left), initial=HEADING)][1:]
        count = count_fitting([rows for rows, _ in left], limits, sizes.__getitem__)
        if count == 0:
            alone.append(left[0])
        else:
            files.append(left[:count])
            assert count == len(left) or not fits(left[: count + 1], limits)
        left = left[max(1, count) :]
    assert [one for file in files for one in file] == [one for one in documents if one not in alone]
    assert all(fits(file, limits) for file in files)
    assert not any(fits([one], limits) for one in alone)


def test_T05a_aiaccount_says_what_one_file_carries() -> None:
    assert AiAccount.file_limits == FileLimits(documents=500, rows=2_000, bytes=5 * 1024 * 1024)
    assert AiAccount().rows_of(invoice("IV-1", lines=21)) == 21


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(6_000, 9_000))
@settings(max_examples=15, deadline=None)
def test_T05a_the_bytes_of_a_file_are_those_that_were_measured(lines: list[int], most: int) -> None:
    target: Any = AiAccount()
    target.file_limits = FileLimits(documents=500, bytes=most)
    chance = random.Random(5)
    documents = []
    for no, count in enumerate(lines):
        made = invoice(f"IV-{no}", lines=count)
        noise = [{**line, "Description": f"{chance.getrandbits(700):x}"} for line in made.lines]
        documents.append(replace(made, lines=tuple(noise)))
    left, sent = documents, []
    while left:
        count, call = first_call(target, left, BOOKS, name="a", action="create")
        assert (len(call.body) <= most) == (count > 0)
        sent += list(call.numbers)
        left = left[max(1, count) :]
    assert sent == [one.number for one in documents]


def test_T05a_an_invoice_of_more_lines_than_a_file_takes_is_held_and_the_others_go(
    patient: Lane,
) -> None:
    lane = patient
    with lane.database.write() as session:
        keys = [
            make_ready(session, lane.company, number, due=None, document=made).id
            for number, made in [
                ("IV-0", invoice("IV-0")),
                ("IV-1", invoice("IV-1", lines=2_001, price="0.50")),
                ("IV-2", invoice("IV-2", lines=2_000, price="0.50")),
            ]
        ]
    run = lane.start_sync()
    while lane.work():
        pass
    assert lane.states(keys) == ["posted", "held", "posted"]
    assert not lane.target.lines("refused")
    assert [len(request.rows) for request in lane.rows(Request)] == [1, 2_000]
    assert len(lane.rows(Push)) == 2
    [hold] = [row for row in lane.rows(Hold) if row.state == "open"]
    assert (hold.code, hold.error_class) == ("PSH05", "bad_value")
    assert hold.message == (
        "IV-1 has 2,001 lines; a file for aiaccount takes 2,000. A document goes in one file as a "
        "whole, so it was not sent."
    )
    assert "split" in hold.would_pass
    assert (lane.run().id, lane.run().state) == (run.id, "done")


def test_T05a_a_bill_that_goes_alone_goes_as_a_file_and_obeys_its_limits() -> None:
    def bill(lines: int) -> Document:
        of_line = {"Description": "Fee", "AccountCode": "61001", "TaxCode": "NT", "Amount": "1.00"}
        return Document(
            target="aiaccount",
            document="expense_bill",
            number="ST-88",
            date=date(2026, 11, 17),
            party="Blogger 12",
            currency="MYR",
            amount=Decimal(lines),
            fields={
                "BillNumber": "ST-88",
                "BillDate": "2026-11-17",
                "Supplier": "Blogger 12",
                "Currency": "MYR",
            },
            lines=tuple({"LineNo": str(no + 1), **of_line} for no in range(lines)),
        )

    for lines, count in ((2_000, 1), (2_001, 0)):
        assert first_call(AiAccount(), [bill(lines)], BOOKS, name="", action="create")[0] == count
    alone = first_call(AiAccount(), [invoice("IV-1", lines=2_001)], BOOKS, name="", action="create")
    assert alone[0] == 1  # as JSON, which has no rows
