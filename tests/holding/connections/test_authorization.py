"""What may happen while somebody is on the way to Intuit and back, or disconnects."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from sqlalchemy import func, select

from connectors.contract.targets import Revoked
from connectors.transport.http import Http
from holding.access.actors import Actor, actor_of
from holding.connections import authorization, connections, key_rotation
from holding.connections.channel import AT_MOST, Desk, duty_of, renew
from holding.connections.connections import KeySet
from holding.db import leases
from holding.db.database import Database
from holding.db.models import (
    AuthorizationRequest,
    Company,
    Connection,
    ConnectionKey,
    Snapshot,
    SnapshotItem,
)
from holding.db.refusal import Refusal
from holding.rulesets.new_connections import change_settings
from tests.connectors.simulator_processes import Simulator
from tests.holding.desks import KEYS, make_desk
from tests.support.clock import SetClock
from tests.support.factories import add_target, make_person

BACK = "https://clearpost.example/c/kedai/connections/quickbooks/authorized"
CLIENT, TOKEN = "qbo-client-3Rk9", "session-of-adam"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    sim = Simulator("quickbooks", tmp_path_factory.mktemp("sim") / "ledger.jsonl")
    yield sim
    sim.kill()


class Meanwhile(Http):
    """Somebody does something while a call is under way."""

    def __init__(self, clock: SetClock, act: Any) -> None:
        super().__init__(clock)
        self._act = act

    def request(self, *told: Any, **given: Any) -> Any:
        answer = super().request(*told, **given)
        act, self._act = self._act, lambda: None
        act()
        return answer


@dataclass
class House:
    """A connection to QuickBooks whose client secret is stored, and its admin."""

    desk: Desk
    sim: Simulator
    connection_id: int
    admin: Actor

    def begin(self) -> str:
        with self.desk.database.write() as session:
            found = authorization.begin(
                session,
                self.admin,
                self.connection_id,
                token=TOKEN,
                back=BACK,
                now=self.desk.clock.now(),
                keys=KEYS,
            )
        assert isinstance(found, str)
        return found

    def allowed(self) -> dict[str, str]:
        """What the browser comes back with."""
        asked = {n: v for n, (v,) in parse_qs(urlsplit(self.begin()).query).items()}
        body = urlencode({**asked, "realm": "9130347", "answer": "connect"})
        head = {"Content-Type": "application/x-www-form-urlencoded"}
        told = requests.post(
            f"{self.sim.url}/connect/oauth2", body, headers=head, timeout=9, allow_redirects=False
        )
        query = parse_qs(urlsplit(told.headers["Location"]).query)
        return {name: value for name, (value,) in query.items()}

    def finish(self, http: Http | None = None) -> KeySet | Refusal:
        desk = self.desk
        return authorization.finish(
            desk.database,
            desk.clock,
            self.connection_id,
            self.admin,
            self.allowed(),
            token=TOKEN,
            http=http or desk.http,
            keys=KEYS,
        )

    def use(self) -> None:
        """Connect it, and let the new key pass its test."""
        desk = self.desk
        assert isinstance(self.finish(), KeySet)
        told = key_rotation.try_key(
            desk.database, desk.clock, self.connection_id, self.admin, http=desk.http, keys=KEYS
        )
        assert not isinstance(told, Refusal)
        assert told.ok

    def disconnect(self, http: Http | None = None) -> Revoked | Refusal:
        desk = self.desk
        return authorization.disconnect(
            desk.database,
            desk.clock,
            self.connection_id,
            self.admin,
            http=http or desk.http,
            keys=KEYS,
        )

    def set(self, **settings: str) -> None:
        with self.desk.database.write() as session:
            now, actor = self.desk.clock.now(), self.admin
            told = change_settings(session, actor, self.connection_id, settings, now=now)
        assert told == tuple(settings)

    def newest(self) -> str:
        """The newest key as it is stored, in plain text."""
        with self.desk.database.read() as session:
            row = session.get_one(Connection, self.connection_id)
            query = select(ConnectionKey).where(ConnectionKey.connection_id == row.id)
            key = session.scalars(query.order_by(ConnectionKey.no.desc())).first()
            assert key is not None
            found = KEYS.decrypt(key.secret, row=connections.bound(row, key.no))
        assert isinstance(found, str)
        return found

    def states(self) -> list[str]:
        with self.desk.database.read() as session:
            query = select(ConnectionKey.state).where(
                ConnectionKey.connection_id == self.connection_id
            )
            return list(session.scalars(query.order_by(ConnectionKey.no)))


@pytest.fixture
def house(
    running: Simulator,
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    running.control("reset")
    running.control("redirect", address=BACK)
    for name, value in (("ENV", "test"), ("ALLOW_LOOPBACK", "1")):
        monkeypatch.setenv(f"CLEARPOST_{name}", value)
    more = {"revoke_url": f"{running.url}/v2/oauth2/tokens/revoke"}
    with database.write() as session:
        given = {**running.settings, **more}
        row = add_target(session, company, "quickbooks", given, clock.now())
        person = make_person(session, company, "adam@kedai.my", "admin")
        session.flush()
        admin = actor_of(session, person.id, company.id)
        assert admin is not None
        made, now = row.id, clock.now()
        stored = key_rotation.add_key(session, admin, made, CLIENT, now=now, keys=KEYS)
        assert isinstance(stored, KeySet)
    return House(make_desk(database, clock, tmp_path), running, made, admin)


def test_settings_that_change_while_the_code_is_exchanged_leave_it_alone(
    house: House, clock: SetClock
) -> None:
    http = Meanwhile(clock, lambda: house.set(company_name="Other Sdn Bhd"))
    told = house.finish(http)
    assert isinstance(told, Refusal)
    assert told.code == "authorization.changed"
    assert house.states() == ["new"]


def test_a_request_that_nobody_came_back_with_is_forgotten_by_the_next(
    house: House, clock: SetClock
) -> None:
    def kept() -> int | None:
        with house.desk.database.read() as session:
            return session.scalar(select(func.count(AuthorizationRequest.id)))

    house.begin()
    house.begin()
    assert kept() == 2
    clock.advance(timedelta(minutes=10))
    house.begin()
    assert kept() == 1


def test_nobody_disconnects_while_its_key_is_exchanged(house: House, clock: SetClock) -> None:
    house.use()
    database, name = house.desk.database, duty_of(house.connection_id)
    with database.write() as session:
        until = clock.now() + AT_MOST
        assert leases.take(session, name, owner="worker", until=until, now=clock.now())
    told = house.disconnect()
    assert isinstance(told, Refusal)
    assert told.code == "authorization.busy"
    assert house.states()[-1] == "active"
    with database.write() as session:
        leases.leave(session, name, owner="worker")
    assert house.disconnect() == Revoked(kind="revoked", words="Intuit ended the refresh token.")
    assert house.states()[-1] == "new"
    assert house.newest() == CLIENT, "of the tokens nothing is left to be used"
    with database.write() as session:
        assert leases.take(session, name, owner="worker", until=until, now=clock.now()), "given up"


def test_it_is_stopped_before_anybody_is_called_and_stays_so(house: House, clock: SetClock) -> None:
    house.use()
    seen: list[list[str]] = []
    told = house.disconnect(Meanwhile(clock, lambda: seen.append(house.states())))
    assert isinstance(told, Revoked)
    assert "active" not in seen[0]
    desk = house.desk
    assert renew(desk.database, clock, house.connection_id, http=desk.http, keys=KEYS) is None


def test_an_end_that_nobody_hears_of_is_an_end_here(house: House) -> None:
    house.use()
    house.sim.control("revoke")
    told = house.disconnect()
    assert isinstance(told, Revoked)
    assert told.kind == "unknown"
    assert house.states()[-1] == "new"


@pytest.mark.parametrize("name", ["revoke_url", "token_url"])
def test_another_host_is_not_shown_the_key(house: House, name: str) -> None:
    house.use()
    house.set(**{name: "https://elsewhere.example/end"})
    assert set(house.states()) == {"disabled"}


def test_the_app_is_known_by_its_newest_key(house: House, clock: SetClock) -> None:
    with house.desk.database.write() as session:
        key, now = f"{CLIENT}:qbo-refresh-5Mx8-0", clock.now()
        kept = connections.set_key(
            session, house.admin, house.connection_id, key, now=now, keys=KEYS
        )
        assert isinstance(kept, KeySet)
        row = session.get_one(Connection, house.connection_id)
        assert key_rotation.app_secret(session, row, KEYS) == CLIENT


def test_what_the_test_of_the_new_key_tells_is_known_at_once(house: House) -> None:
    house.use()
    with house.desk.database.read() as session:
        kinds = set(
            session.scalars(
                select(Snapshot.kind).where(Snapshot.connection_id == house.connection_id)
            )
        )
        names = select(SnapshotItem.code, SnapshotItem.body).join(Snapshot)
        taxes = session.execute(names.where(Snapshot.kind == "tax_code")).all()
    assert {"period", "tax_code", "account"} <= kinds
    assert {code: body["name"] for code, body in taxes} == {"3": "NONE", "5": "SST 10%"}
