"""F19: versions of an order in any order, with workers between, at a target that can update."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise, permutations
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import IncomingRecord
from holding.db.models import Record
from sandbox.simulators.autocount.api import Api
from sandbox.simulators.autocount.books import Books, default_books, default_keys
from tests.faults.abroad import AUTOCOUNT, ELSEWHERE
from tests.faults.amounts import Done, amount
from tests.faults.course import end, for_a_while, heal
from tests.faults.history import Chances, History, order
from tests.faults.target import Unsynced, Wire
from tests.faults.town import Town, town
from tests.support.house import furnish

VERSIONS, HOST = 5, "autocount.example.test"
WAYS = list(permutations(range(VERSIONS)))
Random(19).shuffle(WAYS)
PLACES = (None, *range(VERSIONS))
"""Which version is a cancel; the order may be paid again after it."""
ORDERS = amount(2, 20, 120)
NEWEST = Decimal(2 * (20 + VERSIONS - 1))
BETWEEN = 20.0  # seconds in which the workers go on before the next version arrives
UPDATED = AUTOCOUNT.replace("TIMING", "immediately").replace(
    """    | changed           | do                 |
    | billed, not_ready | review by accounts |
""",
    """    | changed   | do                 |
    | billed    | update             |
    | not_ready | review by accounts |
""",
)
VOIDED = UPDATED.replace("IV-{number}", "IV-{number}-{posting}").replace(
    """    | period | do                 |
    | -      | review by accounts |
""",
    """    | period | do   |
    | -      | void |
""",
)


@contextmanager
def at_autocount() -> Iterator[Town]:
    """The town with a company whose documents can be updated and voided."""
    _, secret, given = ELSEWHERE["autocount"]
    target: Any = SimpleNamespace(url=f"https://{HOST}")
    with town() as place:
        folder = place.wire.folder / "autocount"
        books = Books(
            books=default_books(locked_through=None),
            keys=default_keys(),
            existing="refuse",
            withhold=0,
            seed=0,
        )
        api = Api(books, Unsynced(folder / "ledger.jsonl"), place.clock, hang=0, a_minute=10**6)
        wire = place.wires[HOST] = Wire(folder, place.clock, "nothing", truth=api)
        with place.database.write() as session:
            company_id = furnish(
                session,
                place.made.environment,
                target,
                rules=VOIDED,
                given=given,
                code="autocount",
                connector="autocount",
                secret=secret,
            )
        place.company_id, place.wire = company_id, wire
        yield place


def version(no: int, minute: int, cancel: int | None) -> IncomingRecord:
    """What the order was at that minute: each time it costs one ringgit more."""
    made = order(no, 20 + minute, minute=minute)
    if minute == cancel:
        made.body["status"] = "cancelled"
    return made


@pytest.mark.parametrize("cancel", PLACES)
def test_f19_versions_in_any_order(done: Done, cancel: int | None) -> None:
    """However they arrive, each order ends as its newest version says, and AutoCount saw only newer
    and newer ones. All orders of arrival are played, shared out among the places of the cancel; by
    night each with all of them.
    """
    mine = WAYS[PLACES.index(cancel) :: amount(len(PLACES), len(PLACES), 1)][:ORDERS]
    with at_autocount() as place:
        history = History(place, Random(19), Chances())
        for _ in range(2):
            history.hire()
        for turn in range(VERSIONS):
            for no, way in enumerate(mine, 1):
                record = version(no, way[turn], cancel)
                place.deliver(f"evt-{no}-{turn}", record)
                history.sent.setdefault(record.external_id, []).append(record)
            for_a_while(history, BETWEEN)
        heal(history)
        ending, states = end(history, 19), _states(place)
        told = _told(place)
    done.faults += len(mine)
    done.records += ending.records
    assert not ending.wrong
    gone = cancel == VERSIONS - 1
    assert set(states.values()) <= ({"reversed", "dropped"} if gone else {"posted"})
    for number in states:
        prices = [total for _, effect, total in told[number] if effect != "voided"]
        assert all(older < newer for older, newer in pairwise(prices)), told[number]
        stands = {document: total for document, effect, total in told[number]}
        for document, effect, _ in told[number]:
            if effect == "voided":
                del stands[document]
        assert list(stands.values()) == ([] if gone else [NEWEST])


def _states(place: Town) -> dict[str, str]:
    """The state in which each order ended."""
    with place.database.read() as session:
        mine = select(Record.number, Record.state).where(Record.company_id == place.company_id)
        return dict(session.execute(mine.order_by(Record.id)).all())


def _told(place: Town) -> dict[str, list[tuple[str, str, Decimal]]]:
    """Of each order the document, the effect and the total of everything that AutoCount did."""
    found = defaultdict(list)
    for line in place.wire.lines():
        if line["effect"] in ("created", "updated", "voided"):
            number = line["number"].split("-")[1]
            found[number].append((line["number"], line["effect"], Decimal(line["total"])))
    return found
