"""Create a sample company: people, connections, keys, rules in force, and its warehouse."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from connectors.contract import ConnectionSide
from connectors.contract.errors import FailureWord, classes_with_word
from connectors.transport.http import Clock
from grammar.text.finding_codes import TARGET_CODES
from holding.access import actors, people
from holding.access.actors import Actor
from holding.access.people import FALLBACK_TEAM, add_to_team
from holding.connections import connections
from holding.db.database import Database, DatabaseSession
from holding.db.models import (
    Attempt,
    Company,
    Connection,
    Hold,
    Membership,
    Posting,
    Push,
    Record,
    Version,
)
from holding.db.models.columns import RecordState
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal
from holding.rulesets import publication
from holding.rulesets.new_connections import add_connection
from rules.outcomes import NEEDS_APPROVAL
from rules.values.canonical import PostingState
from sandbox.demo import shop
from sandbox.demo.shop import APPROVER, MANAGER

STARTERS = Path(__file__).resolve().parents[2] / "portal" / "starters"

STARTER = STARTERS / "netshop-aiaccount"

SOURCE, TARGET = "netshop", "aiaccount"

SIMULATOR_KEY = "aia_live_demo_7Qk2"

T = TypeVar("T")

BY_HAND = "IV-GD-1004-1"

BY_HAND_PRICE = "2.35"

NOT_BY_THE_CLOUD = "    after    autocount.delivery_order\n"

DepotRecord = dict[str, object]

# No two cost the same: equal orders of one buyer and day are duplicates.
_PRICES = {
    "GD-1001": "2.20",
    "GD-1002": "2.30",
    "GD-1003": "2.40",
    "GD-1004": "2.50",
    "GD-1005": "2.60",
}

STATES = ("posted", "held", "failed", "waiting", "ignored", "dropped", "reference", "uncertain")

MOVING = ("ready", "sending", "uncertain", "awaiting")

LOOK_SECONDS = 0.25

OF_TARGET = Hold.code.in_(sorted(TARGET_CODES))

PARTLY = "partly_delivered"

LATER, BACK = "STL01", "STL03"  # changed in the source, and in the target, after it was posted

ONE_DEBTOR, ENDED = "one_debtor", ("cancel", "not_ready")  # cancelled, or refunded


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person who can sign in."""

    role: str
    name: str
    teams: tuple[str, ...] = ()
    word: str = ""
    company: str = "kedai"

    @property
    def email(self) -> str:
        """The address to sign in with."""
        return f"{self.word or self.role}@{self.company}.example"


COLLEAGUES = (
    Colleague("viewer", "Vijay Menon"),
    Colleague("finance", "Nurul Huda", ("accounts", "sales_admin", "tax_desk")),
    Colleague("approver", APPROVER, ("accounts", "tax_desk")),
    Colleague("approver", MANAGER, ("accounts", "sales_admin"), word="approver2"),
    Colleague("consultant", "Chen Li Na"),
    Colleague("publisher", "Joseph Anak Belaga"),
    Colleague("auditor", "Zaharah Salleh"),
    Colleague("operator", "Omar Idham", ("it_support",)),
    Colleague("admin", "Kamala Devi"),
)

