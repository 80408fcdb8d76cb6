"""Screens of the walk that somebody has to make first: a change, its backtest, a packet, a file.

Here: how each is made, by the forms of the portal where one makes it by hand; its address. Not
here: which of them are walked (walk.toml).
"""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from flask import Flask
from sqlalchemy import select

from holding.access import actors
from holding.db.database import Database
from holding.db.models import Cause, Company, Person
from holding.rulesets import publication
from holding.trials import backtest_turns
from holding.uploads.upload_turns import work_due
from tests.holding.shop import FILES
from tests.portal.conftest import Browser
from tests.portal.seed import PASSWORD
from tests.support.clock import SetClock
from tests.support.workbooks import orders

HERE: Final = "/c/kedai"
CHANGES: Final = f"{HERE}/rules/changes"
STRICTER: Final = FILES["shop.rules"].replace("total > 1000.00", "total > 190.00")
HELD: Final = f"{HERE}/escalate/netshop/order/SO-10203"
CUSTOMERS: Final = b"Customer name,TIN,Active\nAisyah Rahman,IG24680135790,yes\n"


@dataclass(frozen=True, slots=True)
class Making:
    """The portal in which something is made, and who makes it."""

    app: Flask
    database: Database
    clock: SetClock

    def visit(self, name: str) -> Browser:
        """Somebody of the shop, signed in."""
        browser = Browser(self.app.test_client())
        browser.post("/signin", {"email": f"{name}@kedai.my", "password": PASSWORD}, status=303)
        return browser

    def company(self) -> int:
        """The shop."""
        with self.database.read() as session:
            return session.scalars(select(Company.id).where(Company.code == "kedai")).one()


def change(making: Making) -> str:
    """A change of the rules that waits for who publishes it."""
    company = making.company()
    with making.database.write() as session:
        chan = session.scalars(select(Person.id).where(Person.email == "chan@kedai.my")).one()
        actor = actors.actor_of(session, chan, company)
        assert actor is not None
        files = {**FILES, "shop.rules": STRICTER}
        no = publication.push_change(
            session, company, actor, files, "Lower limit", making.clock.now()
        )
    assert isinstance(no, int)
    return f"{CHANGES}/{no}"


def backtest(making: Making) -> str:
    """The backtest of a change, with its matrix."""
    at, company = change(making), making.company()
    making.visit("chan").post(f"{at}/backtest", {"from": "", "to": ""}, status=303)
    while backtest_turns.take_turn(making.database, making.clock, company):
        pass
    return f"{at}/backtest"


def cell(making: Making) -> str:
    """The records of a cell of the matrix."""
    at = backtest(making)
    found = re.search(r'href="([^"]+/backtest/records\?[^"]+)"', making.visit("chan").text(at))
    assert found is not None
    return found[1].replace("&amp;", "&")


def shadow(making: Making) -> str:
    """A change that judges what comes, without effect."""
    at = change(making)
    making.visit("chan").post(f"{at}/shadow", {"days": "1"}, status=303)
    return f"{at}/shadow"


def packet(making: Making) -> str:
    """An escalation packet of a record on hold."""
    farah = making.visit("farah")
    page = farah.text(HELD)
    message = re.search(r'name="exact_message"[^>]*>([^<]*)<', page)
    told = {
        "record_number": "SO-10203",
        "exact_message": message[1] if message else "",
        "expected_result": "An invoice.",
        "op": "walk-packet",
    }
    return str(farah.post(HELD, told, status=303).headers["Location"])


def upload(making: Making) -> str:
    """A file of orders that is checked, and waits for its confirmation."""
    told = {"file": (io.BytesIO(orders(501, 502)), "orders.xlsx"), "source": "netshop"}
    answer = making.visit("farah").post(f"{HERE}/uploads", {**told, "kind": "order"}, status=303)
    company = making.company()
    while work_due(
        making.database, making.clock, company_id=company, owner="w", lease_seconds=30
    ).steps:
        pass
    return str(answer.headers["Location"])


def moved(making: Making) -> str:
    """What another value of a mapping contradicts."""
    farah, at = making.visit("farah"), f"{HERE}/mappings/item/entry"
    told = {"key": "TEA-1", "other": "TEA-2", "reason": "another box", "op": "walk-moved"}
    return str(farah.post(at, told, status=303).headers["Location"])


def listed(making: Making) -> str:
    """What a list of codes changed."""
    told = {"target": "aiaccount", "kind": "customer", "as_of": "2026-11-19"}
    file = (io.BytesIO(CUSTOMERS), "customers.csv")
    answer = making.visit("farah").post(
        f"{HERE}/mappings/lists", {**told, "file": file}, status=303
    )
    return str(answer.headers["Location"])


def approval(making: Making) -> str:
    """What became of the documents of an approval."""
    lim, at = making.visit("lim"), f"{HERE}/holding/approve"
    with making.database.read() as session:
        cause = session.scalars(select(Cause.id).where(Cause.key.startswith("approve:"))).first()
    found = re.findall(r'name="(seen|cause|after|sethash)" value="([^"]+)"',
                       lim.text(f"{at}?cause={cause}"))  # fmt: skip
    form: dict[str, object] = {name: [v for n, v in found if n == name] for name, _ in found}
    told = {**form, "reason": "compared with the orders", "op": "walk-approval"}
    return str(lim.post(at, told, status=303).headers["Location"])


MAKERS: Final[Mapping[str, Callable[[Making], str]]] = {
    each.__name__: each
    for each in (
        *(change, backtest, cell, shadow, packet, upload, moved, listed),
        approval,
    )
}
