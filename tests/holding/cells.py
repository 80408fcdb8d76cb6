"""Driving a template's tables: every cell is a record that is posted and then changes.

Here: the cells as the parsed rules have them, a company under a template whose target stands in
this process, and what became of each posting. Not here: the records of a template, and how each
changes (test_aiaccount_cells.py).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from connectors import registry
from connectors.contract import Accepted, ConnectionReport
from connectors.kit.delivery import sign
from grammar import nodes
from grammar.parsing.parser import parse
from holding.access.actors import SYSTEM
from holding.connections import connections
from holding.connections.channel import Desk
from holding.connections.channel import test_connection as try_connection
from holding.db.database import Database
from holding.db.models import Company, Hold, Posting, Record, Team
from holding.holds.holds import Each
from holding.holds.releases import release_each
from holding.intake import receive
from holding.runs import schedules
from holding.runs.dispatch import Pushed, push_due
from portal.starters.pairs import read_template
from sandbox.simulators.aiaccount.api import Api
from sandbox.simulators.aiaccount.books import Books
from sandbox.simulators.aiaccount.kinds import DEMO_KEY, default_companies, default_keys
from sandbox.simulators.base.server import Ledger, Request
from tests.holding.desks import KEYS, make_desk
from tests.holding.shop import Shop, open_shop
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_connection
from tests.support.inside import Inside
from tests.support.zones import SHOP_ZONE

SECRET = "hush"
LOCKS = ("open", "locked")
STRICT = ("block", "review", "ignore")
HEADERS = {"netshop": "X-NS16", "intake": "X-Clearpost"}
Cell = tuple[str, str, str]  # table, what changed, period


def template_files(name: str) -> dict[str, str]:
    """The shipped template, as it is pushed."""
    return dict(read_template(name))


# ---- the tables ----


@dataclass(frozen=True)
class Change:
    """One change of a posted record: new values, the record's fields that they change, and the
    routes that may not go any more, or are cancelled.
    """

    name: str
    body: Mapping[str, Any]
    fields: tuple[str, ...]
    not_ready: tuple[str, ...] = ()
    cancels: bool = False


class Tables:
    """The edit and cancel tables of a ruleset, by the route that each answers for."""

    def __init__(self, files: Mapping[str, str]) -> None:
        ruleset, problems = parse({p: t for p, t in files.items() if p.endswith(".rules")})
        assert problems == ()
        self.routes: dict[str, list[str]] = {}
        for post in ruleset.posts:
            self.routes.setdefault(post.record, []).append(post.route.document)
        self._edits = {(e.record, e.route and e.route.document): e for e in ruleset.edits}
        self._cancels = {
            (word.name, c.route and c.route.document): c
            for c in ruleset.cancels
            for word in c.records
        }

    def all(self) -> set[Cell]:
        """Every cell of every table, for each route that the table answers for."""
        found = set()
        for record, routes in self.routes.items():
            for route in routes:
                edit, cancel = self._edit(record, route), self._cancel(record, route)
                for where, table in (("edit", edit.table), ("cancel", cancel.table)):
                    for row in table.rows:
                        found |= set(_cells_of(f"{record} {route} {where}", table, row))
        return found

    def answer(self, record: str, route: str, change: Change, lock: str) -> tuple[list[Cell], str]:
        """The cells that a change of a posted document comes to, and the strictest answer."""
        cancel = change.cancels
        table = (self._cancel if cancel else self._edit)(record, route).table
        name = f"{record} {route} {'cancel' if cancel else 'edit'}"
        groups = {""} if cancel else self._groups(record, route, change)
        hit = [(name, group, lock) for group in sorted(groups)]
        rows = [row for row in table.rows if set(_cells_of(name, table, row)) & set(hit)]
        actions = [row.action for row in rows if isinstance(row.action, nodes.Action)]
        told = min(actions, key=lambda action: STRICT.index(action.kind))
        return hit, f"{told.kind} by {told.role}" if told.role else told.kind

    def _groups(self, record: str, route: str, change: Change) -> set[str]:
        groups = self._edit(record, route).groups
        found = {g.name for g in groups if {w.name for w in g.fields} & set(change.fields)}
        return found | ({"not_ready"} if route in change.not_ready else set())

    def _edit(self, record: str, route: str) -> nodes.Edit:
        return self._edits.get((record, route)) or self._edits[record, None]

    def _cancel(self, record: str, route: str) -> nodes.Cancel:
        return self._cancels.get((record, route)) or self._cancels[record, None]


def _cells_of(name: str, table: nodes.Table, row: nodes.TableRow) -> Iterator[Cell]:
    """The cells of a row; a column that nobody here drives is an error."""
    assert set(table.head) <= {"changed", "period"}, table.head
    named = dict(zip(table.head, row.cells, strict=True))
    for group in _values(named.get("changed"), ("",)):
        for lock in _values(named.get("period"), LOCKS):
            yield name, group, lock


def _values(cell: Any, every: Sequence[str]) -> tuple[str, ...]:
    if not isinstance(cell, nodes.Among):
        return tuple(every)
    words = [value for value in cell.values if isinstance(value, nodes.Word)]
    assert len(words) == len(cell.values), cell
    return tuple(word.name for word in words)


# ---- the company ----


@dataclass
class Template:
    """A company under a template, its target in this process, its clock in the test's hand."""

    shop: Shop
    api: Api
    desk: Desk
    events: int = 0

    def deliver(self, source: str, content: Mapping[str, Any]) -> None:
        """A signed delivery at the source's own door; nothing of it may be wrong."""
        self.events += 1
        raw, stamp = json.dumps(content).encode(), str(int(self.shop.now.timestamp()))
        headers = {
            f"{HEADERS[source]}-Timestamp": stamp,
            f"{HEADERS[source]}-Signature": sign(SECRET, stamp, f"evt_{self.events}", raw),
            f"{HEADERS[source]}-Event-Id": f"evt_{self.events}",
        }
        read = registry.sources()[source].accept(headers, raw, [SECRET], self.shop.now, SHOP_ZONE)
        assert isinstance(read, Accepted), read
        assert not read.errors, read.errors
        with self.shop.database.write() as session:
            told = receive.receive(
                session,
                company_id=self.shop.company.id,
                source_id=connection_named(session, self.shop.company, source).id,
                delivery_key=read.delivery_id,
                kind="webhook",
                headers={},
                raw=raw,
                records=read.records,
                now=self.shop.now,
            )
        assert isinstance(told, receive.Receipt), told

    def work(self) -> None:
        """Judge, start what is due, push, until nothing is left to do."""
        for _ in range(60):
            judged = self.shop.judge()
            with self.shop.database.write() as session:
                started = schedules.start_due(session, self.shop.now)
            pushed = push_due(
                self.desk.database,
                self.desk.clock,
                company_id=self.shop.company.id,
                owner="test",
                desk=self.desk,
            )
            assert isinstance(pushed, Pushed), pushed
            if not judged and not started and not pushed.count:
                return
        raise AssertionError("it never ends")

    def until(self, moment: datetime) -> None:
        """Time passes, the connection is tested as before each night, and what is due is done."""
        self.shop.clock.set(moment)
        self.test()
        self.work()

    def control(self, act: str, **given: Any) -> None:
        """What a person does in the target."""
        body = json.dumps(given).encode()
        request = Request(method="POST", path=f"/_sim/{act}", query={}, headers={}, body=body)
        assert self.api.handle(request).status == 200

    def test(self) -> None:
        """The connection is tested: what the target knows by now is known here."""
        with self.shop.database.read() as session:
            connection_id = connection_named(session, self.shop.company, "aiaccount").id
        told = try_connection(
            self.shop.database,
            self.shop.clock,
            connection_id,
            SYSTEM,
            http=self.desk.http,
            keys=KEYS,
        )
        assert isinstance(told, ConnectionReport)
        assert told.snapshot, told

    def lock(self, through: date | None) -> None:
        """The target closes its books up to a day, and the connection is told."""
        self.control("lock", through=through and through.isoformat())
        self.test()

    def writes(self) -> list[tuple[str, str, str]]:
        """(effect, type, number) of every ledger line of a call that was to write."""
        return [
            (line["effect"], line["type"], line["number"])
            for line in self.api.ledger.lines()
            if line["call"] in ("json", "xlsx")
        ]

    def paid(self) -> dict[str, str]:
        """Receipts and payments that exist there, and what each pays."""
        return {line["number"]: line["paid"] for line in self.api.books.documents if line["paid"]}

    def postings(self) -> dict[tuple[str, str], str]:
        """(record number, document type) -> state."""
        query = (
            select(Record.number, Posting.doc_type, Posting.state)
            .join(Posting, Posting.record_id == Record.id)
            .order_by(Posting.id)
        )
        with self.shop.database.read() as session:
            return {(number, kind): state for number, kind, state in session.execute(query)}

    def reason(self, number: str, kind: str) -> tuple[str, str]:
        """The state of a posting, and why it is in it."""
        query = (
            select(Posting.state, Posting.reason)
            .join(Record, Record.id == Posting.record_id)
            .where(Record.number == number, Posting.doc_type == kind)
            .order_by(Posting.id)
        )
        with self.shop.database.read() as session:
            state, reason = session.execute(query).one()
            return state, reason

    def release(self, number: str) -> None:
        """An approver lets every open hold of a record pass."""
        with self.shop.database.write() as session:
            ids = [hold.id for hold in self.shop.holds(session, number)]
            told = release_each(session, self.shop.actor("lim"), ids, "agreed", self.shop.now)
            assert isinstance(told, Each)
            assert len(told.done) == len(ids)

    def holds(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """(record number, document type) -> the team and the code of each open hold."""
        query = (
            select(Record.number, Posting.doc_type, Team.name, Hold.code)
            .join(Record, Record.id == Hold.record_id)
            .join(Posting, Posting.id == Hold.posting_id)
            .outerjoin(Team, Team.id == Hold.team_id)
            .where(Hold.state == "open")
            .order_by(Hold.id)
        )
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        with self.shop.database.read() as session:
            for number, kind, team, code in session.execute(query):
                found.setdefault((number, kind), []).append((team, code))
        return found


def open_template(
    name: str, database: Database, company: Company, folder: Path, *accounts: str
) -> Template:
    """The shipped template in force, as somebody else published it; the connection is tested."""
    if name == "settlements-aiaccount":
        with database.write() as session:
            ours = {"e_invoice_issuer": "us"}
            make_connection(session, company, "intake", side="source", settings=ours)
    made = open_aiaccount(database, company, folder, *accounts)
    made.shop.publish(template_files(name))
    return made


def open_aiaccount(
    database: Database, company: Company, folder: Path, *accounts: str, rounding: str = "per_line"
) -> Template:
    """A company whose target stands in this process; its connection is tested, no rules yet."""
    clock = SetClock()
    shop = open_shop(database, company, clock)
    with database.write() as session:
        target = connection_named(session, company, "aiaccount")
        connections.set_key(session, SYSTEM, target.id, DEMO_KEY, now=clock.now(), keys=KEYS)
    given = default_companies(name=company.name, locked_through=None, quota=None, rounding=rounding)
    books = Books(
        companies=given, keys=default_keys(), dedupe="number+customer", withhold=0, seed=0
    )
    api = Api(books, Ledger(folder / "ledger.jsonl"), clock, hang=0)
    http = Inside(clock, api.handle)
    desk = make_desk(database, clock, folder, http, UNDO_SECONDS="0")
    made = Template(shop, api, desk)
    made.control("company", accounts=["12000", "40000", "61001", *accounts])
    made.test()
    return made
