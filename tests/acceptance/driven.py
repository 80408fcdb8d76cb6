"""What became of every cell of AutoCount's tables that can be driven there.

Here: driving all of them together, through the door of the product and the books of the stand-in.
Not here: the cells (depot_cells.py), what is asked of them (test_edits.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.acceptance.depot import Depot, day
from tests.acceptance.depot_cells import LOCKED_THROUGH, Effects, Story, parents, stories
from tests.acceptance.product import MALAYSIA
from tests.acceptance.quiet import ask_target, change, rows
from tests.acceptance.rule_tables import Tables

OPEN = """
SELECT record.number, team.name, hold.code, hold.clears FROM hold
JOIN record ON record.id = hold.record_id LEFT JOIN team ON team.id = hold.team_id
WHERE hold.state = 'open'
"""
UNREAD = """
SELECT count(*) FROM posting
WHERE doc_type = 'invoice' AND e_invoice_at IS NULL AND number LIKE 'IV-3%'
"""


@dataclass
class Driven:
    """What became of every cell: its effects after the change, and its open holds."""

    stories: list[Story]
    posted: Mapping[str, Effects]
    changed: Mapping[str, Effects]
    held: Mapping[str, list[tuple[Any, ...]]]


def drive(depot: Depot) -> Driven:
    """All of them together, once: posted, and then changed."""
    tables, start = Tables(depot.product.folder / "rules"), len(depot.effects())
    told = stories(tables)
    # What refunds settle stays as it is: the rules' own tests drive that.
    settled = {one for one in tables.all() if ("credited", "yes") in one[2]}
    assert {cell for one in told for cell in one.hit} == tables.all() - settled
    bills = sum(one.kind == "ap_payment" for one in told)
    beside = bills + 1  # documents that others belong to: the invoice of an order, bills
    depot.post_records(*parents(), *(body for story in told for body in story.before))
    depot.work_on(len(told) + beside)
    before = depot.effects()[start:]
    assert len(before) == len(told) + beside, open_holds(depot)
    _validate(depot, told)
    depot.lock(day(LOCKED_THROUGH))
    depot.post_records(*(body for story in told for body in story.after))
    depot.work_on(sum(len(story.effects) for story in told))
    depot.work()
    after = depot.effects()[start + len(before) :]
    return Driven(told, _by_number(told, before), _by_number(told, after), open_holds(depot))


def _validate(depot: Depot, told: list[Story]) -> None:
    """The tax office validates the e-invoices; then they are read again."""
    now = datetime.now(UTC) + timedelta(seconds=depot.offset())
    for story in told:
        if story.kind == "invoice":
            since = now - timedelta(hours=int(story.cell[2].removesuffix("h")))
            stamp = since.astimezone(MALAYSIA).replace(tzinfo=None).isoformat()
            master = {"eInvoiceValidatedTimeStamp": stamp}
            ask_target(depot, "by_hand", number=story.document, master=master)
    change(depot, "UPDATE posting SET read_due_at = sent_at WHERE number LIKE 'IV-3%'")
    for _ in told:
        depot.work()
        if not rows(depot, UNREAD)[0][0]:
            return
        depot.move(minutes=1)


def _by_number(told: list[Story], effects: Effects) -> dict[str, Effects]:
    return {
        one.number: [e for e in effects if one.number in e[1].replace("CN-", "").split("-")]
        for one in told
    }


def open_holds(depot: Depot) -> dict[str, list[tuple[Any, ...]]]:
    """Team, code and way out of each, by the number of its record."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    for number, *hold in rows(depot, OPEN):
        found.setdefault(number, []).append(tuple(hold))
    return found
