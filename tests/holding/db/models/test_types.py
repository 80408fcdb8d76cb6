"""Moments, money and JSON are the same going in and coming out, on both databases."""

import zlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite

from holding.approvals.consent import content_hash, posting_hash
from holding.db.database import Database
from holding.db.models import Company, Event
from holding.db.models.columns import (
    PACKED,
    Packed,
    RecordState,
    from_minor,
    moment_of,
    moment_text,
    places_of,
    to_minor,
)
from holding.platform.states import state_of
from rules.outcomes import Document
from rules.values.canonical import PostingState, plain

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(MOMENTS, MOMENTS)
def test_the_text_of_moments_is_in_their_order(one: datetime, other: datetime) -> None:
    assert moment_of(moment_text(one)) == one
    assert (moment_text(one) < moment_text(other)) == (one < other)


def test_a_naive_moment_is_refused() -> None:
    with pytest.raises(ValueError, match="without its zone"):
        moment_text(datetime.fromisoformat("2026-01-01T00:00"))


def test_a_moment_comes_back_in_utc(database: Database, company: Company) -> None:
    at = datetime(2026, 11, 20, 9, 0, 0, 5, tzinfo=timezone(timedelta(hours=8)))
    with database.write() as session:
        session.add(Event(company_id=company.id, at=at, actor="x", act="y", body={"b": 1, "a": 2}))
    with database.read() as session:
        event = session.query(Event).one()
    assert (event.at, event.at.tzinfo) == (at, UTC)
    assert event.body == {"a": 2, "b": 1}


@given(st.binary(), st.integers(0, 40))
def test_packed_bytes_come_out_as_they_went_in(value: bytes, times: int) -> None:
    kind, here = Packed(), sqlite.dialect()
    for given_ in (value, value * times, PACKED + value, PACKED):
        kept = kind.process_bind_param(given_, here)
        assert kept is not None
        assert kind.process_result_value(kept, here) == given_
        assert len(kept) <= max(len(given_), len(PACKED) + 16 + len(given_))


def test_what_repeats_is_shorter_and_what_does_not_stands_as_it_is() -> None:
    kind, here = Packed(), sqlite.dialect()
    assert len(kind.process_bind_param(b"order " * 100, here) or b"") < 40
    for value in (b"", b"{}", None):
        assert kind.process_bind_param(value, here) == value


@pytest.mark.parametrize(
    "stands", [PACKED + b"no zlib", PACKED, (PACKED + zlib.compress(b"order " * 9))[:-1]]
)
def test_bytes_that_only_begin_like_packed_ones_are_read_as_they_stand(stands: bytes) -> None:
    """Those of before packing, and those that a disk or a hand changed: reading goes on."""
    assert Packed().process_result_value(stands, sqlite.dialect()) == stands


@given(st.integers(-(10**15), 10**15), st.sampled_from(["MYR", "JPY", "KWD"]))
def test_money_survives_its_minor_units(minor: int, currency: str) -> None:
    assert to_minor(from_minor(minor, currency), currency) == minor


def test_a_currency_has_its_places_and_halves_go_up() -> None:
    assert [places_of(c) for c in ("MYR", "JPY", "KWD")] == [2, 0, 3]
    assert to_minor(Decimal("10.005"), "MYR") == 1001
    assert from_minor(1000, "MYR") == Decimal("10.00")


def test_the_posting_hash_covers_what_is_sent_and_where_to() -> None:
    document = Document(
        target="aiaccount",
        document="sales_invoice",
        number="IV-1",
        date=date(2026, 11, 1),
        party="C-1",
        currency="MYR",
        amount=Decimal("10.00"),
        fields={"Customer": "C-1"},
        lines=({"SKU": "A"},),
    )
    one = posting_hash(1, "CMP-1042", document, "create")
    assert one == content_hash(1, "CMP-1042", plain(document), "create")
    others = {
        posting_hash(2, "CMP-1042", document, "create"),
        posting_hash(1, "CMP-2001", document, "create"),
        posting_hash(1, "CMP-1042", document, "update"),
    }
    assert one not in others
    assert len(others) == 3


def test_the_state_of_a_record_is_the_first_that_counts() -> None:
    assert state_of([], is_held=False, empty=RecordState.RECEIVED) == "received"
    assert state_of([], is_held=True, empty=RecordState.REFERENCE) == "held"
    assert state_of([], is_held=False) == "waiting"
    assert state_of([PostingState.POSTED, PostingState.READY], is_held=False) == "ready"
    assert state_of([PostingState.POSTED], is_held=True) == "held"
    assert state_of([PostingState.FAILED], is_held=True) == "failed"
    assert state_of([PostingState.IGNORED, PostingState.DROPPED], is_held=False) == "dropped"
