"""The portal of a house as its callers meet it: signed webhooks, and people with tokens.

Here: an application over the house's own database, and calls from many threads at once. Not here:
what is called, and what must come of it.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from connectors.transport.http import MachineClock
from holding.access import operations, sessions
from holding.access.actors import SYSTEM
from holding.db.models import Company, Person
from holding.db.refusal import Refusal
from holding.platform.settings import Settings
from portal.app import create_app
from tests.support.factories import make_person
from tests.support.house import House
from tests.support.simulator import DEMO_KEY

WHEN = "2026-11-18T10:00:00+08:00"
THREADS = 20
PASSWORD = "correct horse battery"


def portal_of(house: House, patch: pytest.MonkeyPatch, **more: str) -> Flask:
    """The application, in this process, with the environment of the house."""
    for name, value in {**house.environment, **more}.items():
        patch.setenv(name, value)
    return create_app(house.database, MachineClock(), Settings.from_env())


def at_once(call: Callable[[int], TestResponse], count: int) -> list[TestResponse]:
    """So many calls, as many of them at a time as there are threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, range(count)))


def webhook(app: Flask, which: str, *, event: str = "", total: str = "99.00") -> TestResponse:
    """An order, signed as the shop does."""
    item = {"pos": 1, "sku": "TEE-BLK-M", "name": "Tee", "uom": "PCS", "qty": "2", "tax": "NT"}
    order: dict[str, object] = {"id": f"w-{which}", "number": f"W-{which}", "status": "paid"}
    order |= {"ordered_at": WHEN, "currency": "MYR", "total": total, "version": 1}
    order["items"] = [item | {"price": "49.50"}]
    order |= {"customer": {"id": "C-1", "name": "Aisyah"}, "channel": "web", "updated_at": WHEN}
    raw = json.dumps({"event": "order.updated", "order": order}).encode()
    stamp = str(int(time.time()))
    event = event or f"evt-w-{which}"
    digest = hmac.new(DEMO_KEY.encode(), f"{stamp}.{event}.".encode() + raw, hashlib.sha256)
    told = {"X-NS16-Timestamp": stamp, "X-NS16-Signature": f"sha256={digest.hexdigest()}"}
    told |= {"X-NS16-Event-Id": event, "Content-Type": "application/json"}
    return app.test_client().post("/hooks/kedai/netshop", data=raw, headers=told)


def signed_in(app: Flask, house: House, email: str, role: str) -> FlaskClient:
    """The browser of a new person who has signed in."""
    with house.database.write() as session:
        person = make_person(session, session.get_one(Company, house.company_id), email, role)
        person.password_hash = sessions.hash_password(PASSWORD)
    client = app.test_client()
    form = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/signin").text)
    assert form is not None
    given = {"csrf_token": form[1], "email": email, "password": PASSWORD}
    assert client.post("/signin", data=given).status_code == 303
    return client


def token_of(house: House, email: str) -> str:
    """A new token with which this person may approve."""
    with house.database.write() as session:
        person = session.scalars(select(Person).where(Person.email == email)).one()
        made = operations.make_token(
            session,
            SYSTEM,
            company_id=house.company_id,
            person_id=person.id,
            name="a tab",
            scopes=("posting.approve",),
            lasts=timedelta(days=1),
            now=datetime.now(UTC),
        )
    assert not isinstance(made, Refusal), made
    return made.key


def approve(app: Flask, token: str, posting_id: int, seen: str) -> TestResponse:
    """Press the button for what was looked at."""
    return app.test_client().post(
        "/api/v1/c/kedai/holds/approve",
        json={"postings": [{"id": posting_id, "hash": seen}], "reason": "Looks right."},
        headers={"Authorization": f"Bearer {token}"},
    )
