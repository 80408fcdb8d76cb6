"""JSON that means one thing only: what two readers could understand differently is refused.

Here: reading bytes into plain values with exact decimals, and writing them. Not here: what the
values should be.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

MAX_DEPTH = 50
MAX_DIGITS = 40
MAX_VALUES = 2_000_000
"""Of a whole text: each takes memory when it is read, and no delivery needs as many."""
TEXT_CAP = 32_767

# Also one without an end: else each quotation mark in it would begin a search to the end of all.
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_BRACKETS = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class JsonRefusal:
    """Why a text is not read as JSON."""

    code: str
    message: str
    hint: str


class _RefusedError(ValueError):
    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.refusal = JsonRefusal(code, message, hint)


def loads(raw: bytes) -> object | JsonRefusal:
    """The value: dict, list, str, int, Decimal, bool or None."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return JsonRefusal("not_utf8", "The text is not UTF-8.", "Send it as UTF-8.")
    if misshapen := _shape(raw):
        return misshapen
    try:
        value: object = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_whole,
            parse_constant=_constant,
            object_pairs_hook=_pairs,
        )
        _check_texts(value)
    except _RefusedError as refused:
        return refused.refusal
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        return JsonRefusal("bad_json", f"This is no JSON: {error.msg} at {where}.", "Correct it.")
    return value


def dumps(value: object) -> bytes:
    """JSON in which a decimal is a bare number with exactly its digits, and no blank is wasted."""
    return _written(value).encode()


def _written(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        inner = (f"{json.dumps(name)}:{_written(held)}" for name, held in value.items())
        return f"{{{','.join(inner)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_written, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _shape(raw: bytes) -> JsonRefusal | None:
    """Why a text is not read that has too many values, or nests them too deep."""
    bare = _STRING.sub(b"", raw)
    if sum(bare.count(sign) for sign in (b",", b"[", b"{")) > MAX_VALUES:
        words = f"The JSON holds more than {MAX_VALUES:,} values."
        return JsonRefusal("too_wide", words, "Send it in parts.")
    depth = 0
    for bracket in _BRACKETS.finditer(bare):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > MAX_DEPTH:
            words = f"The JSON is nested deeper than {MAX_DEPTH} levels."
            return JsonRefusal("too_deep", words, "Send a flat order.")
    return None


def _decimal(text: str) -> Decimal:
    mantissa, _, exponent = text.lower().partition("e")
    power = exponent.lstrip("+-").lstrip("0")  # zeros before it make it no smaller
    if len(mantissa) > MAX_DIGITS or len(power) > 2 or int(power or "0") > MAX_DIGITS:
        raise _RefusedError("bad_number", f"The number {text[:30]}… is too long.", "Round it.")
    return Decimal(text)


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _RefusedError(
            "bad_number", f"The number {text[:30]}… is too long.", "Send a shorter one."
        )
    return int(text)


def _constant(text: str) -> NoReturn:
    raise _RefusedError("bad_number", f"{text} is no number.", "Leave the field out or send null.")


def _pairs(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        name = _first_twice([name for name, _ in pairs])
        raise _RefusedError(
            "duplicate_key", f"The key {name[:50]!r} occurs twice in one object.", "Send it once."
        )
    return found


def _first_twice(names: Sequence[str]) -> str:
    """The first name that was there before; each is looked at once, for there may be a million."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise LookupError("each name is there once")


def _check_texts(value: object) -> None:
    """Refuse text that cannot be kept, wherever it stands. The depth is bounded by now."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_text(name)
            _check_texts(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_texts(inner)


def _check_text(text: str) -> None:
    if _NO_TEXT.search(text):
        raise _RefusedError("bad_text", "A text contains a sign that is no text.", "Remove it.")
    if len(text) > TEXT_CAP:
        raise _RefusedError(
            "too_long", f"A text is longer than {TEXT_CAP} characters.", "Shorten it."
        )
