"""A company made from a shipped template, through which a case is fed from its input to the ledger.

    company = make_company(database, target, Plan(template="shopify-autocount", maps={...}))
    company.deliver(body)          # a signed webhook through the Flask application
    company.work()                 # what the workers do: judge, push, read back
    company.holds("#1001")         # open holds: code, number, amount, owner, text
    company.documents()["#1001"]   # what the target's stand-in has

Everything runs in this process except the stand-ins; the moment is NOW until work() goes on.
The fixture `make` of tests/cases/conftest.py makes one: `make(Plan(…), "autocount", debtors=[…])`.
"""

import base64
import hashlib
import hmac
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from connectors import registry
from connectors.contract import ConnectionReport, ConnectionSide
from connectors.transport.http import Http
from holding.access import people, sessions
from holding.access.actors import SYSTEM, Actor, actor_of, load_keys
from holding.connections import channel, connections
from holding.connections.channel import Desk
from holding.connections.master_data import zone_of
from holding.db.database import Database
from holding.db.models import Company, Connection, Hold, Person, Posting, Record, Team, Version
from holding.db.models.columns import from_minor
from holding.db.refusal import Refusal
from holding.evaluation.evaluate_due import judge_due
from holding.holds import releases
from holding.intake.pulls import pull_due, start_new_pulls
from holding.platform.settings import Settings
from holding.rulesets import publication
from holding.rulesets.new_connections import add_connection
from holding.runs.dispatch import open_desk, push_due
from holding.uploads.upload_turns import work_due
from portal import app as portal_app
from portal.starters.pairs import read_template
from portal.terminal.command_frame import read_file, store_delivery
from tests.connectors.simulator_processes import SAMPLES, Simulator
from tests.portal.conftest import Browser
from tests.support.clock import SetClock
from tests.support.factories import make_person

CASES = Path(__file__).parents[3] / "shared" / "cases"
"""The inputs of the cases, where they were given together with this repository."""
NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
SECRET = "hook-secret-of-a-case"
PASSWORD = "correct horse battery"
PEOPLE = {
    "chan": ("consultant",),
    "pua": ("publisher",),
    "farah": ("finance",),
    "lim": ("approver",),
    "vera": ("viewer",),
    "adam": ("admin",),
}
"""Who works there, by first name; each signs in with PASSWORD."""
_HEADERS = {
    "shopify": ("X-Shopify-Topic", "X-Shopify-Hmac-Sha256", "X-Shopify-Event-Id"),
    "woocommerce": (
        "X-WC-Webhook-Topic",
        "X-WC-Webhook-Signature",
        "X-WC-Webhook-Delivery-ID",
    ),
}
_WOO = {"X-WC-Webhook-Resource": "order", "X-WC-Webhook-Event": "updated", "X-WC-Webhook-ID": "12"}


def case_path(name: str, area: str = "shops") -> Path:
    """Return the folder of a case; skip the test where the inputs were not given."""
    path = CASES / area / name
    if not path.exists():
        pytest.skip(f"NO CASES: {path.name} is not in ../shared/cases/{area}")
    return path


def case_body(name: str, file: str, area: str = "shops") -> dict[str, Any]:
    """Return the JSON object in a file of a case."""
    body: dict[str, Any] = json.loads((case_path(name, area) / file).read_text("utf-8"))
    return body


Side = tuple[str, str, ConnectionSide, dict[str, Any], str]
"""A connection: name, connector, side, settings, key."""


@dataclass(frozen=True, slots=True)
class HoldRow:
    """An open hold as a person meets it; `amount` is its record's total."""

    code: str
    number: str
    amount: Decimal | None
    owner: str
    text: str
    rule: str = ""


