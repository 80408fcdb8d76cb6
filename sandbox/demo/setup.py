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
    """Somebody who can sign in."""

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
    """A company as it is to be made; what the stand-in of its target is told lies in `settings`."""

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
    """The tea shop, posting to the stand-in of AiAccount that listens there."""
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


def make_company(session: DatabaseSession, wanted: Sample, *, now: datetime) -> Ready:
    """The company with its people and connections; its rules are still to be published."""
    company_id = done(
        people.add_company(
            session,
            code=wanted.code,
            name=wanted.name,
            zone=shop.ZONE,
            currency=shop.CURRENCY,
            now=now,
        )
    )
    company = session.get_one(Company, company_id)
    company.settings = {**company.settings, FALLBACK_TEAM: "accounts"}
    company.live, company.went_live_at = True, now  # the sample shop has no set-up to go through
    passwords = {each: _add(session, company_id, each, now) for each in wanted.people}
    admin = colleague(session, company_id, "admin")
    key = secrets.token_urlsafe(32)
    _connect(session, company_id, admin, wanted.source, "source", {}, key, now)
    settings = wanted.settings
    _connect(session, company_id, admin, wanted.target, "target", settings, wanted.key, now)
    return Ready(company_id, passwords)


def _add(session: DatabaseSession, company_id: int, each: Colleague, now: datetime) -> str:
    added = done(people.add_person(session, email=each.email, name=each.name))
    refused = people.add_membership(
        session,
        company_id=company_id,
        person_id=added.person_id,
        role=each.role,
        actor=actors.SYSTEM,
        now=now,
    )
    done(refused)
    for team in each.teams:
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
    made = done(
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
        done(connections.set_key(session, admin, made, secret, now=now))


def publish_rules(session: DatabaseSession, company_id: int, wanted: Sample, now: datetime) -> None:
    """Put the rules into force: one person writes them, another publishes."""
    author = colleague(session, company_id, "consultant")
    change = done(
        publication.push_change(session, company_id, author, wanted.files, wanted.title, now)
    )
    publisher = colleague(session, company_id, "publisher")
    done(publication.publish_change(session, change, publisher, now))


def starter_files() -> dict[str, str]:
    """The files of the shop's rule set, by path."""
    return rule_files(STARTER)


def rule_files(folder: Path) -> dict[str, str]:
    """The files of a template, by path."""
    found = sorted((*folder.glob("*.rules"), *folder.glob("maps/*.csv")))
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in found}


def point_target(session: DatabaseSession, company_id: int, wanted: Sample) -> None:
    """The stand-in listens somewhere else after a restart."""
    row = connection(session, company_id, wanted.target)
    row.settings = {**row.settings, **wanted.settings}


def connection(session: DatabaseSession, company_id: int, name: str) -> Connection:
    """A connection of the sample company."""
    found: Connection = session.query(Connection).filter_by(company_id=company_id, name=name).one()
    return found


def existing(session: DatabaseSession, code: str) -> int | None:
    """The id of a sample company, if it has been made."""
    found = session.query(Company).filter_by(code=code).one_or_none()
    return None if found is None else int(found.id)


def colleague(session: DatabaseSession, company_id: int, role: str) -> Actor:
    """The first person of a role, acting."""
    members = session.query(Membership).filter_by(company_id=company_id, role=role)
    first = members.order_by(Membership.person_id).first()
    person_id = first.person_id if first else 0
    actor = actors.actor_of(session, person_id, company_id, via="command line")
    if actor is None:
        message = f"company {company_id} has no {role}"
        raise LookupError(message)
    return actor


def done(answer: T | Refusal) -> T:
    """The answer; the sample company is made of calls that are never refused."""
    if isinstance(answer, Refusal):
        message = f"{answer.code}: {answer.message} {answer.hint}"
        raise RuntimeError(message)
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Deliveries in their order.

    `month`: plain orders, one of them sent in parts. `rest`: its second van. `changes`: what comes
    to posted orders. `refused`: arrives when AutoCount refuses the key.
    """

    month: Sequence[DepotRecord]
    rest: Sequence[DepotRecord]
    changes: Sequence[DepotRecord]
    refused: Sequence[DepotRecord]


def depot_sample(url: str) -> Sample:
    """The distributor, posting to the stand-in of AutoCount that listens there."""
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
    """The template without what AutoCount's cloud does not take, as its goods.rules tells to."""
    files = rule_files(STARTERS / "orders-autocount")
    for path in [p for p in files if p == "goods.rules" or Path(p).stem.endswith("_test")]:
        del files[path]
    files["posting.rules"] = files["posting.rules"].replace(NOT_BY_THE_CLOUD, "")
    return files


