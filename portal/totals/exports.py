"""The comparison of daily totals as a file: CSV, workbook, JSON.

Here: rows, with the filter of each side printed above them. Not here: what is compared
(holding/reconciliation/daily_totals.py).
"""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal

from connectors.kit.workbook import CSV, Written, write_csv, write_sheets
from holding.reconciliation.compared_documents import Span, Standing
from holding.reconciliation.daily_totals import Kind, Line
from holding.reconciliation.day_sums import EXPLAINED, Sum, Totals
from holding.tables.columns import from_minor
from portal.totals.filter_words import STANDINGS, Asked, said

JSON = "application/json"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NOT_COMPARED = "not compared: the filters differ"
Row = list[Written]


def made(
    ending: str, asked: Asked, kind: Kind | None, spans: Mapping[str, Span]
) -> tuple[bytes, str]:
    """The file and its media type, by its ending."""
    same = asked.sides.same
    top = _top(kind, spans, same=same)
    if ending == "json":
        return _json(kind, spans, same=same), JSON
    days, documents = _days(kind, same=same), _documents(kind, same=same)
    if ending == "xlsx":
        sheets = {"Days": [*top, [], *days], "Differences": [*top, [], *documents]}
        return write_sheets(sheets), XLSX
    return write_csv([*top, [], *days, [], *documents]), CSV


def _top(kind: Kind | None, spans: Mapping[str, Span], *, same: bool) -> list[Row]:
    place = kind.place if kind else None
    return [
        ["Target", place.target if place else "none"],
        ["Kind of document", place.doc_type.replace("_", " ") if place else "none"],
        ["Filter of the source side", said(spans["source"])],
        ["Filter of the target side", said(spans["target"])],
        ["Difference", "source less target" if same else NOT_COMPARED],
    ]


def _days(kind: Kind | None, *, same: bool) -> list[Row]:
    words = [STANDINGS[one].word for one in (*EXPLAINED, Standing.ACCEPTED, Standing.UNEXPLAINED)]
    head: Row = ["Day", "Currency", "Source", "Source records", "Posted", "Posted documents",
                 "Target", "Target documents"]  # fmt: skip
    rows: list[Row] = [[*head, *(["Difference", *words] if same else [])]]
    for day, one in _lines(kind):
        sides = (one.source, one.ours, one.target)
        row: Row = [day, one.currency]
        row += [cell for side in sides for cell in (_money(side.minor, one.currency), side.count)]
        rows.append([*row, *(_differences(one) if same else [])])
    return rows


def _lines(kind: Kind | None) -> Iterator[tuple[str, Totals]]:
    if kind is None:
        return
    for day in kind.days:
        yield from ((day.day.isoformat(), one) for one in day.totals)
    yield from (("all days", one) for one in kind.totals)


def _differences(one: Totals) -> Row:
    standings = (*EXPLAINED, Standing.ACCEPTED, Standing.UNEXPLAINED)
    parts = [_money(one.of(standing).minor, one.currency) for standing in standings]
    return [_money(one.difference, one.currency), *parts]


def _documents(kind: Kind | None, *, same: bool) -> list[Row]:
    rows: list[Row] = [["Day", "Record", "Document", "Currency", "Source", "Posted", "Target",
                        "Difference", "Standing"]]  # fmt: skip
    if kind is not None and same:
        rows += [_document(one) for one in _differing(kind)]
    return rows


def _differing(kind: Kind) -> list[Line]:
    return [line for day in kind.days for line in kind.of_day(day.day)]


def _document(line: Line) -> Row:
    one = line.document
    sides = [_money(minor, one.code) for minor in (one.said, one.posted, one.there)]
    word = STANDINGS[line.standing].word
    return [one.day.isoformat(), one.record, one.number, one.code, *sides,
            _money(line.differs, one.code), word]  # fmt: skip


def _money(minor: int | None, currency: str) -> Decimal | str:
    return "not known" if minor is None else from_minor(minor, currency)


def _json(kind: Kind | None, spans: Mapping[str, Span], *, same: bool) -> bytes:
    told = {
        "target": kind.place.target if kind else None,
        "kind": kind.place.doc_type if kind else None,
        "filter": {side: _span(span) for side, span in spans.items()},
        "compared": same,
        "days": [_day(day, one, same=same) for day, one in _lines(kind)],
        "documents": [_plain(one) for one in _differing(kind)] if kind and same else [],
    }
    return json.dumps(told, indent=1, ensure_ascii=False).encode()


def _span(span: Span) -> dict[str, str | None]:
    first, last = span.first.isoformat(), span.last.isoformat()
    return {"by": "document date", "from": first, "to": last, "status": span.status or None}


def _day(day: str, one: Totals, *, same: bool) -> dict[str, object]:
    sides = {"source": one.source, "posted": one.ours, "target": one.target}
    told: dict[str, object] = {
        "day": day,
        "currency": one.currency,
        **{name: _sum(side, one.currency) for name, side in sides.items()},
    }
    if same:
        told["difference"] = str(from_minor(one.difference, one.currency))
        told["by"] = {
            standing.value: _sum(one.by[standing], one.currency)
            for standing in Standing
            if standing in one.by
        }
    return told


def _sum(found: Sum, currency: str) -> dict[str, object]:
    return {"count": found.count, "amount": str(from_minor(found.minor, currency))}


def _plain(line: Line) -> dict[str, object]:
    one = line.document
    sides = {"source": one.said, "posted": one.posted, "target": one.there}
    amounts = {
        name: None if minor is None else str(from_minor(minor, one.code))
        for name, minor in sides.items()
    }
    return {
        "day": one.day.isoformat(),
        "record": one.record,
        "document": one.number,
        "currency": one.code,
        **amounts,
        "difference": str(from_minor(line.differs, one.code)),
        "standing": line.standing.value,
    }
