"""Parse posted forms into small frozen values, or into problems by field."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from grammar.text.characters import sign
from holding.db.models.columns import to_minor

Form = MultiDict[str, str]
Row = TypeVar("Row")
MIN_REASON = 3
HOUR = "hour_"
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
YEARS = range(1900, 3000)


@dataclass(frozen=True, slots=True)
class Problems:
    """What is wrong with a form, by field."""

    by_field: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reasoned:
    """A requested action with its reason, such as release, reject, pause or resume."""

    reason: str
    op: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A posting as the person saw it when deciding."""

    posting_id: int
    hash: str
    amount: int
    name: str
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ApproveSet:
    """Approve a set of postings, exactly as seen; `after`: of a cause, those after this hold."""

    seen: tuple[Seen, ...]
    cause_id: int | None
    after: int
    sethash: str
    reason: str
    op: str
    unchanged_only: bool


@dataclass(frozen=True, slots=True)
class Pause:
    """Pause a target until this time; None means until a user resumes it."""

    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class MapValue:
    """Give a source value its target value for records of a day and later; None = of any day."""

    table: str
    key: str
    value: str
    since: date | None
    reason: str
    rev: int | None
    op: str


@dataclass(frozen=True, slots=True)
class StopLimit:
    """Safety limit for a single change; None = what is usual."""

    records: int | None
    book: int | None


@dataclass(frozen=True, slots=True)
class SyncRange:
    """Send what is ready of some days."""

    doc_type: str
    first: date
    last: date
    expected_count: int | None
    expected_total: int | None
    op: str


def read_reason(form: Form) -> Reasoned | Problems:
    """Read a form with a reason."""
    reason = form.get("reason", "").strip()
    found = _reason_problem(reason)
    return Problems(found) if found else Reasoned(reason, form.get("op", ""))


def read_pause(form: Form, zone: ZoneInfo, now: datetime) -> Pause | Problems:
    """Read the reason of a pause, and optionally its end in the company's zone."""
    reason, typed = form.get("reason", "").strip(), form.get("until", "").strip()
    found, until = dict(_reason_problem(reason)), None
    if typed:
        until = parse_moment(typed, zone)
        if until is None:
            found["until"] = "Enter a day and a time."
    if until is not None and until <= now:
        found["until"] = "Enter a later time than now, or none."
    return Problems(found) if found else Pause(reason, until)


def read_approval(form: Form) -> ApproveSet | Problems:
    """Read the confirmation of an approval, with the postings that the user saw."""
    reason = form.get("reason", "").strip()
    seen = tuple(s for s in map(_seen, form.getlist("seen")) if s is not None)
    found = dict(_reason_problem(reason))
    if not seen:
        found["posting"] = "Nothing is selected."
    if found:
        return Problems(found)
    return ApproveSet(
        seen=seen,
        cause_id=parse_whole(form.get("cause")),
        after=parse_whole(form.get("after")) or 0,
        sethash=form.get("sethash", ""),
        reason=reason,
        op=form.get("op", ""),
        unchanged_only=form.get("unchanged") == "1",
    )


def read_since(form: Form) -> date | Problems | None:
    """Read the day from which a mapping applies; None if left blank."""
    written = form.get("since", "").strip()
    found = parse_day(written)
    if written and found is None:
        return Problems({"since": "Enter the date as 2026-11-01. Leave it blank for all days."})
    return found


def read_mapping_value(form: Form) -> MapValue | Problems:
    """Read a new mapping value. A value typed by hand replaces a suggestion."""
    value = (form.get("other") or "").strip() or form.get("to", "")
    reason = form.get("reason", "").strip()
    found = dict(_reason_problem(reason))
    if not value:
        found["to"] = "Select a suggestion or enter a value."
    begins = read_since(form)
    if isinstance(begins, Problems):
        found |= begins.by_field
    if found or isinstance(begins, Problems):
        return Problems(found)
    return MapValue(
        table=form.get("table", ""),
        key=form.get("key", ""),
        value=value,
        since=begins,
        reason=reason,
        rev=parse_whole(form.get("rev")),
        op=form.get("op", ""),
    )


