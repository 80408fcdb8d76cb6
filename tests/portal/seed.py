"""One seeded shop for pages: held, to approve, posted, changed, waiting and dropped records.

Everything is made by the services themselves: intake, judging and (against the simulator) pushing.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access import people, sessions
from holding.access.actors import Keys, load_keys
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Person
from holding.db.refusal import Refusal
from holding.platform.settings import Settings
from holding.runs.dispatch import open_desk, push_due
from tests.holding.shop import FILES, Shop, line, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import connection_named, make_company, make_person
from tests.support.simulator import DEMO_KEY, simulator

PASSWORD = "correct horse battery"
HOOK_SECRET = "hook-secret-of-netshop"
SCRIPT = "<script>alert(1)</script>"
LATER = "2026-11-20T06:30:00Z"


@dataclass(frozen=True)
class Seeded:
    """Where the seeded database is, and the moment it stands at."""

    file: Path
    home: Path
    clock: SetClock


def environment(home: Path, url: str) -> dict[str, str]:
    return {
        "CLEARPOST_ENV": "test",
        "CLEARPOST_HOME": str(home),
        "DATABASE_URL": url,
        "CLEARPOST_KEY_FILE": str(home / "secret.key"),
        "CLEARPOST_ALLOW_LOOPBACK": "1",
        "CLEARPOST_SETTLE_SECONDS": "0",
    }


def seed(folder: Path, template: Path) -> Seeded:
    """Fill a copy of the migrated file."""
    file = folder / "seeded.sqlite3"
    file.write_bytes(template.read_bytes())
    database = Database(f"sqlite:///{file}", durable=False)
    clock = fill(database, folder)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return Seeded(file, folder, clock)


def fill(database: Database, folder: Path) -> SetClock:
    """Make the shop in an empty database; the clock of the moment it stands at. The environment has
    to be that of tests.
    """
    clock = SetClock()
    load_keys(Settings.from_env({"CLEARPOST_ENV": "test", "CLEARPOST_HOME": str(folder)}))
    settings = Settings.from_env(environment(folder, database.url))
    keys = load_keys(settings)
    assert isinstance(keys, Keys)
    with database.write() as session:
        company = make_company(session)
    shop = open_shop(database, company, clock)
    with simulator(folder) as target:
        with database.write() as session:
            _people(session, shop)
            _connect(session, shop, keys, target.url)
        shop.publish(rules())
        _orders(shop)
        _push(database, shop, settings)
    return clock


def rules() -> dict[str, str]:
    """The rules of the services' tests, over fields that NetShop sends."""
    text = FILES["shop.rules"].replace("    note        text ", "    customer_name text ")
    return {**FILES, "shop.rules": text}


def _people(session: Session, shop: Shop) -> None:
    other = make_company(session, "lain", name="Kedai Lain Sdn Bhd")
    make_person(session, other, "stranger@lain.my", "admin", "finance", "approver")
    for name, role in (("olga", "operator"), ("nurul", "auditor")):
        make_person(session, shop.company, f"{name}@kedai.my", role)
    hashed = sessions.hash_password(PASSWORD)
    for person in session.scalars(select(Person)):
        person.password_hash = hashed
    farah = shop.actor("farah").person_id or 0
    people.add_to_team(session, company_id=shop.company.id, name="sales_admin", person_id=farah)


def _connect(session: Session, shop: Shop, keys: Keys, url: str) -> None:
    adam = shop.actor("adam")
    target = connection_named(session, shop.company, "aiaccount")
    target.settings = {**target.settings, "base_url": url, "app_url": "https://app.example"}
    source = connection_named(session, shop.company, "netshop")
    for row, secret in ((target, DEMO_KEY), (source, HOOK_SECRET)):
        assert not isinstance(
            connections.set_key(session, adam, row.id, secret, now=shop.now, keys=keys), Refusal
        )


def _orders(shop: Shop) -> None:
    spaced = [line(sku="AB-100 ")]
    shop.receive(
        *(order(f"SO-10{n}", lines=spaced, customer="C-78") for n in range(200, 203)),
        order("SO-10203", lines=spaced, total="200.00"),
    )
    shop.clock.advance(timedelta(hours=1))
    shop.receive(order("SO-10210", customer="C-99", customer_name=SCRIPT))
    shop.receive(
        order("SO-10220", total="1920.00", lines=[line(qty="20")]),
        order("SO-10221", total="2880.00", lines=[line(qty="30")]),
    )
    shop.receive(order("SO-10230", status="pending"), order("SO-10231", status="cancelled"))
    shop.receive(order("SO-10232", lines=[line(uom="DRUM")]))
    shop.receive(order("SO-10240"), order("SO-10241", customer="C-78"))
    shop.judge()
    shop.clock.advance(timedelta(minutes=90))


def _push(database: Database, shop: Shop, settings: Settings) -> None:
    desk = open_desk(database, shop.clock, owner="test", settings=settings)
    assert not isinstance(desk, Refusal)
    for _ in ("sent", "read back"):
        push_due(database, shop.clock, company_id=shop.company.id, owner="test", desk=desk)
    shop.clock.advance(timedelta(minutes=20))
    changed = [line(qty="3")]
    shop.receive(order("SO-10240", lines=changed, total="288.00", updated_at=LATER), stamp=LATER)
    shop.judge()
    shop.clock.advance(timedelta(minutes=5))
