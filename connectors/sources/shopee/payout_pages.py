"""What Shopee released of some whole days, asked for after orders and returns.

Here: which days come next, the questions, and their answers. Not here: what a payout is made of
(payouts.py), the orders before (pages.py).

Days are read once they are over, by the clock of the shop: nothing is added to them any more. What
is listed and not shown is asked for again, for a payout without it would be less than the bank's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import IncomingRecord, RowError, Settings
from connectors.contract.pulls import NoPage, Pulled
from connectors.kit.delivery_counts import too_long
from connectors.sources.shopee.calls import Shop
from connectors.sources.shopee.payouts import DETAILS, LISTED, payouts_of
from connectors.transport.strict_json import dumps

ESCROWS: Final = "/api/v2/payment/get_escrow_list"
INCOMES: Final = "/api/v2/payment/get_escrow_detail_batch"
SETTING: Final = "payouts"
FROM: Final = "payouts_from"
CURRENCY: Final = "payout_currency"
WAYS: Final = {"day": "One for each day", "week": "One for each week, Monday to Sunday"}
SIZE: Final = 100
AT_ONCE: Final = 50
_PAGES: Final = 26
"""Pages of one payout: with more orders it has more lines than a record may have."""
_SETTLED: Final = timedelta(hours=2)
"""So long after its end nothing is added to a day any more."""
_EACH: Final = 2
"""Lines that an order has at least: of so many orders nothing more need be asked."""
Given = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days that make one payout, by the clock of the shop."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def number(self) -> str:
        """What names the payout: 2026-11-20, or 2026-11-16-22 for several days."""
        name = self.first.isoformat()
        return name if self.first == self.last else f"{name}-{self.last:%d}"

    @property
    def since(self) -> int:
        """The first second, counted from 1970 on."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> int:
        """The second behind them."""
        return _midnight(self.last + timedelta(days=1), self.zone)


def asked_for(settings: Settings) -> bool:
    """Whether payouts are wanted at all."""
    return settings.get(SETTING) in WAYS


def due(after: int, settings: Settings, zone: ZoneInfo, now: datetime) -> Days | None:
    """The next days that are whole, over and not read yet; None where there are none. A week is
    the same days whoever asks: what begins in the middle of one begins with the next, unless the
    settings name that day.
    """
    local = datetime.fromtimestamp(after, zone)
    told = str(settings.get(FROM) or "")
    start = date.fromisoformat(told) if told else date.min
    first = max(start, local.date() + timedelta(days=0 if local.time() == time(0) else 1))
    last = first
    if settings.get(SETTING) == "week":
        if first.weekday() and first != start:
            first += timedelta(days=7 - first.weekday())
        last = first + timedelta(days=6 - first.weekday())
    found = Days(first, last, zone)
    return found if found.end + _SETTLED.total_seconds() <= now.timestamp() else None


def released(shop: Shop, days: Days) -> tuple[Pulled, ...] | NoPage:
    """The payout of these days; none where nothing was released."""
    listed = _listed(shop, days)
    if isinstance(listed, NoPage):
        return listed
    if not listed:
        return ()
    head: dict[str, object] = {
        "number": days.number,
        "first_day": days.first.isoformat(),
        "last_day": days.last.isoformat(),
        "currency": str(shop.settings.get(CURRENCY) or "") or None,
    }
    if wrong := too_long(f"payouts.{LISTED}", len(listed) * _EACH):
        return (Pulled(raw=dumps(head), errors=(wrong,)),)
    incomes = _incomes(shop, [str(one.get("order_sn")) for one in listed])
    if isinstance(incomes, NoPage):
        return incomes
    whole = {**head, LISTED: listed, DETAILS: incomes}
    return (_read(whole, days.zone),)


def _read(whole: Given, zone: ZoneInfo) -> Pulled:
    records: list[IncomingRecord] = []
    errors: list[RowError] = []
    for one in payouts_of("payouts[0]", whole, zone):
        if isinstance(one, RowError):
            errors.append(one)
        else:
            records.append(one)
    return Pulled(raw=dumps(whole), records=tuple(records), errors=tuple(errors))


def _listed(shop: Shop, days: Days) -> list[Given] | NoPage:
    """What was released of each order, each once."""
    found: dict[str, Given] = {}
    for number in range(1, _PAGES + 1):
        asked = {
            "release_time_from": str(days.since),
            "release_time_to": str(days.end - 1),
            "page_size": str(SIZE),
            "page_no": str(number),
        }
        told = shop.get(ESCROWS, asked)
        if isinstance(told, NoPage):
            return told
        part = _objects(told.get(LISTED))
        if part is None:
            return NoPage(words="Shopee answered with something that is not a list of escrows.")
        found |= {json.dumps(one, sort_keys=True, default=str): one for one in part}
        if told.get("more") is not True or not part:
            break
    return list(found.values())


def _incomes(shop: Shop, numbers: Sequence[str]) -> list[Given] | NoPage:
    """The income of each order; why not where that of one is not shown."""
    found: list[Given] = []
    for at in range(0, len(numbers), AT_ONCE):
        some = list(dict.fromkeys(numbers[at : at + AT_ONCE]))
        told = shop.post(INCOMES, {"order_sn_list": some})
        if isinstance(told, NoPage):
            return told
        shown = [one.get("escrow_detail") for one in _objects(told) or ()]
        details = _objects(shown)
        if details is None or not isinstance(told, list):
            return NoPage(words="Shopee answered with something that is not a list of incomes.")
        known = {str(one.get("order_sn")) for one in details}
        missing = [number for number in some if number not in known]
        if missing:
            words = f"Shopee lists order {missing[0][:50]} as released and does not show its income"
            rest = f", nor that of {len(missing) - 1} more." if len(missing) > 1 else "."
            return NoPage(words=words + rest)
        found += details
    return found


def _objects(found: object) -> list[Given] | None:
    """A list of objects; None where it is none."""
    good = isinstance(found, list) and all(isinstance(one, Mapping) for one in found)
    return found if isinstance(found, list) and good else None


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(0), zone).timestamp())
