"""How money, moments and values look."""

import re
from datetime import UTC, datetime

import pytest
from flask import g
from hypothesis import given
from hypothesis import strategies as st

from holding.db import refusal
from holding.db.refusal import clauses, headed
from portal.web import filters

NB = "\u00a0"


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (1234500, "MYR", f"RM{NB}12,345.00"),
        (-1200, "MYR", f"\u2212RM{NB}12.00"),
        (5, "SGD", f"SGD{NB}0.05"),
        (120, "JPY", f"JPY{NB}120"),
        (None, "MYR", "without an amount"),
    ],
)
def test_money_always_has_its_sen(minor, currency, shown):
    assert refusal.money(minor, currency) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-11-26T14:37:34Z", "2026-11-26 14:37:34"),
        ("2026-11-26T22:37:34+08:00", "2026-11-26 14:37:34"),
        ("2026-11-26T14:37:34", "2026-11-26T14:37:34"),  # of no zone
        ("2026-11-26", "2026-11-26"),
        ("TEA-1", "TEA-1"),
        (12, 12),
        ("0001-01-01T00:00:00+08:00", "0001-01-01T00:00:00+08:00"),
        ("9999-12-31T23:00:00-08:00", "9999-12-31T23:00:00-08:00"),
    ],
)
def test_a_moment_of_a_source_is_in_the_zone_of_the_company(app, written, shown):
    with app.test_request_context():  # nobody's page: UTC
        assert filters.local(written) == shown


def test_moments_are_in_the_zone_of_the_company(app):
    with app.test_request_context():
        assert filters.zone_note() == "Times are UTC, UTC+0"  # nobody's page
        g.zone = "Asia/Kuala_Lumpur"
        moment = datetime(2026, 11, 19, 16, 30, tzinfo=UTC)
        assert filters.moment(moment) == "2026-11-20 00:30"
        assert filters.zone_note() == "Times are MYT, UTC+8"


@pytest.mark.parametrize(
    ("minutes", "shown"), [(0, "0 min"), (59, "59 min"), (125, "2 h"), (2 * 1440 + 300, "2 d 5 h")]
)
def test_ages(minutes, shown):
    assert filters.duration(minutes) == shown


@pytest.mark.parametrize(
    ("value", "pieces"),
    [
        ("AB-100 ", [("AB-100", False), (" ", True)]),
        (" a", [(" ", True), ("a", False)]),
        ("  ", [(" ", True), (" ", True)]),
        ("a b", [("a b", False)]),
        (None, []),
    ],
)
def test_outer_spaces_of_a_value_are_seen(value, pieces):
    assert filters.spaces(value) == pieces


def test_long_hashes_are_cut():
    assert filters.shorter(f"hash {'a1' * 20} of it") == "hash a1a1a1a1a1a1… of it"


def test_of_a_long_answer_its_head_is_read_at_once():
    rest = "clearing.rules:86 said pass, compared number = NS-1. " * 4
    assert headed(f"Yes, by number; {rest}") == ("Yes, by number;", rest)
    assert headed(f"By shop.rules:1. {rest}") == ("By shop.rules:1.", rest)
    assert headed(f"有；{rest}") == ("有；", rest)
    for whole in ("Yes, by number; of one.", "x" * 300, f"Yes.{' ' * 300}"):
        assert headed(whole) == (whole, "")


def test_the_rest_of_a_long_answer_is_read_clause_by_clause():
    first, second = "shop.rules:86 said pass, compared total = 1.50;", "another said pass."
    third = "Identity (one id has one number; always in force) said pass."
    assert clauses(f"{first} {second} {third}") == [first, second, third]
    assert clauses("有；规则（编号；始终。）。另一条。") == [
        "有；",
        "规则（编号；始终。）。",
        "另一条。",
    ]


BY_LOOKING_AHEAD = re.compile(r"(?:(?<=[.;])\s+|(?<=[。；])\s*)(?=\S)(?![^()（）]*[)）])")
"""What a clause is, said at once; for a thousand clauses it takes a thousand times the text."""


@given(st.text("ab.; (（)）。；\n", max_size=60))
def test_a_clause_ends_where_no_parenthesis_is_open(text):
    assert clauses(text) == BY_LOOKING_AHEAD.split(text)


def test_an_answer_of_many_clauses_is_gone_through_once():
    """Some twenty thousand of them: by looking ahead from each it took minutes."""
    each = [f"line {n}: 3 PCS × 1 = 3 PCS;" for n in range(20_000)]
    assert clauses(" ".join(each)) == each
