"""How money, quantities, moments and names of rules look to a person.

Here: plain text in, plain text out; the zone is the company's. Not here: markup
(templates/_macros/ui.html).
"""

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask import Flask, g

from connectors.contract.errors import class_label, failure_word
from grammar.text.characters import MINUS, prefix, sign
from holding.access import actors
from holding.access import actors as personal_data
from holding.access.actors import role_list
from holding.db.models.columns import from_minor, moment_text
from holding.db.refusal import (
    added,
    clauses,
    currencies,
    digits,
    duration,
    headed,
    money,
    plural,
    sums,
)
from holding.platform.states import state_label
from holding.records.trace import Step
from rules.values.wording import clause, plain, term

LEDGERS = frozenset({"ar", "ap"})  # accounts receivable, accounts payable
OPERAND = re.compile("‹([^›]*)›")
LONG_HASH = re.compile(r"\b[0-9a-f]{24,}\b")
STEP_SIGNS = {
    "version": ("idle", "in"),
    "evaluation": ("info", "rules"),
    "push": ("info", "sending"),
    "attempt": ("info", "sending"),
    "record.woken": ("info", "map"),
    "mapping.fixed": ("info", "map"),
    "mapping.removed": ("info", "map"),
    "hold.opened": ("warn", "held"),
    "hold.released": ("ok", "ok"),
    "hold.assigned": ("idle", "user"),
    "period.asked": ("idle", "user"),
    "period.redirected": ("idle", "user"),
    "posting.dated": ("warn", "clock"),
    "posting.approved": ("ok", "ok"),
    "posting.rejected": ("idle", "ignored"),
    "posting.posted": ("ok", "posted"),
    "posting.read": ("warn", "search"),
    "posting.uncertain": ("doubt", "uncertain"),
    "posting.refused": ("bad", "failed"),
    "approval.voided": ("warn", "undo"),
}
DEFAULT_ZONE = "UTC"  # of pages that no company owns
ZONE_NAMES = {"Asia/Kuala_Lumpur": "MYT", "Asia/Singapore": "SGT", "UTC": "UTC"}
SHOWN_TONES = {
    "mapping_missing": ("warn", "held"),
    "missing_field": ("warn", "held"),
    "bad_value": ("warn", "held"),
    "authorization_failed": ("bad", "failed"),
    "duplicate": ("warn", "held"),
    "stale_version": ("warn", "held"),
    "period_locked": ("warn", "lock"),
    "temporary": ("info", "clock"),
    "uncertain": ("doubt", "uncertain"),
    "business_rule": ("warn", "held"),
}


def init(app: Flask) -> None:
    """Give the filters to the templates."""
    for made in (
        sign,
        prefix,
        digits,
        money,
        sums,
        added,
        currencies,
        whole,
        day,
        moment,
        stamp,
        local,
        clock,
        utc,
        iso,
        exact,
        age,
        hours,
        seconds,
        size,
        capfirst,
        kind_of,
        duration,
        day_of,
        short,
        shorter,
        party,
        step_sign,
        state_label,
        failure_word,
        class_label,
        term,
        clause,
        place,
        operands,
        headed,
        clauses,
        pretty,
        spaces,
        plural,
        role_list,
    ):
        app.jinja_env.filters[made.__name__] = made
    app.jinja_env.globals["class_tones"] = SHOWN_TONES
    app.jinja_env.globals["zone_note"] = zone_note


def zone() -> ZoneInfo:
    """The zone of the company that is being looked at."""
    return ZoneInfo(g.get("zone", DEFAULT_ZONE))


def today() -> date:
    """The day that it is there now."""
    now: datetime = g.now
    return now.astimezone(zone()).date()


