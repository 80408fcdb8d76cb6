"""Select the amounts of holds.

A module of its own, because rows and sums of several domains must read them alike.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Label, Subquery, case, func, select

from holding.db.models import Hold, Record
from holding.db.models.decisions import HOLD_OPEN


def held_amount(hold: type[Hold] = Hold) -> tuple[Label[int | None], Label[str]]:
    """Return a hold's amount and currency: of an approval the document's, else the record's."""
    is_of_document = hold.currency != ""
    amount = case((is_of_document, hold.amount), else_=Record.amount)
    currency = case((is_of_document, hold.currency), else_=func.coalesce(Record.currency, ""))
    return amount.label("amount"), currency.label("currency")


HELD_AMOUNT, HELD_CURRENCY = held_amount()


def counted_holds(*terms: ColumnElement[bool], by: Sequence[Any] = ()) -> Subquery:
    """Return one row for each record with matching open holds, and each value of `by`.

    Columns: `record_id`, the columns of `by`, `currency` (blank is the company's), `minor`, the
    oldest hold's `since`, and the number of `holds`. The amount is the one that the tally of holds
    counts: the greatest in the company's currency, else the greatest of the first other currency.
    """
    is_home = Hold.book.is_not(None)
    minor = case((is_home, Hold.book), else_=HELD_AMOUNT.element)
    currency = case((is_home, ""), else_=HELD_CURRENCY.element)
    per_record = [*by, Hold.record_id]
    place = func.row_number().over(
        partition_by=per_record, order_by=[minor.is_(None), currency, minor.desc(), Hold.id]
    )
    ranked = (
        select(Hold.record_id, *by, currency.label("currency"), minor.label("minor"))
        .add_columns(place.label("place"))
        .add_columns(func.min(Hold.opened_at).over(partition_by=per_record).label("since"))
        .add_columns(func.count().over(partition_by=per_record).label("holds"))
        .join(Record, Record.id == Hold.record_id)
        .where(HOLD_OPEN, *terms)
        .subquery("ranked")
    )
    return select(ranked).where(ranked.c.place == 1).subquery("counted")
