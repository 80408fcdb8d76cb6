"""JSON of strangers: what means one thing is read, all else refused, before it costs anything."""

import json
import subprocess
import sys
import time
from decimal import Decimal

import pytest

from connectors.transport.strict_json import MAX_DEPTH, MAX_VALUES, JsonRefusal, dumps, loads
from tests.installed import ROOT

LARGEST = 20_000_000  # bytes that a delivery may have


def refused(raw: bytes) -> str:
    started = time.process_time()
    told = loads(raw)
    assert time.process_time() - started < 10, "the work grows faster than the text"
    assert isinstance(told, JsonRefusal), str(told)[:80]
    assert told.message.endswith(".")
    assert len(told.message) < 200
    return told.code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "too_deep"),
        (b'{"a":' * 200_000 + b"1" + b"}" * 200_000, "too_deep"),
        (b"[" * 200_000, "too_deep"),
        (b"1" * 10_000, "bad_number"),
        (b"-" + b"1" * 10_000, "bad_number"),
        (b"0." + b"1" * 10_000, "bad_number"),
        (b"1e41", "bad_number"),
        (b"1e400", "bad_number"),
        (b"1e-999999999", "bad_number"),
        (b"1e0000000999999999", "bad_number"),
        (b"1e+0000000999999999", "bad_number"),
        (b"1E-0000000999999999", "bad_number"),
        (b"1e" + b"9" * 10_000, "bad_number"),
        (b"NaN", "bad_number"),
        (b"-Infinity", "bad_number"),
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"a":1,"\\u0061":2}', "duplicate_key"),
        (b'["a\\u0000b"]', "bad_text"),
        (b'{"a\\u0000":1}', "bad_text"),
        (b'["\\ud800"]', "bad_text"),
        (b'["a\x00b"]', "bad_json"),
        (b"\x00", "bad_json"),
        (b"", "bad_json"),
        (b'"\xff"', "not_utf8"),
        (b'["' + b"x" * 32_768 + b'"]', "too_long"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[:20]),
)
def test_what_means_two_things_or_none_is_refused(raw: bytes, code: str) -> None:
    assert refused(raw) == code


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b"1" * 40, int("1" * 40)),
        (b"1e40", Decimal("1e40")),
        (b"1e0040", Decimal("1e40")),
        (b"1.5E+00", Decimal("1.5")),
        (b'"[[[[\\"]]]{{{,,,"', '[[[["]]]{{{,,,'),
        (b'\xef\xbb\xbf{"a":"\xe8\x8c\xb6"}', {"a": "茶"}),
        (b'["\\ud83c\\udf75"]', ["🍵"]),
    ],
)
def test_what_means_one_thing_is_read(raw: bytes, value: object) -> None:
    told = loads(raw)
    assert not isinstance(told, JsonRefusal), told
    assert value is None or told == value


def test_brackets_of_a_text_are_not_counted_however_long() -> None:
    raw = json.dumps(["[" * 30_000] * 100).encode()
    assert loads(raw) == ["[" * 30_000] * 100


def test_a_text_without_an_end_is_looked_at_once() -> None:
    """Each quotation mark in it looked like the beginning of another one."""
    for end in (b"", b"\\"):
        assert refused(b'["' + b'\\"' * (LARGEST // 2) + end) == "bad_json"


def test_a_key_that_comes_twice_is_found_among_a_million() -> None:
    names = [f'"k{at}":0' for at in range(1_000_000)]
    assert refused(f"{{{','.join(names)},{names[-1]}}}".encode()) == "duplicate_key"


@pytest.mark.parametrize("one", [b"[]", b"{}", b"0", b'"a"', b"1.5", b"[{}]"])
def test_too_many_values_are_refused_before_any_is_made(one: bytes) -> None:
    many = b"[" + (one + b",") * (MAX_VALUES + 1) + one + b"]"
    assert refused(many) == "too_wide"


def test_the_most_values_take_memory_that_a_server_has() -> None:
    """The dearest of them: decimals, and objects of one key."""
    code = f"""
import resource
from connectors.transport.strict_json import loads
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for one in (b"1.5", b'{{"a":[]}}'):
    told = loads(b"[" + (one + b",") * ({MAX_VALUES} // 3 - 1) + one + b"]")
    assert isinstance(told, list), told
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 400 * 1024, "KiB"


def test_what_was_read_is_written_with_its_digits_and_never_as_a_sea_of_zeros() -> None:
    told = loads(b'{"a":1.50,"b":1e38,"c":1e-38,"d":[true,null,"x"]}')
    assert not isinstance(told, JsonRefusal)
    assert loads(dumps(told)) == told
    assert len(dumps(told)) < 200