DEPOT_PEOPLE = (
    Colleague("finance", "Rohana Salim", ("accounts", "sales_admin", "tax_desk"), company="gudang"),
    Colleague(
        "approver", "Lau Kok Wai", ("finance_manager", "accounts", "warehouse"), company="gudang"
    ),
    Colleague("consultant", "Anand Pillai", company="gudang"),
    Colleague("publisher", "Noraini Yaakob", company="gudang"),
    Colleague("operator", "Johari Mansor", ("it_support", "warehouse"), company="gudang"),
    Colleague("admin", "Grace Tiong", ("purchasing",), company="gudang"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The description of a company to create; `settings` include the address of the target's
    simulator.
    """

    code: str
    name: str
    source: str
    target: str
    key: str
    settings: Mapping[str, object]
    people: Sequence[Colleague]
    title: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ready:
    """The sample company, and what is shown once."""

    company_id: int
    passwords: Mapping[Colleague, str]


def tea_shop_sample(url: str) -> Sample:
    """Return the tea shop, which posts to the simulator of AiAccount at this address."""
    return Sample(
        code=shop.COMPANY_CODE,
        name=shop.COMPANY_NAME,
        source=SOURCE,
        target=TARGET,
        key=SIMULATOR_KEY,
        settings={
            "base_url": url,
            "app_url": url,
            "company_id": shop.TARGET_COMPANY,
            "company_name": shop.COMPANY_NAME,
        },
        people=COLLEAGUES,
        title="Orders become sales invoices",
        files=starter_files(),
    )


def make_company(session: DatabaseSession, sample: Sample, *, now: datetime) -> Ready:
    """Create the company with its people and connections; its rules are not published yet."""
    company_id = require_success(
        people.add_company(
            session,
            code=sample.code,
            name=sample.name,
            zone=shop.ZONE,
            currency=shop.CURRENCY,
            now=now,
        )
    )
    company = session.get_one(Company, company_id)
    company.settings = {**company.settings, FALLBACK_TEAM: "accounts"}
    company.live, company.went_live_at = True, now  # the sample shop has no set-up to go through
    passwords = {person: _add(session, company_id, person, now) for person in sample.people}
    admin = find_colleague(session, company_id, "admin")
    key = secrets.token_urlsafe(32)
    _connect(session, company_id, admin, sample.source, "source", {}, key, now)
    settings = sample.settings
    _connect(session, company_id, admin, sample.target, "target", settings, sample.key, now)
    return Ready(company_id, passwords)


def _add(session: DatabaseSession, company_id: int, person: Colleague, now: datetime) -> str:
    added = require_success(people.add_person(session, email=person.email, name=person.name))
    refused = people.add_membership(
        session,
        company_id=company_id,
        person_id=added.person_id,
        role=person.role,
        actor=actors.SYSTEM,
        now=now,
    )
    require_success(refused)
    for team in person.teams:
        add_to_team(session, company_id=company_id, name=team, person_id=added.person_id)
    return added.password


def _connect(
    session: DatabaseSession,
    company_id: int,
    admin: Actor,
    name: str,
    side: ConnectionSide,
    settings: Mapping[str, object],
    secret: str,
    now: datetime,
) -> None:
    connection_id = require_success(
        add_connection(
            session,
            company_id=company_id,
            name=name,
            side=side,
            connector=name,
            settings=settings,
            actor=admin,
            now=now,
            ask_rates=False,
        )
    )
    if secret:  # AutoCount desktop is not called
        require_success(connections.set_key(session, admin, connection_id, secret, now=now))


def publish_rules(session: DatabaseSession, company_id: int, sample: Sample, now: datetime) -> None:
    """Publish the rules: one person writes them, another publishes them."""
    author = find_colleague(session, company_id, "consultant")
    change = require_success(
        publication.push_change(session, company_id, author, sample.files, sample.title, now)
    )
    publisher = find_colleague(session, company_id, "publisher")
    require_success(publication.publish_change(session, change, publisher, now))


def starter_files() -> dict[str, str]:
    """Return the files of the shop's rule set, by path."""
    return rule_files(STARTER)


def rule_files(folder: Path) -> dict[str, str]:
    """Return the files of a template, by path."""
    paths = sorted((*folder.glob("*.rules"), *folder.glob("maps/*.csv")))
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in paths}


def point_target(session: DatabaseSession, company_id: int, sample: Sample) -> None:
    """Update the address of the target's simulator, which changes with a restart."""
    row = find_connection(session, company_id, sample.target)
    row.settings = {**row.settings, **sample.settings}


def find_connection(session: DatabaseSession, company_id: int, name: str) -> Connection:
    """Return a connection of the sample company by name."""
    row: Connection = session.query(Connection).filter_by(company_id=company_id, name=name).one()
    return row


def find_company(session: DatabaseSession, code: str) -> int | None:
    """Return the id of a sample company, or None."""
    company = session.query(Company).filter_by(code=code).one_or_none()
    return None if company is None else int(company.id)


def find_colleague(session: DatabaseSession, company_id: int, role: str) -> Actor:
    """Return the first person with a role as an actor; raise LookupError if there is none."""
    members = session.query(Membership).filter_by(company_id=company_id, role=role)
    first = members.order_by(Membership.person_id).first()
    person_id = first.person_id if first else 0
    actor = actors.actor_of(session, person_id, company_id, via="command line")
    if actor is None:
        message = f"company {company_id} has no {role}"
        raise LookupError(message)
    return actor


def require_success(answer: T | Refusal) -> T:
    """Return the answer; raise RuntimeError for a refusal, which no step of a sample expects."""
    if isinstance(answer, Refusal):
        message = f"{answer.code}: {answer.message} {answer.hint}"
        raise RuntimeError(message)
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Deliveries in order.

    `month`: plain orders, and one that is shipped in parts. `rest`: its second van. `changes`:
    changes to posted orders. `refused`: arrives when AutoCount refuses the key.
    """

    month: Sequence[DepotRecord]
    rest: Sequence[DepotRecord]
    changes: Sequence[DepotRecord]
    refused: Sequence[DepotRecord]


def depot_sample(url: str) -> Sample:
    """Return the distributor, which posts to the simulator of AutoCount at this address."""
    return Sample(
        code="gudang",
        name="Gudang Cahaya Sdn Bhd",
        source="intake",
        target="autocount",
        key="acc_demo_9Tq4Lx",
        settings={
            "base_url": url,
            "company_id": "1042",
            "company_name": "Gudang Cahaya Sdn Bhd",
            "key_id": "cp-demo",
            "locked_through": "none",
        },
        people=DEPOT_PEOPLE,
        title="Delivered orders become invoices",
        files=_files(),
    )


def _files() -> dict[str, str]:
    """Return the template without the parts for desktop AutoCount, as its goods.rules instructs."""
    files = rule_files(STARTERS / "orders-autocount")
    for path in [p for p in files if p == "goods.rules" or Path(p).stem.endswith("_test")]:
        del files[path]
    files["posting.rules"] = files["posting.rules"].replace(NOT_BY_THE_CLOUD, "")
    return files


def plan_steps(today: date) -> Steps:
    """Return all deliveries, dated relative to a day."""
    goods = {number: Goods(number, price, today) for number, price in _PRICES.items()}
    partial_order, repriced_order, cancelled = (
        goods[number] for number in ("GD-1001", "GD-1002", "GD-1003")
    )
    complete_orders = (repriced_order, cancelled, goods["GD-1004"])
    return Steps(
        month=(
            partial_order.order(),
            partial_order.van(1, 6),
            *(r for order in complete_orders for r in order.delivered()),
        ),
        rest=(partial_order.van(2, 4),),
        changes=(
            partial_order.van(3, 1),
            repriced_order.order(price="2.75", version=2, approved_version=2),
            cancelled.order(status="cancelled"),
        ),
        refused=goods["GD-1005"].delivered(),
    )


@dataclass(frozen=True, slots=True)
class Goods:
    """One order of ten packs, and the vans that bring them."""

    number: str
    price: str
    today: date

    def delivered(self) -> tuple[DepotRecord, DepotRecord]:
        """Return the order and one van with all its packs."""
        return self.order(), self.van(1, 10)

    def order(self, **changes: object) -> DepotRecord:
        """Return the order, approved by a person other than its author."""
        price = str(changes.pop("price", self.price))
        return {
            "kind": "order",
            "number": self.number,
            "status": "approved",
            "version": 1,
            "approved_version": 1,
            "approved_by": "Mei Ling",
            "created_by": "Ali",
            "ordered_on": self._day(4),
            "customer": "K-211",
            "customer_name": "Kedai Runcit Sentosa",
            "branch": "KL",
            "tax_total": "0.00",
            "total": f"{10 * Decimal(price):.2f}",
            "lines": [self._line(10) | {"name": "Tissues", "price": price, "tax": "NONE"}],
            **changes,
        }

    def van(self, no: int, packs: int) -> DepotRecord:
        """Return a confirmed delivery of this many packs."""
        return {
            "kind": "delivery",
            "number": f"DO{self.number[2:]}-{no}",
            "order_number": self.number,
            "status": "confirmed",
            "delivered_on": self._day(3 - no),
            "customer": "K-211",
            "branch": "KL",
            "lines": [self._line(packs) | {"order_line": 1}],
        }

    def _line(self, packs: int) -> DepotRecord:
        return {"pos": 1, "sku": "TISSUE-3P", "uom": "PCS", "qty": str(packs)}

    def _day(self, before: int) -> str:
        return (self.today - timedelta(days=before)).isoformat()


class StillDueError(Exception):
    """Work was still due when the patience ended."""


def wait_until_quiet(database: Database, clock: Clock, company_id: int, patience: float) -> None:
    """Return as soon as no record and no posting waits for a worker."""
    _wait(lambda: count_due(database, clock, company_id), "records or postings", patience)


def _wait(count_left: Callable[[], int], what: str, patience: float) -> None:
    limit = time.monotonic() + patience
    while count := count_left():
        if time.monotonic() > limit:
            message = f"{count} {what} are still due after {patience:.0f} seconds"
            raise StillDueError(message)
        time.sleep(LOOK_SECONDS)


def wait_until_read(database: Database, company_id: int, since: datetime, patience: float) -> None:
    """Return as soon as every posted document was read in its target at this moment or later."""
    _wait(lambda: count_unread(database, company_id, since), "readings", patience)


def count_due(database: Database, clock: Clock, company_id: int) -> int:
    """Return how many records must be judged and postings must be sent or looked up."""
    with database.read() as session:
        records = session.query(Record).filter(Record.company_id == company_id)
        postings = session.query(Posting).filter(
            Posting.company_id == company_id, Posting.state.in_(MOVING)
        )
        now = clock.now()
        return int(
            records.filter(Record.due_at <= now).count()
            + records.filter(Record.lease_until.is_not(None)).count()
            + postings.filter(Posting.due_at.is_not(None)).count()
            + postings.filter(Posting.lease_until.is_not(None)).count()
        )


def count_unread(database: Database, company_id: int, since: datetime) -> int:
    """Return how many posted documents were not read in their target since then."""
    with database.read() as session:
        posted = session.query(Posting).filter_by(company_id=company_id, state=PostingState.POSTED)
        late = Posting.read_at.is_(None) | (Posting.read_at < since)
        return int(posted.filter(late).count())


def count_states(session: DatabaseSession, company_id: int) -> dict[str, int]:
    """Return records by state, which add up to `received`; an unused state is 0."""
    rows = session.query(Record.state).filter(Record.company_id == company_id)
    other_states = Counter(str(state) for (state,) in rows)
    versions = (
        session.query(Version)
        .join(Record, Record.id == Version.record_id)
        .filter(Record.company_id == company_id)
        .count()
    )
    known_states = {state: other_states.pop(state, 0) for state in STATES}
    return (
        {"received": sum(known_states.values()) + other_states.total(), "versions": versions}
        | known_states
        | other_states
    )


def count_exceptions(session: DatabaseSession) -> dict[str, int]:
    """Return how many records had each of the eight usual exceptions."""
    partly = session.query(Record.id).filter_by(status=PARTLY, state=RecordState.WAITING)
    changed = _held_records(session, Hold.code == LATER, Hold.rule.not_in(ENDED))
    taken_back = session.query(Posting.record_id).filter(Posting.reverses_id.is_not(None))
    return {
        "partial delivery": partly.count(),
        "partial billing": len(_billed_in_parts(session)),
        "changed price": len(changed | _ids(taken_back)),
        "cancelled order": len(_held_records(session, Hold.code == LATER, Hold.rule.in_(ENDED))),
        "duplicate customer": len(_held_records(session, Hold.rule == ONE_DEBTOR)),
        "duplicate invoice": len(_held_records(session, Hold.error_class == "duplicate")),
        "failed sync": len(_held_records(session, OF_TARGET)),
        "manual edit": len(_held_records(session, Hold.code == BACK)),
    }


def _held_records(session: DatabaseSession, *which: Any) -> set[int]:
    """Return the records with an open hold that meets these conditions."""
    return _ids(session.query(Hold.record_id).filter(HOLD_OPEN, *which))


def _ids(rows: Iterable[Sequence[int]]) -> set[int]:
    return {key for (key,) in rows}


def _billed_in_parts(session: DatabaseSession) -> set[int]:
    """Return the records with more than one valid invoice."""
    standing = session.query(Posting.record_id, Posting.route).filter(
        Posting.state == PostingState.POSTED, Posting.bills.is_not(None)
    )
    bills = Counter((key, route) for key, route in standing)
    return {key for (key, _), count in bills.items() if count > 1}


def count_classes(session: DatabaseSession) -> dict[str, int]:
    """Return failure word -> number of records with a hold or a refused call of its error classes.

    Holds that only wait for an approval are not counted.
    """
    attempted = session.query(Posting.record_id).join(Push, Push.posting_id == Posting.id)
    attempted = attempted.join(Attempt, Attempt.push_id == Push.id)
    counts = {}
    for word in FailureWord:
        classes = classes_with_word(word)
        held_ids = _held_records(
            session, Hold.error_class.in_(classes), Hold.code != NEEDS_APPROVAL
        )
        failed = held_ids | _ids(attempted.filter(Attempt.error_class.in_(classes)))
        counts[word.value] = len(failed)
    return counts