def steps(today: date) -> Steps:
    """Everything that is sent, relative to a day."""
    goods = {number: Goods(number, price, today) for number, price in _PRICES.items()}
    parts, dearer, cancelled = (goods[number] for number in ("GD-1001", "GD-1002", "GD-1003"))
    whole = (dearer, cancelled, goods["GD-1004"])
    return Steps(
        month=(parts.order(), parts.van(1, 6), *(r for each in whole for r in each.delivered())),
        rest=(parts.van(2, 4),),
        changes=(
            parts.van(3, 1),
            dearer.order(price="2.75", version=2, approved_version=2),
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
        """The order, and one van with all of it."""
        return self.order(), self.van(1, 10)

    def order(self, **changes: object) -> DepotRecord:
        """The order, approved by somebody else than who wrote it."""
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
        """A confirmed delivery of so many packs."""
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
    _wait(lambda: due(database, clock, company_id), "records or postings", patience)


def _wait(left: Callable[[], int], what: str, patience: float) -> None:
    limit = time.monotonic() + patience
    while count := left():
        if time.monotonic() > limit:
            message = f"{count} {what} are still due after {patience:.0f} seconds"
            raise StillDueError(message)
        time.sleep(LOOK_SECONDS)


def wait_until_read(database: Database, company_id: int, since: datetime, patience: float) -> None:
    """Return as soon as every posted document was read in its target at this moment or later."""
    _wait(lambda: unread(database, company_id, since), "readings", patience)


def due(database: Database, clock: Clock, company_id: int) -> int:
    """How many records are to be judged, and postings to be sent or looked up."""
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


def unread(database: Database, company_id: int, since: datetime) -> int:
    """How many posted documents were not read in their target since then."""
    with database.read() as session:
        posted = session.query(Posting).filter_by(company_id=company_id, state=PostingState.POSTED)
        late = Posting.read_at.is_(None) | (Posting.read_at < since)
        return int(posted.filter(late).count())


def counts(session: DatabaseSession, company_id: int) -> dict[str, int]:
    """Records by their one state, which add up to `received`; states nobody is in are 0."""
    rows = session.query(Record.state).filter(Record.company_id == company_id)
    found = Counter(str(state) for (state,) in rows)
    versions = (
        session.query(Version)
        .join(Record, Record.id == Version.record_id)
        .filter(Record.company_id == company_id)
        .count()
    )
    known = {state: found.pop(state, 0) for state in STATES}
    return {"received": sum(known.values()) + found.total(), "versions": versions} | known | found


def exceptions(session: DatabaseSession) -> dict[str, int]:
    """How many records had each of the eight usual exceptions."""
    partly = session.query(Record.id).filter_by(status=PARTLY, state=RecordState.WAITING)
    changed = _held(session, Hold.code == LATER, Hold.rule.not_in(ENDED))
    taken_back = session.query(Posting.record_id).filter(Posting.reverses_id.is_not(None))
    return {
        "partial delivery": partly.count(),
        "partial billing": len(_billed_in_parts(session)),
        "changed price": len(changed | _ids(taken_back)),
        "cancelled order": len(_held(session, Hold.code == LATER, Hold.rule.in_(ENDED))),
        "duplicate customer": len(_held(session, Hold.rule == ONE_DEBTOR)),
        "duplicate invoice": len(_held(session, Hold.error_class == "duplicate")),
        "failed sync": len(_held(session, OF_TARGET)),
        "manual edit": len(_held(session, Hold.code == BACK)),
    }


def _held(session: DatabaseSession, *which: Any) -> set[int]:
    """The records with an open finding like this."""
    return _ids(session.query(Hold.record_id).filter(HOLD_OPEN, *which))


def _ids(rows: Iterable[Sequence[int]]) -> set[int]:
    return {key for (key,) in rows}


def _billed_in_parts(session: DatabaseSession) -> set[int]:
    """The records with more than one invoice that stands."""
    standing = session.query(Posting.record_id, Posting.route).filter(
        Posting.state == PostingState.POSTED, Posting.bills.is_not(None)
    )
    bills = Counter((key, route) for key, route in standing)
    return {key for (key, _), count in bills.items() if count > 1}


def classes(session: DatabaseSession) -> dict[str, int]:
    """How many records were held under each of the five plain words, or answered so by a target;
    one that waits for an approval did not fail.
    """
    tried = session.query(Posting.record_id).join(Push, Push.posting_id == Posting.id)
    tried = tried.join(Attempt, Attempt.push_id == Push.id)
    found = {}
    for word in FailureWord:
        classes = classes_with_word(word)
        held = _held(session, Hold.error_class.in_(classes), Hold.code != NEEDS_APPROVAL)
        found[word.value] = len(held | _ids(tried.filter(Attempt.error_class.in_(classes))))
    return found
