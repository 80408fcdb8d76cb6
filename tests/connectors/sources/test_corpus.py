"""Nothing in the corpus gets in, and each item is told why."""

import resource
import time
from datetime import UTC, datetime

import pytest

from connectors.contract import Accepted, SourceRefusal
from connectors.registry import read_file, sources
from connectors.transport.strict_json import JsonRefusal, loads
from sandbox.simulators.netshop.deliveries import delivery, sample_order, signed
from tests.connectors import corpus
from tests.support.zones import SHOP_ZONE

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


def by_name(items):
    return [pytest.param(content, id=name) for name, content in items]


@pytest.mark.parametrize("raw", by_name(corpus.json_bodies()))
def test_a_bad_body_is_held_or_refused_even_when_it_is_signed(raw):
    sent = signed(raw, event_id="evt_1", secret="s", now=NOW)
    answer = sources()["netshop"].accept(sent.headers, sent.raw, ["s"], NOW, SHOP_ZONE)
    if isinstance(answer, Accepted):
        assert answer.problems
        assert all(record.faults for record in answer.records)
    else:
        assert 400 <= answer.status < 500
        assert answer.message
        assert answer.hint


@pytest.mark.parametrize("order", by_name(corpus.bad_orders()))
def test_a_bad_order_is_told_where_and_the_good_one_beside_it_gets_in(order):
    sent = delivery([order, sample_order(7)], event_id="evt_1", secret="s", now=NOW)
    answer = sources()["netshop"].accept(sent.headers, sent.raw, ["s"], NOW, SHOP_ZONE)
    assert answer.records[-1].external_id == "7"
    assert not answer.records[-1].faults
    assert all(record.faults for record in answer.records[:-1])
    assert answer.problems
    for error in answer.problems:
        assert error.where.startswith("orders[0]")
        assert error.message
        assert error.hint


@pytest.mark.parametrize("made", by_name(corpus.workbooks()))
def test_a_bad_workbook_is_refused_quickly_and_elsewhere(made):
    raw = made()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    answer = read_file("orders.xlsx", raw, SHOP_ZONE)
    assert isinstance(answer, SourceRefusal)
    assert 400 <= answer.status < 500
    assert answer.hint
    assert time.monotonic() - started < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


@pytest.mark.parametrize("raw", by_name(corpus.csv_files()))
def test_a_bad_csv_is_refused(raw):
    answer = read_file("orders.csv", raw, SHOP_ZONE)
    assert isinstance(answer, SourceRefusal)
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("raw", by_name(corpus.other_csv_files()))
def test_a_csv_of_another_character_set_or_separator_is_read(raw):
    answer = read_file("orders.csv", raw, SHOP_ZONE)
    assert isinstance(answer, Accepted)
    assert answer.records[0].body["lines"] == [{"pos": 1, "sku": "Caf\xe9"}]


def test_a_body_of_50_mb_is_refused_before_it_is_read():
    raw = b'{"order": "' + b"x" * (50 << 20) + b'"}'
    sent = signed(raw, event_id="evt_1", secret="s", now=NOW)
    assert sources()["netshop"].accept(sent.headers, raw, ["s"], NOW, SHOP_ZONE).status == 413
    assert read_file("a.xlsx", raw, SHOP_ZONE).status == 413
    assert read_file("a.csv", raw, SHOP_ZONE).status == 413
    assert read_file("a.exe", b"", SHOP_ZONE).status == 415


def test_good_json_is_read_exactly():
    text = '{"a": [1, -0.10, 1e2, "\\u00e9", true, null], "b": {}}'
    value = loads(text.encode())
    assert str(value) == "{'a': [1, Decimal('-0.10'), Decimal('1E+2'), 'é', True, None], 'b': {}}"
    assert not isinstance(loads(b"[" * 50 + b"]" * 50), JsonRefusal)
    assert loads(b'"' + b"[" * 200 + b'\\""') == "[" * 200 + '"'
