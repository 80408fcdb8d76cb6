"""A source that is a list of changes, for what is done with any source that can be asked."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.contract import ConnectionForm, IncomingRecord, KeyField, RowError, Settings, schema
from connectors.contract.pulls import NoPage, Page, Pulled, not_in_source
from connectors.contract.schema import KindSchema
from connectors.transport.http import Http

BACK = timedelta(minutes=10)


@dataclass
class Shelf:
    """Shows its changes by their moment, two a page; `answer` is told instead once, `wrong` beside
    each page. Where they are not `stamped`, no record says when it was changed. Of those that are
    `not_shown` only the number is told.
    """

    changes: list[tuple[datetime, str, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    answer: NoPage | None = None
    wrong: NoPage | None = None
    calls_a_minute: int = 6_000
    lists_back: timedelta | None = None
    stamped: bool = True
    not_shown: list[str] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    name = "shelf"
    form = ConnectionForm(
        title="Shelf",
        gives="",
        needs="",
        settings=(schema.address_setting("https://a.example", ""),),
        key=KeyField(label="Key of the shelf"),
    )
    kinds: tuple[KindSchema, ...] = ()
    suffixes: tuple[str, ...] = ()

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:
        del settings
        return ("order",)

    def begin(self, since: datetime) -> str:
        return json.dumps([since.isoformat(), 0])

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        del settings, zone, http
        self.asked.append(cursor)
        self.keys.add(secret)
        self.meanwhile()
        if self.answer is not None:
            told, self.answer = self.answer, None
            return told
        since, skip = json.loads(cursor)
        moment = datetime.fromisoformat(since)
        left = sorted(one for one in self.changes if one[0] >= moment)[skip:]
        if len(left) > 2:
            after = json.dumps([since, skip + 2])
            return Page(found=self._all(left[:2]), after=after, more=True, wrong=self.wrong)
        newest = max([moment + BACK, *(at for at, *_ in left)])
        after = self.begin(newest - BACK)
        return Page(found=self._all(left), after=after, more=False, wrong=self.wrong)

    def _all(self, changes: Sequence[tuple[datetime, str, str]]) -> list[Pulled]:
        shown = [one for one in changes if one[1] not in self.not_shown]
        found = [pulled(*one, stamped=self.stamped) for one in shown]
        return [*found, *(_not_shown(number) for number in self.not_shown)]


def _not_shown(number: str) -> Pulled:
    record = IncomingRecord(
        kind="order", external_id=number, number=number, stamp=None, body={"number": number}
    )
    held = record.with_faults([not_in_source("order", number)])
    return Pulled(raw=b"{}", missing=(held,))


def pulled(at: datetime, number: str, total: str, *, stamped: bool) -> Pulled:
    raw = json.dumps({"number": number, "total": total, "at": at.isoformat()}).encode()
    if total == "x":
        error = RowError(where="order.total", value=total, message="No number.", hint="Correct it.")
        return Pulled(raw=raw, errors=(error,))
    stamp = at.isoformat() if stamped else None
    body: dict[str, object] = {"number": number, "status": "paid", "total": total}
    record = IncomingRecord(kind="order", external_id=number, number=number, stamp=stamp, body=body)
    return Pulled(raw=raw, records=(record,))