def zone_note() -> str:
    """The sentence of the page foot: which zone the times are in."""
    name = g.get("zone", DEFAULT_ZONE)
    offset = datetime.now(UTC).astimezone(ZoneInfo(name)).utcoffset() or timedelta()
    hours, minutes = divmod(int(abs(offset.total_seconds())) // 60, 60)
    mark = "+" if offset >= timedelta() else MINUS
    told = f"{hours}:{minutes:02d}" if minutes else str(hours)
    return f"Times are {ZONE_NAMES.get(name, name)}, UTC{mark}{told}"


def whole(minor: int, currency: str) -> str:
    """RM 12,345 for tiles; the exact value stands in the accessible text beside it."""
    mark = MINUS if minor < 0 else ""
    return f"{mark}{prefix(currency)}{abs(from_minor(minor, currency)):,.0f}"


def day(value: date) -> str:
    """2026-11-20."""
    return value.isoformat()


def moment(value: datetime) -> str:
    """2026-11-20 14:30 in the company's zone."""
    return value.astimezone(zone()).strftime("%Y-%m-%d %H:%M")


def stamp(value: datetime) -> str:
    """2026-11-20 14:30:05 in the company's zone."""
    return value.astimezone(zone()).strftime("%Y-%m-%d %H:%M:%S")


def local(value: object) -> object:
    """A moment with its zone, as a source wrote it, in the company's zone; else the value."""
    text = str(value)
    try:
        found = datetime.fromisoformat(text) if "T" in text else None
        return stamp(found) if found is not None and found.tzinfo else value
    except (ValueError, OverflowError):  # the first and the last day are in no other zone
        return value


def clock(value: datetime) -> str:
    """14:30:05 in the company's zone."""
    return value.astimezone(zone()).strftime("%H:%M:%S")


def utc(value: datetime) -> str:
    """2026-11-20 06:30:00 UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def iso(value: datetime) -> str:
    """The machine's form of a moment."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_of(value: datetime) -> str:
    """11-20 in the company's zone."""
    return value.astimezone(zone()).strftime("%m-%d")


def exact(value: datetime) -> str:
    """A moment to its last digit, so that a list goes on behind the very line that had it."""
    return moment_text(value)


def age(since: datetime, now: datetime | None = None) -> str:
    """2 d 5 h, from `since` to the moment of the page."""
    return duration(max(0, int(((now or g.now) - since).total_seconds()) // 60))


def hours(since: datetime) -> str:
    """26 h, from `since` to the moment of the page; 40 min below an hour."""
    minutes = max(0, int((g.now - since).total_seconds()) // 60)
    return f"{minutes // 60:,} h" if minutes >= 60 else f"{minutes} min"


def seconds(length: float) -> str:
    """3.2 s, 12 min: a length of time in seconds."""
    return f"{length:.1f} s" if length < 60 else duration(int(length) // 60)


def size(count: int) -> str:
    """3.2 GB, 150 MB, 12 KB: bytes as people read them."""
    if count >= 10**9:
        return f"{count / 10**9:,.1f} GB"
    if count >= 10**6:
        return f"{count / 10**6:,.0f} MB"
    return f"{max(1, round(count / 1000)):,} KB"


def capfirst(text: str) -> str:
    """A text with a capital at its start and the rest as it is."""
    return text[:1].upper() + text[1:]


def kind_of(doc_type: str) -> str:
    """ar_payment -> AR payment: a document type as people write it."""
    return " ".join(word.upper() if word in LEDGERS else word for word in doc_type.split("_"))


def short(text: str | None, length: int = 8) -> str:
    """The first letters of a hash."""
    if not text:
        return "none"
    return text if len(text) <= length else f"{text[:length]}…"


def shorter(text: str) -> str:
    """A sentence whose long hashes are cut to their first letters."""
    return LONG_HASH.sub(lambda found: f"{found[0][:12]}…", text)


def party(name: str | None) -> str:
    """A customer's name, for those who may see personal data."""
    if not name:
        return "not recorded"
    return name if sees_personal() else personal_data.MASK


def sees_personal() -> bool:
    """Whether the person of this request may see personal data."""
    return actors.may(g.actor, "record.pii") is None


def step_sign(step: Step) -> tuple[str, str]:
    """Tone and icon of a line of the trace, by what happened."""
    act = step.proof.label.partition(" ")[0] if step.kind == "event" else step.kind
    return STEP_SIGNS.get(act, ("idle", "right"))


def pretty(value: object) -> str:
    """JSON for reading; text that is JSON is laid out, other text stays."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        text = value
        try:
            value = json.loads(text)
        except ValueError:
            return text
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def spaces(text: object) -> list[tuple[str, bool]]:
    """A value in pieces, outer and doubled spaces marked, so that a page can draw them."""
    if text is None:
        return []
    value = str(text)
    left, right = len(value) - len(value.lstrip()), len(value) - len(value.rstrip())
    if not value.strip():
        return [(" ", True)] * len(value)
    return [(" ", True)] * left + [(value.strip(), False)] + [(" ", True)] * right


def _plain(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)


def place(path: str, line: int | None = None) -> str:
    """A field, with its line where it is one of a line.

    >>> place("line.sku", 5), place("customer_name"), place("sales_account", 5)
    ('SKU, line 5', 'customer name', 'sales account, line 5')
    """
    return f"{plain(path.removeprefix('line.'))}, line {line}" if line else term(path)


def operands(text: str) -> list[tuple[str, bool]]:
    """A message of a rule in pieces; True is the name of a value that is filled in.

    >>> operands("Total ‹total› is high.")
    [('Total ', False), ('total', True), (' is high.', False)]
    """
    return [(piece, at % 2 == 1) for at, piece in enumerate(OPERAND.split(text)) if piece]
