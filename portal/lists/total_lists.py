"""The comparison of daily totals as a file: the sums of each day, and every document that differs.

Here: their columns and rows, the same in every shape, with the filter of each side. Not here: what
is compared (holding/reconciliation/daily_totals.py).
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from flask import request

from connectors.kit.workbook import Written
from holding.db.models.columns import from_minor
from holding.db.refusal import Refusal
from holding.reconciliation.compared_documents import EXPLAINED, Standing, Totals
from holding.reconciliation.daily_totals import Kind, Line
from portal.lists.list_file import ListFile, Table
from portal.totals import daily_page, filter_words
from portal.totals.filter_words import STANDINGS
from portal.web import filters

NOT_COMPARED: Final = "not compared: the filters differ"
PARTS: Final = (*EXPLAINED, Standing.ACCEPTED, Standing.UNEXPLAINED)
DAYS: Final = ("Day", "Currency", "Source", "Source records", "Posted", "Posted documents",
               "Accounting system", "Accounting documents", "Difference",
               *(STANDINGS[one].word for one in PARTS))  # fmt: skip
DIFFERENCES: Final = ("Day", "Record", "Document", "Currency", "Source", "Posted",
                      "Accounting system", "Difference", "Standing")  # fmt: skip


def reconciliation() -> ListFile | Refusal:
    """The sums of the page; where the filters of both sides differ nothing is subtracted."""
    asked = filter_words.asked(request.args, filters.today())
    if asked.problems:
        return Refusal("reconcile.filter", next(iter(asked.problems.values())), "", 422)
    found = daily_page.compared(asked)
    kind, same = found.kind(asked.target, asked.doc_type), asked.sides.same
    kept = {
        "accounting system": kind.place.target if kind else "none",
        "document": kind.place.doc_type.replace("_", " ") if kind else "none",
        "source side": filter_words.said(asked.sides.source),
        "accounting side": filter_words.said(asked.sides.target),
        "difference": "source less accounting system" if same else NOT_COMPARED,
    }
    if asked.only:
        kept["days"] = "those that differ"
    first, last = asked.sides.source.first, asked.sides.source.last
    tables = [
        Table("Days", DAYS, _days(kind, same=same, only=asked.only)),
        Table("Differences", DIFFERENCES, _documents(kind) if same else ()),
    ]
    return ListFile("the reconciliation", f"reconciliation-{first}-{last}", tables, kept)


def _days(kind: Kind | None, *, same: bool, only: bool) -> Iterator[list[Written]]:
    for day, one in _lines(kind, only=only):
        row: list[Written] = [day, one.currency]
        for side in (one.source, one.ours, one.target):
            row += [from_minor(side.minor, one.currency), side.count]
        yield [*row, *(_differences(one) if same else [None] * (1 + len(PARTS)))]


def _lines(kind: Kind | None, *, only: bool) -> Iterator[tuple[str, Totals]]:
    if kind is None:
        return
    for day in kind.shown(only=only):
        yield from ((day.day.isoformat(), one) for one in day.totals)
    yield from (("all days", one) for one in kind.totals)


def _differences(one: Totals) -> list[Written]:
    parts = [from_minor(one.of(standing).minor, one.currency) for standing in PARTS]
    return [from_minor(one.difference, one.currency), *parts]


def _documents(kind: Kind | None) -> Iterator[list[Written]]:
    for day in kind.days if kind else ():
        yield from map(_document, kind.of_day(day.day) if kind else ())


def _document(line: Line) -> list[Written]:
    one = line.document
    sides = [_money(minor, one.code) for minor in (one.said, one.posted, one.there)]
    word = STANDINGS[line.standing].word
    return [one.day.isoformat(), one.record, one.number, one.code, *sides,
            _money(line.differs, one.code), word]  # fmt: skip


def _money(minor: int | None, currency: str) -> Decimal | str:
    return "not known" if minor is None else from_minor(minor, currency)