def read_run_hours(form: Form) -> Mapping[str, time] | Problems:
    """Read the hours of the daily runs: document type -> hour.

    Each field is named after its document type.
    """
    hours, found = {}, {}
    for name, text in form.items():
        if not name.startswith(HOUR):
            continue
        if _CLOCK.fullmatch(text.strip()):
            hours[name.removeprefix(HOUR)] = time.fromisoformat(text.strip())
        else:
            found[name] = "Enter an hour such as 02:00."
    return Problems(found) if found else hours


def read_sync_range(form: Form, today: date) -> SyncRange | Problems:
    """Read the days to send, with the count and total that the user saw on the button."""
    first, last = parse_day(form.get("first")), parse_day(form.get("last"))
    found = {}
    if first is None:
        found["first"] = f"Enter the date as {today.isoformat()}."
    if last is None:
        found["last"] = f"Enter the date as {today.isoformat()}."
    if first and last and first > last:
        found["last"] = "The last day is before the first."
    if first is None or last is None or found:
        return Problems(found)
    return SyncRange(
        doc_type=form.get("doc_type", ""),
        first=first,
        last=last,
        expected_count=parse_whole(form.get("count")),
        expected_total=parse_whole(form.get("total")),
        op=form.get("op", ""),
    )


def read_stop_limit(form: Form, currency: str) -> StopLimit | Problems:
    """Read a limit as a number of records and an amount. A blank field means the usual limit."""
    written, amount = form.get("records", "").strip(), form.get("amount", "").strip()
    records = parse_whole(written.replace(",", ""))
    found = {}
    if written and (records is None or records < 1):
        found["records"] = "Enter a whole number of 1 or more, or leave it blank."
    book = parse_amount(amount, currency)
    if amount and (book is None or book < 1):
        found["amount"] = "An amount such as 100,000.00, or nothing."
    return Problems(found) if found else StopLimit(records, book)


def parse_amount(text: str, currency: str) -> int | None:
    """Return an amount such as 1,000.00 in minor units of its currency, or None."""
    plain = text.replace(",", "").removeprefix(sign(currency)).strip()
    if not re.fullmatch(r"[0-9]{1,13}(\.[0-9]{1,2})?", plain):
        return None
    return to_minor(Decimal(plain), currency)


def parse_place(text: str | None) -> tuple[int, int] | None:
    """Parse a list position `number:id` from an address; None if it is malformed."""
    after = tuple(parse_whole(part) or 0 for part in (text or "").split(":"))
    return (after[0], after[1]) if len(after) == 2 else None


def parse_whole(text: str | None) -> int | None:
    """Parse a whole number; None if the text is none."""
    plain = text or ""
    digits = plain.removeprefix("-")
    return int(plain) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def parse_hour(text: str | None) -> time | None:
    """Parse a time of day such as 02:00; None if the text is none."""
    plain = (text or "").strip()
    return time.fromisoformat(plain) if _CLOCK.fullmatch(plain) else None


def parse_day(text: str | None) -> date | None:
    """Parse a date such as 2026-11-20; None if the text is none or the year is implausible, such as
    0020.
    """
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.year in YEARS else None


def parse_moment(text: str, zone: ZoneInfo) -> datetime | None:
    """Parse a date and time of this zone into UTC; None if the text is none or the year is
    implausible.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=zone).astimezone(UTC) if found.year in YEARS else None


def _seen(text: str) -> Seen | None:
    posting, _, rest = text.partition(":")
    digest, _, rest = rest.partition(":")
    amount, _, name = rest.partition(":")
    minor, _, currency = amount.partition(" ")
    number, money = parse_whole(posting), parse_whole(minor)
    if number is None or money is None:
        return None
    return Seen(number, digest, money, name, currency)


def _reason_problem(reason: str) -> Mapping[str, str]:
    if len(reason) >= MIN_REASON:
        return {}
    return {"reason": "Enter a short reason. It is recorded in the audit log."}


@dataclass(frozen=True, slots=True)
class RowPage(Generic[Row]):
    """Some rows of many, counted from 0: where they begin, and where those before and after do."""

    rows: tuple[Row, ...]
    start: int
    total: int
    before: int | None
    after: int | None


def page_rows(rows: Sequence[Row], most: int, start: int | None) -> RowPage[Row]:
    """Return the page of rows from `start` on. An invalid start gives the first page."""
    at = start if start is not None and 0 < start < len(rows) else 0
    end = at + most
    return RowPage(
        rows=tuple(rows[at:end]),
        start=at,
        total=len(rows),
        before=max(0, at - most) if at else None,
        after=end if end < len(rows) else None,
    )
