"""Convert values to canonical JSON and back, and hash them."""

from __future__ import annotations

import dataclasses
import hashlib
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

if not TYPE_CHECKING:
    from dataclasses import dataclass

    def read_only(*, frozen: bool, slots: bool, kw_only: bool = False):
        """A dataclass with slots that compares and hashes as a frozen one does."""
        if not frozen:
            raise TypeError("what may change is an ordinary dataclass")
        # A frozen dataclass writes each field through a call; mypy refuses the assignments here as
        # well.
        return dataclass(slots=slots, kw_only=kw_only, unsafe_hash=True)
else:
    from dataclasses import dataclass as read_only

Plain = Any  # None | bool | int | str | list | dict, nested

MOST_TEXTS = 16_384

_LEARNED: dict[type, Callable[[Any], Plain]] = {}

WrittenJson = msgspec.Raw
"""Canonical JSON that is written already, as a part of a value."""

_DECODE = msgspec.json.Decoder().decode

_AS_IS = frozenset({type(None), bool, int, str})  # most values: known without a call

__all__ = ["read_only"]


class PostingState(StrEnum):
    """Where a posting stands; a decision answers with one of the first five, or `posted`."""

    WAITING = "waiting"
    HELD = "held"
    IGNORED = "ignored"
    DROPPED = "dropped"
    READY = "ready"
    SENDING = "sending"
    AWAITING = "awaiting"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    POSTED = "posted"
    REVERSED = "reversed"


POSTING_LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        PostingState.WAITING: "Waiting",
        PostingState.HELD: "On hold",
        PostingState.IGNORED: "Not posted",
        PostingState.DROPPED: "Cancelled before posting",
        PostingState.READY: "Ready to post",
        PostingState.SENDING: "Sending",
        PostingState.AWAITING: "Awaiting confirmation",
        PostingState.UNCERTAIN: "Unconfirmed",
        PostingState.FAILED: "Failed",
        PostingState.POSTED: "Posted",
        PostingState.REVERSED: "Reversed",
    }
)
"""What each state is called."""


class OneText(ABC):
    """A frozen value that is kept as one text: str() writes it, `parse` reads it back."""

    __slots__ = ()

    @abstractmethod
    def __str__(self) -> str: ...

    @classmethod
    @abstractmethod
    def parse(cls, text: str) -> Self:
        """The value whose text this is."""


def dumps(value: object) -> str:
    """Return canonical JSON: sorted keys, no spaces, decimals as text, never a float."""
    return json_text(plain(value))


def sha256_hex(value: str | bytes) -> str:
    """Return the SHA-256 of a text (UTF-8) or of bytes, in hex."""
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return hashlib.sha256(raw).hexdigest()


def number_text(value: Decimal, places: int = 0) -> str:
    """A decimal without exponent and without needless zeros, with at least `places` places.

    >>> number_text(Decimal("3.5000"), 2), number_text(Decimal("60.0")), number_text(Decimal("-0"))
    ('3.50', '60', '0')
    """
    text = str(value)  # much quicker than its format, for which only an exponent asks
    return TEXTS[places][text] if places < len(TEXTS) else _number_text(text, places)