@dataclass
class CaseCompany:
    """The company, and what its shop, its people and its workers do."""

    database: Database
    clock: SetClock
    app: Flask
    desk: Desk
    target: Simulator
    company_id: int
    source: str
    connector: str
    calls: int = 0
    errors: list[str] = field(default_factory=list)

    # ---- what arrives ----

    def deliver(self, body: Mapping[str, Any] | bytes, topic: str = "") -> TestResponse:
        """Send a signed webhook of Shopify or WooCommerce."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.calls += 1
        topic_name, signature_name, id_name = _HEADERS[self.connector]
        digest = hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            topic_name: topic or _topic_of(self.connector, raw),
            signature_name: base64.b64encode(digest).decode(),
            id_name: f"call-{self.calls}",
            **(_WOO if self.connector == "woocommerce" else {}),
        }
        return self.app.test_client().post(f"/hooks/kedai/{self.source}", data=raw, headers=headers)

    def ingest(self, path: Path) -> None:
        """Read a file as `clearpost ingest` does; what is wrong in it is in `errors`."""
        with self.database.read() as session:
            zone = zone_of(session, self.company_id)
        delivery = read_file(path, self.connector, zone)
        self.errors += [f"{one.where}: {one.message}" for one in delivery.errors]
        if delivery.errors:
            return
        with self.database.write() as session:
            stored = store_delivery(
                session, self.company_id, self.source, path, delivery, self.clock.now(), None
            )
            assert not isinstance(stored, Refusal), stored

    def pull(self) -> None:
        """Read from the shop's stand-in what is due, as the worker does."""
        with self.database.write() as session:
            start_new_pulls(session, self.clock.now())
        while self._pull_once():
            pass

    def _pull_once(self) -> bool:
        return pull_due(
            self.database,
            self.clock,
            company_id=self.company_id,
            owner="test",
            http=self.desk.http,
            keys=self.desk.keys,
            lease_seconds=60,
        ).more

    def upload(self, path: Path, kind: str = "order", *, confirm: bool = True) -> str:
        """Upload a file on the page, let it be checked, and confirm it; the address of its page."""
        browser = self.visit("farah")
        form = {
            "file": (io.BytesIO(path.read_bytes()), path.name),
            "source": self.source,
            "kind": kind,
        }
        url = browser.post("/c/kedai/uploads", form, status=303).headers["Location"]
        self.work_uploads()
        if confirm:
            browser.post(f"{url}/confirm", {}, status=303)
            self.work_uploads()
        return url

    def work_uploads(self) -> None:
        """Check and import uploaded files, as the worker does."""
        while work_due(
            self.database, self.clock, company_id=self.company_id, owner="test", lease_seconds=60
        ).steps:
            pass

    # ---- what the workers and people do ----

    def work(self, rounds: int = 4) -> None:
        """Judge what is due and push what is ready, until nothing is left to do now."""
        for _ in range(rounds):
            self.judge()
            pushed = push_due(
                self.database,
                self.clock,
                company_id=self.company_id,
                owner="test",
                desk=self.desk,
            )
            assert not isinstance(pushed, Refusal), pushed
            self.clock.advance(timedelta(seconds=30))

    def push(self) -> None:
        """Push what is ready, without judging before."""
        pushed = push_due(
            self.database, self.clock, company_id=self.company_id, owner="test", desk=self.desk
        )
        assert not isinstance(pushed, Refusal), pushed

    def test_target(self) -> None:
        """Run the connection test of the target, as the worker does every quarter of an hour."""
        _test_target(self.database, self.clock, self.company_id, self.desk.settings)

    def judge(self) -> None:
        """Judge what is due."""
        while judge_due(self.database, self.clock, company_id=self.company_id, owner="test").count:
            pass

    def release(self, number: str, by: str = "lim") -> None:
        """Release the open holds of a record as a person does; they count once this is judged."""
        self._decide(number, by, releases.release)

    def reject(self, number: str, by: str = "lim") -> None:
        """Reject the first open hold of a record as a person does, which closes the others."""
        self._decide(number, by, releases.reject, most=1)

    def _decide(self, number: str, by: str, act: Callable[..., object], most: int = 99) -> None:
        with self.database.write() as session:
            person = session.scalars(select(Person).where(Person.email == f"{by}@kedai.my")).one()
            actor = actor_of(session, person.id, self.company_id)
            assert actor is not None
            query = (
                select(Hold.id)
                .join(Record, Record.id == Hold.record_id)
                .where(Record.number == number, Hold.state == "open")
                .limit(most)
            )
            for hold_id in session.scalars(query).all():
                done = act(session, actor, hold_id, "Compared with the shop", self.clock.now())
                assert not isinstance(done, Refusal), done

    def visit(self, name: str) -> Browser:
        """Sign a person in (see PEOPLE); the browser follows no redirect by itself."""
        browser = Browser(self.app.test_client())
        browser.post("/signin", {"email": f"{name}@kedai.my", "password": PASSWORD}, status=303)
        return browser

    # ---- what came of it ----

    def holds(self, number: str = "") -> list[HoldRow]:
        """Return the open holds, all or those of the record with this number."""
        query = (
            select(Hold, Record, Team.name, Version.body)
            .join(Record, Record.id == Hold.record_id)
            .outerjoin(Team, Team.id == Hold.team_id)
            .outerjoin(Version, Version.id == Record.version_id)
            .where(Hold.company_id == self.company_id, Hold.state == "open")
            .order_by(Hold.id)
        )
        with self.database.read() as session:
            return [
                HoldRow(
                    code=hold.code,
                    number=record.number,
                    amount=_total(body),
                    owner=team or "",
                    text=hold.message,
                    rule=hold.rule,
                )
                for hold, record, team, body in session.execute(query)
                if number in ("", record.number)
            ]

    def states(self) -> dict[str, str]:
        """Return each record's state by its number."""
        query = select(Record.number, Record.state).where(Record.company_id == self.company_id)
        with self.database.read() as session:
            return {row.number: str(row.state) for row in session.execute(query)}

    def body(self, number: str) -> dict[str, Any]:
        """Return the latest canonical body of the record with this number."""
        query = (
            select(Version.body)
            .join(Record, Record.version_id == Version.id)
            .where(Record.company_id == self.company_id, Record.number == number)
        )
        with self.database.read() as session:
            return dict(session.scalars(query).one())

    def postings(self, number: str) -> list[tuple[str, str, Decimal | None]]:
        """Return route, state and amount of each posting of a record."""
        query = (
            select(Posting)
            .join(Record, Record.id == Posting.record_id)
            .where(Posting.company_id == self.company_id, Record.number == number)
            .order_by(Posting.id)
        )
        with self.database.read() as session:
            return [
                (
                    one.route,
                    str(one.state),
                    None if one.amount is None else from_minor(one.amount, one.currency or "MYR"),
                )
                for one in session.scalars(query)
            ]

    def documents(self) -> dict[str, dict[str, Any]]:
        """Return the documents in the target's stand-in by their number."""
        answer = requests.get(f"{self.target.url}/_sim/documents", timeout=10)
        assert answer.ok, answer.text
        return {_number(one): one for one in answer.json()["documents"]}


