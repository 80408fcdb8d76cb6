"""Canonical text: one for a value, whatever kinds it is made of; never a float."""

import enum
import json
import sys
import types
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from rules.values.canonical import dumps, json_text, parse_json


class Colour(enum.StrEnum):
    RED = "red"


class Tagged(str):
    """A text of a kind of its own, as Markup is."""

    __slots__ = ()


class Late(datetime):
    """A moment of a kind of its own, as some libraries make them."""


@dataclass(frozen=True)
class Pair:
    left: object
    right: object


AT = datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("Tëa", '"Tëa"'),
        (Colour.RED, '"red"'),
        (Tagged("<b>"), '"<b>"'),
        ({Tagged("b"): Colour.RED, Colour.RED: 2**70}, '{"b":"red","red":1180591620717411303424}'),
        (Decimal("1E+3"), '"1000"'),
        (Decimal("3.50"), '"3.50"'),
        (AT, '"2026-11-20T01:30:00Z"'),
        (Late(2026, 11, 20, tzinfo=UTC), '"2026-11-20T00:00:00Z"'),
        (date(2026, 11, 20), '"2026-11-20"'),
        (time(9, 30), '"09:30:00"'),
        (frozenset({"b", "a"}), '["a","b"]'),
        ({"b": 1, 2: (None, [Colour.RED])}, '{"2":[null,["red"]],"b":1}'),
        (types.MappingProxyType({"k": Pair(1, {"x"})}), '{"k":{"left":1,"right":["x"]}}'),
    ],
)
def test_each_kind_has_one_text(value: object, text: str) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize("value", [1.5, [{"a": (1.5,)}], Pair(1, float("nan")), {0.5}])
def test_a_float_is_refused_wherever_it_stands(value: object) -> None:
    with pytest.raises(TypeError, match="float"):
        dumps(value)


def test_what_has_no_text_is_named() -> None:
    with pytest.raises(TypeError, match="Exception has no canonical JSON"):
        dumps({"a": Exception()})


def test_each_character_is_written_as_it_always_was() -> None:
    """Stored hashes are of these bytes: sorted by code point, escaped only where JSON must."""
    seen = [chr(at) for at in range(sys.maxunicode + 1) if not 0xD800 <= at <= 0xDFFF]
    told = {"every": "".join(seen), **dict.fromkeys(seen[:0x3000:7] + seen[-9:], -1)}
    usual = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert json_text(told) == usual
    assert parse_json(usual) == told


@pytest.mark.parametrize("text", ["123456789012345678901234567890", "[true,null,-1]", '{"b":{}}'])
def test_stored_json_is_read_exactly(text: str) -> None:
    assert parse_json(text) == json.loads(text)
    assert json_text(parse_json(text)) == text


def test_half_a_character_has_no_text() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        dumps({"name": "\ud83d"})