def _number_text(text: str, places: int) -> str:
    whole, _, rest = text.partition(".")
    if whole.isdecimal() and len(rest) == places and (not rest or rest.isdecimal()):
        return text
    if "E" in text:
        text = format(Decimal(text), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text in {"-0", ""}:
        text = "0"
    have = len(text.partition(".")[2])
    if places > have:
        text += ("" if have else ".") + "0" * (places - have)
    return text


class NumberTexts(dict[str, str]):
    """number_text, with so many places, of a decimal by what str() says of it: `texts[str(d)]`.

    What was asked before is kept, since amounts come again and again.
    """

    __slots__ = ("_places",)

    def __init__(self, places: int) -> None:
        super().__init__()
        self._places = places

    # Keyed by text, because the hash of a decimal that was just computed costs more than its text.
    def __missing__(self, text: str) -> str:
        found = _number_text(text, self._places)
        if len(self) < MOST_TEXTS:
            self[text] = found
        return found


def moment_text(value: datetime) -> str:
    """Return an aware moment as UTC text that ends in Z."""
    return f"{value.astimezone(UTC).isoformat()[:-6]}Z"  # but for +00:00


def plain(value: object) -> Plain:
    """Return plain JSON of a value made of dataclasses, mappings, sequences and scalars."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    make = _PLAIN.get(kind) or _LEARNED.get(kind)
    if make is None:
        make = _LEARNED[kind] = _of_another_kind(kind)
    return make(value)


def _of_another_kind(kind: type) -> Callable[[Any], Plain]:
    """The same for what is like a usual kind: words of an enum, a mapping that is ours."""
    if issubclass(kind, str | int):
        return lambda v: v
    if issubclass(kind, OneText):
        return str
    if dataclasses.is_dataclass(kind):
        names = tuple(f.name for f in dataclasses.fields(kind))
        return lambda v: {name: plain(getattr(v, name)) for name in names}
    for usual, make in (*_PLAIN.items(), (Mapping, _mapping)):
        if issubclass(kind, usual):
            return make
    raise TypeError(f"{kind.__name__} has no canonical JSON")


def _mapping(values: Any) -> Plain:
    return {str(k): v if type(v) in _AS_IS else plain(v) for k, v in values.items()}


def _nothing(value: object) -> Plain:
    raise TypeError(f"{type(value).__name__} is not plain JSON")


def json_text(value: object) -> str:
    """Return canonical JSON of a value that is already plain and has no floats."""
    return _ENCODE(value).decode()


def json_bytes(value: object) -> bytes:
    """Return the canonical JSON as bytes, for hashing."""
    return _ENCODE(value)


def parse_json(text: str) -> Plain:
    """Return the plain value of stored JSON."""
    return _DECODE(text)


def revive(cls: Any, value: Plain) -> Any:
    """Return the value of type `cls` from its plain JSON. Reverses `plain`."""
    return _reviver(cls)(value)


@cache
def _reviver(cls: Any) -> Callable[[Plain], Any]:
    if isinstance(cls, type) and issubclass(cls, OneText):
        return cls.parse
    if isinstance(cls, type) and issubclass(cls, StrEnum):
        return cls
    if dataclasses.is_dataclass(cls):
        hints = typing.get_type_hints(cls)
        parts = [(f.name, _reviver(hints[f.name])) for f in dataclasses.fields(cls)]
        return lambda v: cls(  # type: ignore[operator]  # what an older text lacks has its default
            **{name: make(v[name]) for name, make in parts if name in v}
        )
    if typing.get_origin(cls) is typing.Literal:
        return lambda v: v
    if cls in _SCALARS:
        return _SCALARS[cls]
    return _generic(typing.get_origin(cls), typing.get_args(cls))


def _generic(origin: Any, args: tuple[Any, ...]) -> Callable[[Plain], Any]:
    if origin in {typing.Union, types.UnionType}:
        inner = _reviver(next(a for a in args if a is not type(None)))
        return lambda v: None if v is None else inner(v)
    if origin is tuple and args[-1] is not Ellipsis:
        makers = [_reviver(a) for a in args]
        return lambda v: tuple(make(x) for make, x in zip(makers, v, strict=True))
    if origin in {tuple, frozenset}:
        one = _reviver(args[0])
        return lambda v: origin(one(x) for x in v)
    one = _reviver(args[1])
    return lambda v: {k: one(x) for k, x in v.items()}


def in_sentence(label: str) -> str:
    """Return a label in lower case after "is": on hold, ready to post."""
    return label[:1].lower() + label[1:]


def _refused(_value: object) -> Plain:
    raise TypeError("a float never enters canonical JSON")


def _sequence(values: Any) -> Plain:
    return [v if type(v) in _AS_IS else plain(v) for v in values]


def _nearly_plain(value: Any) -> Plain:
    """A text of a kind of its own, or a mapping that cannot be changed, as its usual kind."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not plain JSON")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


TEXTS = tuple(NumberTexts(places) for places in range(3))
"""By the number of places, up to that of amounts."""

_ENCODE = msgspec.json.Encoder(order="deterministic", enc_hook=_nearly_plain).encode

_PLAIN: dict[type, Callable[[Any], Plain]] = {
    float: _refused,
    Decimal: lambda v: format(v, "f"),
    datetime: moment_text,  # before date, which it is as well
    date: date.isoformat,
    time: time.isoformat,
    tuple: _sequence,
    list: _sequence,
    dict: _mapping,
    types.MappingProxyType: _mapping,
    frozenset: lambda v: sorted(_sequence(v)),
    set: lambda v: sorted(_sequence(v)),
}

_SCALARS: dict[Any, Callable[[Plain], Any]] = {
    str: lambda v: v,
    int: lambda v: v,
    bool: lambda v: v,
    object: lambda v: v,
    Any: lambda v: v,
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: _moment,
    time: time.fromisoformat,
}
