"""Verify, read and count signed JSON webhooks."""

import base64
import hashlib
import hmac
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from connectors.contract import Accepted, ExampleCall, IncomingRecord, RowError, SourceRefusal
from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import Cell, RawRecord, read_record
from connectors.kit.delivery_limits import (
    DELIVERY_BYTES,
    DELIVERY_LINES,
    ERRORS,
    LINES,
    MEGABYTE,
    RECORDS,
)
from connectors.kit.shops.payload_parts import Line, Part, numbered
from connectors.transport.strict_json import JsonRefusal, loads

WINDOW = timedelta(minutes=5)

HOW_TO_SIGN = (
    "Sign timestamp + '.' + event id + '.' + the raw body with the secret of this connection."
)

SIGNED_OVER = (
    "The signature is HMAC-SHA256 with the secret, in hexadecimal, over timestamp, event ID and"
    " body joined by full stops."
)

_EVENT_ID = re.compile(r"[\x21-\x7e]{1,128}")

Placed = tuple[str, object]  # its place in the delivery, and its content

Read = IncomingRecord | tuple[RowError, ...]
"""A record, held for its faults, or errors where it has no id that can be stored."""


def sign(secret: str, timestamp: str, event_id: str, raw: bytes) -> str:
    """Return the signature header of a delivery.

    It covers the event id, so a captured signature is invalid for another id.
    """
    return _hash(secret, timestamp, event_id, raw)


def _hash(secret: str, *parts: str | bytes) -> str:
    encoded_parts = [
        part.encode("utf-8", "replace") if isinstance(part, str) else part for part in parts
    ]
    return (
        "sha256=" + hmac.new(secret.encode(), b".".join(encoded_parts), hashlib.sha256).hexdigest()
    )


