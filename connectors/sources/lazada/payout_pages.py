"""Statements of Lazada with their transactions, asked for after the orders that changed.

Here: the questions, their answers, and from which day on statements are asked for again. Not here:
what a payout is made of (payouts.py), the orders before (pages.py).

A statement does not name its transactions: they name its days, and it is made in the night after
the last of them. So a statement has those whose days end before its own.
"""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError, Settings
from connectors.contract.pulls import NoPage, Pulled
from connectors.sources.lazada.calls import Shop
from connectors.sources.lazada.payouts import ROWS, payouts_of, period
from connectors.transport.strict_json import dumps

STATEMENTS: Final = "/finance/payout/status/get"
TRANSACTIONS: Final = "/finance/transaction/details/get"
SETTING: Final = "payouts"
ASKED_FOR: Final = "yes"
SIZE: Final = 500
AROUND: Final = timedelta(days=8)
"""A statement is of a week at most, unless its transactions say otherwise."""
BACK: Final = timedelta(days=60)
"""So long a statement that is not paid yet is asked for again."""
_PAGES: Final = 40
Given = Mapping[str, object]


def asked_for(settings: Settings) -> bool:
    """Whether payouts are wanted."""
    return settings.get(SETTING) == ASKED_FOR


def statements(shop: Shop, since: date) -> list[Given] | NoPage:
    """The statements that were made on this day or later, the oldest first."""
    told = shop.get(STATEMENTS, {"created_after": since.isoformat()})
    if isinstance(told, NoPage):
        return told
    listed = _objects(told)
    if listed is None or any(_made(one) is None for one in listed):
        return NoPage(words="Lazada answered with something that is not a list of statements.")
    return sorted(listed, key=lambda one: (str(_made(one)), str(one.get("statement_number"))))


def again_from(listed: list[Given], since: date, today: date) -> date:
    """From which day on the next reading asks: the oldest that is not paid, else the newest."""
    made = [(_made(one) or today, str(one.get("paid")) == "1") for one in listed]
    waiting = [day for day, paid in made if not paid]
    newest = max((day for day, _ in made), default=since)
    return max(min([*waiting, newest]), today - BACK)


def whole(shop: Shop, statement: Given, zone: ZoneInfo) -> Pulled | NoPage:
    """A statement with its transactions as a payout."""
    made = _made(statement) or date.min
    rows = _rows(shop, made, made - AROUND)
    days = [found for one in _of(rows, made) if (found := period(one.get("statement")))]
    first = min((day for day, _ in days), default=made)
    if not isinstance(rows, NoPage) and first < made - AROUND:
        rows = _rows(shop, made, first)
    if isinstance(rows, NoPage):
        return rows
    told = {**statement, ROWS: _of(rows, made)}
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for one in payouts_of("statements[0]", told, zone):
        if isinstance(one, RowError):
            errors.append(one)
        else:
            records.append(one)
    return Pulled(raw=dumps(told), records=tuple(records), errors=tuple(errors))


def _of(rows: list[Given] | NoPage, made: date) -> list[Given]:
    """Those whose days end the day before the statement was made."""
    if isinstance(rows, NoPage):
        return []
    ends = [(one, period(one.get("statement"))) for one in rows]
    return [one for one, days in ends if days and days[1] + timedelta(days=1) == made]


def _rows(shop: Shop, made: date, since: date) -> list[Given] | NoPage:
    """All transactions of these days, each once: while they are read the list may grow, and show
    the last of a page on the next one, too.
    """
    found: dict[str, Given] = {}
    for page in range(_PAGES):
        asked = {
            "start_time": since.isoformat(),
            "end_time": made.isoformat(),
            "limit": str(SIZE),
            "offset": str(page * SIZE),
        }
        told = shop.get(TRANSACTIONS, asked)
        if isinstance(told, NoPage):
            return told
        part = _objects(told)
        if part is None:
            return NoPage(
                words="Lazada answered with something that is not a list of transactions."
            )
        found |= {json.dumps(one, sort_keys=True, default=str): one for one in part}
        if len(part) < SIZE:
            return list(found.values())
    return NoPage(
        words=f"Lazada shows more than {_PAGES * SIZE:,} transactions of {AROUND.days} days."
    )


def _made(statement: Given) -> date | None:
    """The day on which a statement was made, by the clock of the shop."""
    try:
        return date.fromisoformat(str(statement.get("created_at"))[:10])
    except ValueError:
        return None


def _objects(found: object) -> list[Given] | None:
    """A list of objects; None where it is none."""
    good = isinstance(found, list) and all(isinstance(one, Mapping) for one in found)
    return found if isinstance(found, list) and good else None
