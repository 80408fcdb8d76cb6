"""Each person reads the same of a customer on every page, in every file and by the API."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from holding.db.database import Database
from holding.db.models import Company, Hold, Record
from tests.holding.shop import Shop, line, order
from tests.portal.api.test_api import key
from tests.portal.conftest import Browser
from tests.portal.mappings import test_lists, test_unpaid
from tests.portal.reading import R, cause, hold_of
from tests.support.clock import SetClock

__all__ = ["key"]
pytestmark = pytest.mark.sqlite
C = "/c/kedai"
HELD, ASKED = "SO-10250", "SO-10251"
NAME, TIN, PHONE = "Maju Jaya", "C20881234010", "0123456789"
SAYS = f"{NAME} ({TIN}) at {PHONE}"
WHO = {"customer_name": NAME, "tin": TIN, "phone": PHONE}
CODES = f"Customer code,Customer name,TIN\nC-90,{NAME},{TIN}\n".encode()

READS = {
    **{name: {NAME, TIN, PHONE} for name in ("farah", "lim", "nurul")},
    "adam": {NAME, TIN},
    **{name: set[str]() for name in ("chan", "pua", "vera", "olga")},
}
"""Person -> what they read of a customer: finance, an approver and an auditor all of it, an
administrator, who may map customers, whom it is; the others nothing."""


@pytest.fixture
def places(visit: Callable[..., Browser], database: Database, clock: SetClock) -> list[str]:
    """Pages, files and calls that show a customer; each is open to everybody."""
    with database.read() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
    shop = Shop(database, company, clock, {}, deliveries=90)
    many = {"total": "1920.00", "lines": [line(qty="20")]}
    shop.receive(order(HELD, customer="C-90", **WHO), order(ASKED, **many, **WHO))
    shop.judge()
    with database.write() as session:
        mine = Hold.record_id == Record.id, Record.number.in_((HELD, ASKED))
        quoted = update(Hold).where(*mine).values(message=SAYS)
        session.execute(quoted.execution_options(synchronize_session=False))
    farah = visit("farah")
    codes = test_lists.give(farah, CODES).location
    unpaid = test_unpaid.give(farah).location
    record, missing = f"{R}/{HELD}", cause(database, "mapping:debtor:%")
    open_hold = hold_of(database, HELD)
    opened = f"{C}/holding?view=all&open={missing}"
    pages = [
        *(f"{C}/holding/{open_hold}", opened, f"{C}/holding?view=all&q={HELD}&open={missing}"),
        *(f"{record}?tab={tab}" for tab in ("trace", "raw", "ruletree", "pushes")),
        f"{C}/mappings/missing?cause={missing}",
    ]
    listed = [
        *(f"{C}/holding/inbox", f"{C}/find?q={HELD[:-1]}", f"{C}/mappings/exact", codes, unpaid),
        f"{C}/mappings/lists/unpaid",
    ]
    parts = [address.partition("?") for address in listed]
    files = [f"{url}.{kind}{mark}{query}" for url, mark, query in parts for kind in ("csv", "json")]
    held = [f"{C}/holding.{kind}?view=all&q={HELD}" for kind in ("csv", "json")]
    return [*pages, *listed, *files, *held]


def read(text: str) -> set[str]:
    """What a text says of the customer."""
    return {word for word in (NAME, TIN, PHONE) if word in text}


@pytest.mark.parametrize("who", READS)
def test_a_person_reads_the_same_of_a_customer_everywhere(
    visit: Callable[..., Browser], places: list[str], who: str
) -> None:
    whole, person = visit("farah"), visit(who)
    for address in places:
        said = read(whole.text(address))
        assert said, address
        assert read(person.text(address)) == said & READS[who], address


@pytest.mark.parametrize("who", READS)
def test_a_program_reads_what_its_person_reads(
    app: Flask, places: list[str], key: Callable[..., str], who: str
) -> None:
    assert places
    client, headers = app.test_client(), {"Authorization": f"Bearer {key(who)}"}
    for path in ("/holds?after=0", f"/records?number={HELD}"):
        answer: Any = client.get(f"/api/v1/c/kedai{path}", headers=headers)
        assert answer.status_code == 200
        assert read(answer.get_data(as_text=True)) == READS[who], path