def body_signed(raw: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Check whether a live secret signed exactly these bytes: HMAC-SHA256 in Base64, as shops send
    it.

    The signature does not cover the ids in the headers. So an equal signature means a repeated
    delivery.
    """
    signature_bytes = signature.encode("utf-8", "replace")
    hashes = (
        hmac.new(secret.encode(), raw, hashlib.sha256).digest() for secret in secrets if secret
    )
    good = [hmac.compare_digest(base64.b64encode(digest), signature_bytes) for digest in hashes]
    return any(good)


def verify_delivery(
    prefix: str, headers: Mapping[str, str], raw: bytes, secrets: Sequence[str], now: datetime
) -> str | SourceRefusal:
    """Return the delivery's own id once its signature is verified, or why it is refused.

    `prefix` starts the names of the signature headers.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    names = [f"{prefix}-{word}" for word in ("timestamp", "signature", "event-id")]
    if refused := too_large(raw):
        return refused
    missing = [name for name in names if not lower.get(name)]
    if missing:
        return SourceRefusal(
            401, "not_signed", f"The header {missing[0]} is missing.", "Sign the delivery."
        )
    timestamp, signature, event = (lower[name] for name in names)
    if not _EVENT_ID.fullmatch(event):
        words = "The event id is not plain text of 1 to 128 signs."
        return SourceRefusal(400, "bad_event_id", words, "Send one.")
    signed = (timestamp, event, raw)
    refused = _forged(signed, signature, secrets) or _late(timestamp, now)
    return refused or event


def _forged(
    signed: tuple[str, str, bytes], signature: str, secrets: Sequence[str]
) -> SourceRefusal | None:
    timestamp, _, raw = signed
    if _fits(signed, signature, secrets):
        return None
    if _fits((timestamp, raw), signature, secrets):  # as it was done before the id was signed, too
        words = "The signature does not cover the event id, so nothing was taken."
        return SourceRefusal(401, "event_id_not_signed", words, HOW_TO_SIGN)
    words = "The signature does not match the delivery."
    return SourceRefusal(401, "bad_signature", words, HOW_TO_SIGN)


def _fits(parts: Sequence[str | bytes], signature: str, secrets: Sequence[str]) -> bool:
    signature_bytes = signature.encode("utf-8", "replace")
    good = [
        hmac.compare_digest(_hash(secret, *parts).encode(), signature_bytes)
        for secret in secrets
        if secret
    ]
    return any(good)


def _late(timestamp: str, now: datetime) -> SourceRefusal | None:
    moment = int(timestamp) if re.fullmatch(r"[0-9]{1,12}", timestamp) else None
    if moment is not None and abs(moment - now.timestamp()) <= WINDOW.total_seconds():
        return None
    return SourceRefusal(
        401,
        "old_timestamp",
        "The delivery's timestamp is more than 5 minutes away from now.",
        "Sign each delivery again, and set the sender's clock.",
    )


def too_large(raw: bytes) -> SourceRefusal | None:
    """Return a refusal if the raw delivery exceeds DELIVERY_BYTES, else None."""
    if len(raw) <= DELIVERY_BYTES:
        return None
    words = f"The delivery is larger than {DELIVERY_BYTES // MEGABYTE} MB."
    return SourceRefusal(413, "too_large", words, "Split it.")


class SignedJson(ABC):
    """Base class of sources that receive signed JSON deliveries."""

    headers: ClassVar[str]
    """The prefix of the headers that a delivery is signed with."""

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """Read a webhook delivery after verifying the signature over its raw bytes."""
        proved = verify_delivery(self.headers, headers, raw, secrets, now)
        return proved if isinstance(proved, SourceRefusal) else self._read(raw, proved, zone)

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """Read a JSON file.

        The delivery id is the file's hash, so a repeated file counts as a repeated delivery.
        """
        return self._read(raw, "file-" + hashlib.sha256(raw).hexdigest(), zone)

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """Return a small example delivery, signed as a sender would sign it."""
        raw = json.dumps(self.sample(now), indent=1).encode()
        stamp = str(int(now.timestamp()))
        names = (
            f"{self.headers}-{word}".title() for word in ("timestamp", "event-id", "signature")
        )
        values = (stamp, event_id, sign(secret, stamp, event_id, raw))
        headers = {"Content-Type": "application/json", **dict(zip(names, values, strict=True))}
        return ExampleCall(headers=headers, body=raw, signed=SIGNED_OVER)

    @abstractmethod
    def sample(self, now: datetime) -> Mapping[str, object]:
        """Return the content of a small delivery with one record."""

    @abstractmethod
    def found(self, value: object) -> list[Placed] | SourceRefusal:
        """Return the delivery's records, each with its place in the JSON, or why there are none."""

    @abstractmethod
    def record(
        self, place: str, content: object, zone: ZoneInfo
    ) -> IncomingRecord | tuple[IncomingRecord | RowError, ...]:
        """Return the canonical record of `content`, or its errors.

        A part of a payload may hold several records; then the tuple holds records and errors.
        """

    def _read(self, raw: bytes, delivery_id: str, zone: ZoneInfo) -> Accepted | SourceRefusal:
        if refused := too_large(raw):
            return refused
        value = parse_json(raw)
        if isinstance(value, SourceRefusal):
            return value
        parts = self.found(value)
        if isinstance(parts, SourceRefusal):
            return parts
        if refused := too_many([content for _, content in parts]):
            return refused
        records: list[IncomingRecord] = []
        errors: list[RowError] = []
        for place, content in parts:
            short, long_lists = without_long_lists(place, content)
            result = hold_for(self.record(place, short, zone), long_lists)
            records += [entry for entry in result if isinstance(entry, IncomingRecord)]
            errors += [entry for entry in result if isinstance(entry, RowError)]
            if len(errors) > ERRORS:
                return _hopeless(errors[0])
        return Accepted(delivery_id=delivery_id, records=tuple(records), errors=tuple(errors))


def _hopeless(first: RowError) -> SourceRefusal:
    words = f"More than {ERRORS:,} values cannot be read. The first is {first.where}: "
    hint = "Correct them at the source and deliver again."
    return SourceRefusal(422, "too_many_errors", words + first.message, hint)


def too_many(records: Sequence[object]) -> SourceRefusal | None:
    """Return a refusal for a delivery with too many records, or too many lines in total; else
    None.
    """
    if len(records) > RECORDS:
        return _refused("too_many", f"A delivery has at most {RECORDS:,} records.", len(records))
    total = sum(len(lines) for record in records for _, lines in _lists(record))
    if total > DELIVERY_LINES:
        words = f"A delivery has at most {DELIVERY_LINES:,} lines."
        return _refused("too_many_lines", words, total)
    return None


def _refused(code: str, words: str, count: int) -> SourceRefusal:
    return SourceRefusal(413, code, f"{words} This one has {count:,}.", "Split it.")


def _lists(record: object) -> list[tuple[str, list[object]]]:
    """Return the record's values that are lists, by name. They may be its lines."""
    values = record.items() if isinstance(record, Mapping) else ()
    return [(str(name), value) for name, value in values if isinstance(value, list)]


def too_long(where: str, lines: int) -> RowError | None:
    """Return an error for a record with more lines than LINES, else None."""
    if lines <= LINES:
        return None
    words = f"A record has at most {LINES:,} lines; this one has {lines:,}."
    return RowError(where=where, value="", message=words, hint="Split the record.")


def too_long_lists(place: str, record: object) -> tuple[RowError, ...]:
    """Return an error for each list that has more lines than a record may have."""
    return without_long_lists(place, record)[1]


def without_long_lists(place: str, record: object) -> tuple[object, tuple[RowError, ...]]:
    """Return a record without the lists that exceed the limit of lines, and an error for each such
    list.
    """
    errors = {name: too_long(f"{place}.{name[:50]}", len(lines)) for name, lines in _lists(record)}
    long = tuple(error for error in errors.values() if error)
    if not long or not isinstance(record, Mapping):
        return record, ()
    return {name: [] if errors.get(name) else value for name, value in record.items()}, long


def hold_for(
    read: IncomingRecord | tuple[IncomingRecord | RowError, ...], errors: Sequence[RowError]
) -> tuple[IncomingRecord | RowError, ...]:
    """Return what was read, with its first record held for these errors, too."""
    entries = (read,) if isinstance(read, IncomingRecord) else read
    if not errors:
        return entries
    first = next((entry for entry in entries if isinstance(entry, IncomingRecord)), None)
    if first is None:
        return (*errors, *entries)
    return tuple(entry.with_faults(errors) if entry is first else entry for entry in entries)


def read_short(
    place: str,
    content: Mapping[str, object],
    make: Callable[[str, Mapping[str, object], ZoneInfo], Read | Sequence[Read | RowError]],
    zone: ZoneInfo,
) -> tuple[IncomingRecord | RowError, ...]:
    """Return what `make` reads of an object. Lists with more lines than a record may have are left
    out, and hold its first record.
    """
    short, long_lists = without_long_lists(place, content)
    assert isinstance(short, Mapping)  # noqa: S101 - as it was given
    read = make(place, short, zone)
    results = (read,) if isinstance(read, IncomingRecord) else tuple(read)
    flat: list[IncomingRecord | RowError] = []
    for result in results:
        flat += result if isinstance(result, tuple) else (result,)
    return hold_for(tuple(flat), long_lists)


def parse_json(raw: bytes) -> object | SourceRefusal:
    """Return the parsed JSON of a delivery, or a refusal if it is not valid JSON."""
    value = loads(raw, keep_odd=True)
    if isinstance(value, JsonRefusal):
        return SourceRefusal(400, value.code, value.message, value.hint)
    return value


def record_of(
    kind: KindSchema,
    part: Part,
    key: Cell,
    head: Mapping[str, Cell],
    lines: Sequence[Line],
    zone: ZoneInfo,
) -> Read:
    """Return the canonical record of a payload part, or its errors.

    The lines are numbered in their order.
    """
    return read_part(kind, part, RawRecord(key, head, numbered(lines)), zone)


def read_part(kind: KindSchema, part: Part, raw: RawRecord, zone: ZoneInfo) -> Read:
    """Return the record of a payload part.

    Errors hold the record; if it has no id, only the errors are returned.
    """
    return read_record(kind, raw, zone, part.errors)


def split_results(
    results: Iterable[Read],
) -> tuple[tuple[IncomingRecord, ...], tuple[RowError, ...]]:
    """Return the valid records, and the errors of all other records."""
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for result in results:
        if isinstance(result, IncomingRecord):
            records.append(result)
        else:
            errors += result
    return tuple(records), tuple(errors)


def accepted_delivery(results: Iterable[Read], delivery_id: str, signature: str) -> Accepted:
    """Return the accepted delivery: its valid records and the errors of the others."""
    records, errors = split_results(results)
    return Accepted(delivery_id=delivery_id, signature=signature, records=records, errors=errors)
