"""A source of signed JSON webhooks, and of JSON files that somebody signed in brings.

Here: proving, reading strictly, and putting together what is good and what is wrong. Not here: the
signature (signed.py), where records lie in the JSON and what each of them says (the sources).
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from connectors.kit.contract import Accepted, IncomingRecord, RowError, SourceRefusal
from connectors.kit.counting import too_long_lists, too_many
from connectors.kit.limits import ERRORS
from connectors.kit.signed import prove, too_large
from connectors.kit.strictjson import JsonRefusal, loads

Placed = tuple[str, object]  # where it stands in the delivery, and what stands there


class SignedJson(ABC):
    """The part of a source that is the same for all that deliver so."""

    headers: ClassVar[str]
    """The prefix of the headers that a delivery is signed with."""

    def accept(
        self, headers: Mapping[str, str], raw: bytes, secrets: Sequence[str], now: datetime
    ) -> Accepted | SourceRefusal:
        """A webhook delivery: the signature is proved over the raw bytes before they are read."""
        proved = prove(self.headers, headers, raw, secrets, now)
        return proved if isinstance(proved, SourceRefusal) else self._read(raw, proved)

    def read(self, name: str, raw: bytes) -> Accepted | SourceRefusal:  # noqa: ARG002
        """A JSON file; the same file is the same delivery."""
        return self._read(raw, "file-" + hashlib.sha256(raw).hexdigest())

    @abstractmethod
    def found(self, value: object) -> list[Placed] | SourceRefusal:
        """What of a delivery should be records."""

    @abstractmethod
    def record(self, place: str, given: object) -> IncomingRecord | tuple[RowError, ...]:
        """One of them, or everything that is wrong with it."""

    def _read(self, raw: bytes, delivery_id: str) -> Accepted | SourceRefusal:
        if refused := too_large(raw):
            return refused
        value = loads(raw)
        if isinstance(value, JsonRefusal):
            return SourceRefusal(400, value.code, value.message, value.hint)
        found = self.found(value)
        if isinstance(found, SourceRefusal):
            return found
        if refused := too_many([given for _, given in found]):
            return refused
        records: list[IncomingRecord] = []
        errors: list[RowError] = []
        for place, given in found:
            result = too_long_lists(place, given) or self.record(place, given)
            if isinstance(result, IncomingRecord):
                records.append(result)
            else:
                errors += result
            if len(errors) > ERRORS:
                return _hopeless(errors[0])
        return Accepted(delivery_id=delivery_id, records=tuple(records), errors=tuple(errors))


def _hopeless(first: RowError) -> SourceRefusal:
    words = f"More than {ERRORS:,} values cannot be read. The first is {first.where}: "
    hint = "Correct them at the source and deliver again."
    return SourceRefusal(422, "too_many_errors", words + first.message, hint)