def _topic_of(connector: str, raw: bytes) -> str:
    if connector != "shopify":
        return "order.updated"
    return (
        "refunds/create"
        if b'"refund_line_items"' in raw and b'"line_items"' not in raw
        else ("orders/updated")
    )


def _total(body: Mapping[str, Any] | None) -> Decimal | None:
    total = (body or {}).get("total")
    return None if total in (None, "") else Decimal(str(total))


def _number(document: Mapping[str, Any]) -> str:
    head = document.get("master", document)
    return str(
        head.get("docNo")
        or head.get("DocNumber")
        or head.get("number")
        or head.get("InvoiceNumber")
        or head.get("Id")
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a test chooses of its company.

    `maps`: rows of the template's mapping files, such as `{"items": ["MUG,MUG,PCS"]}`. `rules`:
    texts of its rules and what stands there instead; `without`: files that are left out.
    `connector`: what the source is where it is
    not named like it, such as `workbook`. `settings` and `key` are those of the source, such as
    the address of the shop's stand-in.
    """

    template: str
    maps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rules: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()
    connector: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    key: str = SECRET


def template_files(plan: Plan) -> dict[str, str]:
    """Return the template's files with the mapping rows and rule texts of the plan."""
    files = {
        path: text
        for path, text in read_template(plan.template).items()
        if not path.endswith("_test.rules") and path not in plan.without
    }
    for name, rows in plan.maps.items():
        path = f"maps/{name}.csv"
        heading = files[path].splitlines()[0]
        files[path] = "\n".join([heading, *rows, ""])
    for old, new in plan.rules.items():
        assert any(old in text for text in files.values()), old
        files = {path: text.replace(old, new) for path, text in files.items()}
    return files


def make_company(database: Database, target: Simulator, plan: Plan) -> CaseCompany:
    """Make a company under a shipped template, with its source and target connected."""
    files = template_files(plan)
    clock = SetClock(NOW)
    settings = Settings.from_env()
    source = _source_name(files)
    company_id, actors = _add_people(database, clock.now())
    connector = plan.connector or source
    with database.write() as session:
        sides: tuple[Side, Side] = (
            (source, connector, "source", {"e_invoice_issuer": "us", **plan.settings}, plan.key),
            (target.target, target.target, "target", dict(target.settings), ""),
        )
        for side in sides:
            _connect(session, company_id, side, settings)
    _test_target(database, clock, company_id, settings)
    with database.write() as session:
        change = publication.push_change(
            session, company_id, actors["chan"], files, "Template", clock.now()
        )
        assert isinstance(change, int), change
        done = publication.publish_change(session, change, actors["pua"], clock.now())
        assert not isinstance(done, Refusal), done
    app = portal_app.create_app(database, clock, settings)
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = True
    desk = open_desk(database, clock, owner="test", settings=settings)
    assert not isinstance(desk, Refusal), desk
    return CaseCompany(database, clock, app, desk, target, company_id, source, connector)


def _source_name(files: Mapping[str, str]) -> str:
    """Return the name of the template's source, which is its connection's name."""
    names = re.findall(r"^source (\w+)", "\n".join(files.values()), re.MULTILINE)
    return str(names[0])


def _add_people(database: Database, now: datetime) -> tuple[int, dict[str, Actor]]:
    """Add the company and its people; return its id and the people as actors."""
    with database.write() as session:
        added = people.add_company(session, code="kedai", name="Kedai Contoh Sdn Bhd", now=now)
        assert isinstance(added, int), added
        company = session.get_one(Company, added)
        company.live = True
        hashed = sessions.hash_password(PASSWORD)
        actors: dict[str, Actor] = {}
        for name, roles in PEOPLE.items():
            person = make_person(session, company, f"{name}@kedai.my", *roles)
            person.password_hash = hashed
            actor = actor_of(session, person.id, added)
            assert actor is not None
            actors[name] = actor
    return added, actors


def _connect(session: Session, company_id: int, side: Side, settings: Settings) -> None:
    """Add a connection with its key."""
    name, connector, which, chosen, key = side
    keys = load_keys(settings)
    assert not isinstance(keys, Refusal), keys
    added = add_connection(
        session,
        company_id=company_id,
        name=name,
        side=which,
        connector=connector,
        settings=chosen,
        actor=SYSTEM,
        now=NOW,
        ask_rates=False,
    )
    assert isinstance(added, int), added
    secret = key if which == "source" else SAMPLES[connector].secret
    form = registry.form_of(which, connector)
    if form is not None and form.key is not None:
        stored = connections.set_key(session, SYSTEM, added, secret, now=NOW, keys=keys)
        assert not isinstance(stored, Refusal), stored


def _test_target(database: Database, clock: SetClock, company_id: int, settings: Settings) -> None:
    """Run the connection test of the target, which reads its master data."""
    keys = load_keys(settings)
    assert not isinstance(keys, Refusal), keys
    query = select(Connection.id).where(
        Connection.company_id == company_id, Connection.side == "target"
    )
    with database.read() as session:
        connection_id = session.scalars(query).one()
    report = channel.test_connection(
        database, clock, connection_id, SYSTEM, http=Http(clock), keys=keys
    )
    assert isinstance(report, ConnectionReport), report
    assert report.ok, report
