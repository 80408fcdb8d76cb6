"""Column types and the exact values behind them.

Here: moments, JSON text and money in minor units, the same on SQLite and PostgreSQL. Not here:
tables (holding/models).
"""

import json
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import DateTime, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from rules.canonical import dumps

LARGEST = 2**63
_PLACES = dict.fromkeys(
    ("JPY", "KRW", "VND", "CLP", "ISK", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)


def moment_text(value: datetime) -> str:
    """A moment as text of one fixed width in UTC, so that text order is time order."""
    if value.tzinfo is None:
        message = f"a moment without its zone: {value!r}"
        raise ValueError(message)
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """The moment behind its stored text."""
    return datetime.fromisoformat(text).astimezone(UTC)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC; a naive value is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Fixed-width text on SQLite, timestamptz elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the database."""
        if value is None:
            return None
        text = moment_text(value)
        return text if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        if value is None:
            return None
        return moment_of(value) if isinstance(value, str) else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value kept as canonical text: sorted keys, no spaces, no floats."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else dumps(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        """From the database."""
        return None if value is None else json.loads(value)


def places_of(currency: str) -> int:
    """How many digits the currency has after the point."""
    return _PLACES.get(currency.upper(), 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """Whole minor units (sen) of an amount; what is finer than one unit is rounded half up."""
    scaled = amount.scaleb(places_of(currency)).to_integral_value(rounding=ROUND_HALF_UP)
    if abs(scaled) >= LARGEST:
        message = f"{amount} {currency} is more than the books can hold"
        raise OverflowError(message)
    return int(scaled)


def from_minor(minor: int, currency: str) -> Decimal:
    """The amount behind its minor units, with the currency's digits."""
    return Decimal(minor).scaleb(-places_of(currency))
