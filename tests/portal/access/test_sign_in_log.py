"""Sign-ins, failures, lock-outs and refused access: who may go on, and what is recorded."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from holding.db import leases
from holding.db.database import Database
from holding.db.models import Event, Hold, Posting
from holding.platform import settings
from portal.app import create_app
from portal.web import request_guard
from tests.portal.conftest import PASSWORD, Browser
from tests.portal.web.test_observation import log_stream
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite

__all__ = ["log_stream"]

EMAIL = "tan@kedai.my"


@pytest.fixture(autouse=True)
def only_lock_outs(app: Flask) -> Iterator[None]:
    """Without the limit of five a minute from one address, which is tested elsewhere."""
    request_guard.limiter.enabled = False
    yield
    request_guard.limiter.enabled = True


def enter(browser: Browser, password: str, address: str = "") -> int:
    """Sign in from a network address; return the status."""
    data = {"email": EMAIL, "password": password, "csrf_token": browser.token()}
    environ = {"REMOTE_ADDR": address} if address else {}
    return browser.client.post("/signin", data=data, environ_base=environ).status_code


def acts(database: Database, prefix: str = "person.") -> list[tuple[str, str]]:
    """Return (act, actor) of the newest events about people, the newest last."""
    with database.read() as session:
        query = select(Event.act, Event.actor).where(Event.act.startswith(prefix))
        return [(row.act, row.actor) for row in session.execute(query.order_by(Event.id))]


def test_a_stranger_does_not_lock_the_owner_out(visit: Callable[..., Browser]) -> None:
    owner = visit("tan")
    owner.post("/signout", {}, status=303)
    stranger = visit()
    statuses = [enter(stranger, "wrong", "203.0.113.9") for _ in range(leases.MOST + 1)]
    assert statuses == [422] * leases.MOST + [429]
    assert enter(owner, PASSWORD, "203.0.113.9") == 303, "the same address, a known device"
    assert enter(visit(), PASSWORD, "198.51.100.4") == 303, "an unknown device elsewhere"
    assert enter(visit(), PASSWORD, "203.0.113.9") == 429, "an unknown device of that address"


def test_guessing_from_many_addresses_is_stopped_but_not_for_a_known_device(
    visit: Callable[..., Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holding.access.sessions.MOST_FROM_ANYWHERE", 6)
    owner = visit("tan")
    owner.post("/signout", {}, status=303)
    guesser = visit()
    assert {enter(guesser, "wrong", f"203.0.113.{number}") for number in range(6)} == {422}
    assert enter(guesser, PASSWORD, "203.0.113.77") == 429
    assert enter(owner, PASSWORD) == 303


def test_a_known_device_is_one_of_the_same_account(visit: Callable[..., Browser]) -> None:
    other = visit("lim")
    other.post("/signout", {}, status=303)
    for _ in range(leases.MOST):
        enter(other, "wrong")
    assert enter(other, PASSWORD) == 429, "Lim's own device is a stranger to Tan's account"


def test_guessing_on_a_known_device_locks_it_too(visit: Callable[..., Browser]) -> None:
    owner = visit("tan")
    owner.post("/signout", {}, status=303)
    assert [enter(owner, "wrong") for _ in range(leases.MOST)] == [422] * leases.MOST
    assert enter(owner, PASSWORD) == 429


def test_sign_ins_are_events_of_the_company(
    visit: Callable[..., Browser], database: Database
) -> None:
    before = len(acts(database))
    browser = visit("tan")
    browser.post("/signout", {}, status=303)
    enter(visit(), "wrong")
    visit().post("/signin", {"email": "nobody@kedai.my", "password": "x"}, status=422)
    assert acts(database)[before:] == [
        ("person.signed_in", "Tan"),
        ("person.signed_out", "Tan"),
        ("person.signin_refused", "Clearpost"),
    ]


def test_a_lock_out_is_one_event_however_long_it_goes_on(
    visit: Callable[..., Browser], database: Database
) -> None:
    before, stranger = len(acts(database)), visit()
    for _ in range(leases.MOST + 5):
        enter(stranger, "wrong")
    recorded = [act for act, _ in acts(database)[before:]]
    assert recorded == ["person.signin_refused"] * leases.MOST + ["person.locked_out"]


def test_the_log_has_a_line_for_each_and_no_password(
    visit: Callable[..., Browser], log_stream: io.StringIO
) -> None:
    browser = visit("tan")
    browser.post("/signout", {}, status=303)
    enter(visit(), "hunter2-hunter2")
    lines = [json.loads(line) for line in log_stream.getvalue().splitlines()]
    events = [line["event"] for line in lines if line["logger"] == settings.SIGN_IN_LOG]
    assert events == ["Signed in.", "Signed out.", "Sign-in refused."]
    assert "hunter2" not in log_stream.getvalue()


def test_refused_access_is_an_event_once_a_minute(
    visit: Callable[..., Browser], database: Database
) -> None:
    request_guard.limiter.enabled = True
    viewer = visit("lim")
    before = len(acts(database, "person.access_refused"))
    for _ in range(3):
        viewer.post("/c/kedai/people/links/1/cancel", {}, status=403)
    recorded = acts(database, "person.access_refused")[before:]
    assert [actor for _, actor in recorded] == ["Lim"]


def test_a_refused_approval_names_its_documents(
    visit: Callable[..., Browser], database: Database
) -> None:
    """A person without the role posts the form of an approval."""
    with database.read() as session:
        posting = session.scalars(select(Posting).order_by(Posting.id).limit(1)).one()
    form = {"seen": f"{posting.id}:{posting.hash}:100 MYR:{posting.number}", "reason": "Agreed"}
    visit("vera").post("/c/kedai/holding/approve", form, status=403)
    with database.read() as session:
        refused = select(Event).where(Event.act == "person.access_refused")
        event = session.scalars(refused.order_by(Event.id.desc()).limit(1)).one()
    assert (event.record_id, event.posting_id) == (posting.record_id, posting.id)
    assert event.body["say"].endswith(f": {posting.number}.")


def test_each_document_of_refused_approvals_is_in_the_trail_once_a_minute(
    visit: Callable[..., Browser], database: Database
) -> None:
    request_guard.limiter.enabled = True
    with database.read() as session:
        first, second, held = session.scalars(select(Posting).order_by(Posting.id).limit(3))
        hold = session.scalars(select(Hold.id).where(Hold.posting_id == held.id).limit(1)).one()
    vera, before = visit("vera"), len(acts(database, "person.access_refused"))

    def approve(*postings: Posting) -> None:
        seen = [f"{one.id}:{one.hash}:100 MYR:{one.number}" for one in postings]
        vera.post("/c/kedai/holding/approve", {"seen": seen, "reason": "Agreed"}, status=403)

    for named in ((first,), (first,), (first, second), (second,)):
        approve(*named)
    for _ in range(2):
        vera.post(f"/c/kedai/holding/{hold}/release", {"reason": "Agreed"}, status=403)
    with database.read() as session:
        refused = select(Event).where(Event.act == "person.access_refused").order_by(Event.id)
        events = session.scalars(refused).all()[before:]
    assert [one.posting_id for one in events] == [first.id, second.id, held.id]


def test_unknown_documents_are_one_event_a_minute(
    visit: Callable[..., Browser], database: Database
) -> None:
    """Made-up numbers cannot fill the trail."""
    request_guard.limiter.enabled = True
    vera, before = visit("vera"), len(acts(database, "person.access_refused"))
    for number in range(900_000, 900_004):
        form = {"seen": f"{number}:{number}:1 MYR:X", "reason": "Agreed"}
        vera.post("/c/kedai/holding/approve", form, status=403)
    assert len(acts(database, "person.access_refused")) == before + 1


@pytest.mark.parametrize(
    ("redis_url", "storage"),
    [
        (None, "memory://"),
        ("redis://queue:6379/0", "redis://queue:6379/0"),
        ("rediss://:secret@queue:6380/0", "rediss://:secret@queue:6380/0"),
        ("unix:///run/redis.sock", "redis+unix:///run/redis.sock"),
    ],
)
def test_every_address_of_redis_is_one_that_the_limits_can_use(
    database: Database, clock: SetClock, redis_url: str | None, storage: str
) -> None:
    """The embedded Redis listens at a socket. The limits fall back to memory while it is away."""
    settings_with_redis = replace(settings.Settings.from_env(), redis_url=redis_url)
    try:
        app = create_app(database, clock, settings_with_redis)
        assert app.config["RATELIMIT_STORAGE_URI"] == storage
        assert app.test_client().get("/signin").status_code == 200
    finally:
        create_app(database, clock, settings.Settings.from_env())
