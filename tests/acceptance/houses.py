"""A company in a product: furnished by commands once, then copied and opened.

Here: making, opening, keeping and putting back one. Not here: what a test asks of it (product.py).
"""

import fcntl
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.acceptance.many import Ran, run_all
from tests.acceptance.postgresql import Server
from tests.acceptance.product import (
    ADMIN,
    CURRENT_COMPANY,
    SIMULATOR_KEY,
    House,
    Product,
    address_in,
)

COMPANY = ("--company", CURRENT_COMPANY)
TABLE = ("--unit-rates", "table")  # what a carton holds is no question of most tests
ROLES = ("viewer", "finance", "approver", "consultant", "publisher", "operator", "admin")
Told = tuple[str, dict[str, str], str]  # the target's address, passwords, the webhook's secret


@contextmanager
def opened(
    product: Product,
    rules: Path,
    *,
    simulator: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[House]:
    """A company made by commands alone, then `clearpost up` with everything it needs."""
    with (
        furnished(product, rules, simulator) as house,
        product.started("up", "--port", "0", env=env, forks=1),
    ):
        house.address = address_in(product.notes("up"))
        yield house


@contextmanager
def quiet(product: Product, rules: Path, *, simulator: Sequence[str] = ()) -> Iterator[House]:
    """A company under these rules whose pages are served, and whose work waits."""
    with furnished(product, rules, simulator) as house, house.doors:
        open_doors(house)
        yield house


def open_doors(house: House) -> None:
    """Serve the pages, at a new address."""
    house.doors.enter_context(house.product.started("portal", "--port", "0"))
    house.address = address_in(house.product.notes("portal"))


@contextmanager
def furnished(product: Product, rules: Path, simulator: Sequence[str]) -> Iterator[House]:
    """A company under these rules with the stand-in of its target; nothing else runs yet."""
    ledger = product.folder / "ledger"
    words = ("simulate", "aiaccount", "--port", "0", "--ledger", str(ledger), *simulator)
    with product.started(*words) as target:
        assert target.stdout
        url = json.loads(target.stdout.readline())["url"]
        passwords, secret = _copy_of_furnished(product, rules, url)
        if simulator:  # it may answer otherwise than the one that the furnished company knows
            _test_target(product)
        yield House(product, "", url, ledger, secret, passwords)


def keep(product: Product) -> Product:
    """A backup of the database, while nobody uses it."""
    kept = Product(product.command, product.folder / "backup", product.env, product.server)
    kept.home.mkdir(parents=True)
    _copy_database(product, kept)
    return kept


def put_back(kept: Product, product: Product) -> None:
    """The product stands where it stood when the backup was made."""
    _copy_database(kept, product)


def forget_furnished(command: Path, server: Server) -> None:
    """Drop what was made on a server, and tell other test processes that it is gone."""
    for told in command.parents[2].glob("furnished-postgresql*/told.json"):
        made = Product(command, told.parent, {}, server)
        with alone(made.folder):
            if made.database_name in server.made:
                told.unlink(missing_ok=True)
                server.drop(made.database_name)
    for name in list(server.made):
        server.drop(name)


def _copy_of_furnished(product: Product, rules: Path, url: str) -> tuple[dict[str, str], str]:
    """The company under these rules; the people's passwords and the webhook's secret."""

    def under_rules(made: Product) -> Told:
        told = _made_once(made, kind, lambda bare: _furnish(bare, url))
        pushed = ("rules", "push", str(rules), *COMPANY, "--as", "consultant@kedai.example")
        _all(made, pushed, ("publish", "1", *COMPANY, "--as", "publisher@kedai.example"))
        return told

    kind = "furnished-postgresql" if product.server else "furnished-sqlite"
    before, passwords, secret = _made_once(product, f"{kind}-{rules.name}", under_rules)
    product.sql("UPDATE connection SET settings = replace(settings, ?, ?)", before, url)
    return passwords, secret


def _test_target(product: Product) -> None:
    product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)


def _made_once(product: Product, name: str, make: Callable[[Product], Told]) -> Told:
    """Let the product stand where `make` leaves one; what that told.

    It is made once in a run of the tests, and copied: the commands take a while.
    """
    folder = product.command.parents[2] / name
    made = Product(product.command, folder, product.env, product.server)
    told = folder / "told.json"
    with alone(folder):
        if not told.exists():
            told.write_text(json.dumps(make(made)))
        product.home.mkdir(exist_ok=True)
        shutil.copy2(made.home / "secret.key", product.home)
        _copy_database(made, product)
        url, passwords, secret = json.loads(told.read_text())
    return url, passwords, secret


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other test process is at work in this folder."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _copy_database(source: Product, target: Product) -> None:
    if source.server:
        source.server.copy(source.database_name, target.database_name)
        return
    files = [product.home / "clearpost.sqlite3" for product in (source, target)]
    with closing(sqlite3.connect(files[0])) as old, closing(sqlite3.connect(files[1])) as new:
        old.backup(new)


def _furnish(product: Product, url: str) -> Told:
    """Company, people and connections; no rules yet."""
    product.prepare()
    emails = {role: f"{role}@kedai.example" for role in ROLES}
    teams = ("--team", "accounts", "--team", "sales_admin", "--team", "tax_desk")
    people = [("user", "add", e, *COMPANY, "--role", r, *teams) for r, e in emails.items()]
    by_admin = (*COMPANY, "--as", ADMIN)
    secret = "netshop-secret-of-the-test"
    settings = (f"base_url={url}", "company_id=CMP-1042", "company_name=Kedai Contoh Sdn Bhd")
    pairs = [word for pair in settings for word in ("--set", pair)]
    told = _all(
        product,
        ("migrate",),
        ("company", "add", CURRENT_COMPANY, "--name", "Kedai Contoh Sdn Bhd"),
        *people,
        ("connection", "add", "netshop", *by_admin, "--side", "source"),
        ("connection", "key", "netshop", *by_admin),
        ("connection", "add", "aiaccount", *by_admin, "--side", "target", *TABLE, *pairs),
        ("connection", "key", "aiaccount", *by_admin),
        ("connection", "test", "aiaccount", *by_admin),
        said={3 + len(people): secret, 5 + len(people): SIMULATOR_KEY},
    )
    product.let_live()
    words = [one.out.split("only now: ")[1].split()[0] for one in told[2 : 2 + len(people)]]
    return url, dict(zip(emails.values(), words, strict=True)), secret


def _all(
    product: Product, *commands: Sequence[str], said: Mapping[int, str] | None = None
) -> list[Ran]:
    """Commands that all end well."""
    ran = run_all(product, commands, said)
    for words, one in zip(commands, ran, strict=True):
        assert one.code in (0, None), f"{words}\n{one.out}\n{one.err}"
    return ran
