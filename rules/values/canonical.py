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
        """Return a dataclass decorator with slots whose instances compare and hash like frozen
        ones.
        """
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
"""Canonical JSON that is already serialized, used as part of a value."""

_DECODE = msgspec.json.Decoder().decode

_AS_IS = frozenset({type(None), bool, int, str})  # most values: known without a call

__all__ = ["read_only"]


class PostingState(StrEnum):
    """Define a posting's states. A decision returns one of the first five, or `posted`."""

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
"""The label of each state on pages."""


class OneText(ABC):
    """Define a frozen value that is stored as text: str() writes it and `parse` reads it back."""

    __slots__ = ()

    @abstractmethod
    def __str__(self) -> str: ...

    @classmethod
    @abstractmethod
    def parse(cls, text: str) -> Self:
        """Return the value with this text."""


def dumps(value: object) -> str:
    """Return canonical JSON: sorted keys, no spaces, decimals as text, never a float."""
    return json_text(plain(value))


def sha256_hex(value: str | bytes) -> str:
    """Return the SHA-256 of a text (UTF-8) or of bytes, in hex."""
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return hashlib.sha256(raw).hexdigest()


def number_text(value: Decimal, places: int = 0) -> str:
    """Return a decimal without exponent and needless zeros, with at least `places` decimal places.

    >>> number_text(Decimal("3.5000"), 2), number_text(Decimal("60.0")), number_text(Decimal("-0"))
    ('3.50', '60', '0')
    """
    text = str(value)  # much quicker than format(), which only an exponent needs
    return TEXTS[places][text] if places < len(TEXTS) else _number_text(text, places)


def _number_text(text: str, places: int) -> str:
    integer_part, _, decimals = text.partition(".")
    if (
        integer_part.isdecimal()
        and len(decimals) == places
        and (not decimals or decimals.isdecimal())
    ):
        return text
    if "E" in text:
        text = format(Decimal(text), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text in {"-0", ""}:
        text = "0"
    place_count = len(text.partition(".")[2])
    if places > place_count:
        text += ("" if place_count else ".") + "0" * (places - place_count)
    return text


class NumberTexts(dict[str, str]):
    """Cache number_text for a fixed number of places, keyed by a decimal's str()."""

    __slots__ = ("_places",)

    def __init__(self, places: int) -> None:
        super().__init__()
        self._places = places

    # Keyed by text, because the hash of a decimal that was just computed costs more than its text.
    def __missing__(self, text: str) -> str:
        formatted = _number_text(text, self._places)
        if len(self) < MOST_TEXTS:
            self[text] = formatted
        return formatted


def moment_text(value: datetime) -> str:
    """Return an aware moment as UTC text that ends in Z."""
    return f"{value.astimezone(UTC).isoformat()[:-6]}Z"  # without the offset +00:00


def plain(value: object) -> Plain:
    """Return plain JSON of a value made of dataclasses, mappings, sequences and scalars."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    serialize = _PLAIN.get(kind) or _LEARNED.get(kind)
    if serialize is None:
        serialize = _LEARNED[kind] = _derive_serializer(kind)
    return serialize(value)


def _derive_serializer(kind: type) -> Callable[[Any], Plain]:
    """Return the serializer of a subclass of a known type, a dataclass or an enum. Raises
    TypeError.
    """
    if issubclass(kind, str | int):
        return lambda v: v
    if issubclass(kind, OneText):
        return str
    if dataclasses.is_dataclass(kind):
        names = tuple(f.name for f in dataclasses.fields(kind))
        return lambda v: {name: plain(getattr(v, name)) for name in names}
    for usual, serialize in (*_PLAIN.items(), (Mapping, _mapping)):
        if issubclass(kind, usual):
            return serialize
    raise TypeError(f"{kind.__name__} has no canonical JSON")


def _mapping(values: Any) -> Plain:
    return {str(k): v if type(v) in _AS_IS else plain(v) for k, v in values.items()}


def _refuse_value(value: object) -> Plain:
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
        revive_item = _reviver(args[0])
        return lambda v: origin(revive_item(x) for x in v)
    revive_item = _reviver(args[1])
    return lambda v: {k: revive_item(x) for k, x in v.items()}


def in_sentence(label: str) -> str:
    """Return a label in lower case after "is": on hold, ready to post."""
    return label[:1].lower() + label[1:]


def _refuse_float(_value: object) -> Plain:
    raise TypeError("a float never enters canonical JSON")


def _sequence(values: Any) -> Plain:
    return [v if type(v) in _AS_IS else plain(v) for v in values]


def _nearly_plain(value: Any) -> Plain:
    """Return a str subclass or a read-only mapping as a plain str or dict. Raises TypeError."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not plain JSON")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


TEXTS = tuple(NumberTexts(places) for places in range(3))
"""Number texts by number of decimal places, from 0 to 2."""

_ENCODE = msgspec.json.Encoder(order="deterministic", enc_hook=_nearly_plain).encode

_PLAIN: dict[type, Callable[[Any], Plain]] = {
    float: _refuse_float,
    Decimal: lambda v: format(v, "f"),
    datetime: moment_text,  # before date, its base class
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
