"""Each attempt names the key that it was made with, also after that key was deleted."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from holding.access.actors import SYSTEM
from holding.connections import key_rotation
from holding.connections.connections import KEEP_OLD, set_key
from holding.db.models import Request
from holding.posting import push_history
from holding.records import packet_contents, record_rows, trace
from holding.records.packet_contents import Wanted
from tests.holding.desks import KEYS
from tests.holding.life import NUMBERED, SMALL, TABLES, Begun, Life
from tests.holding.shop import FILES
from tests.support.factories import connection_named
from tests.support.simulator import DEMO_KEY

SECOND = "ai_second_key_9Zx7"


@pytest.fixture
def life(begun: Begun) -> Life:
    return begun(FILES | {"shop.rules": NUMBERED + TABLES})


def rotate(life: Life) -> None:
    """Replace the key, and delete the old one when that is allowed."""
    shop = life.shop
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        set_key(session, SYSTEM, target.id, SECOND, now=shop.now, keys=KEYS)
    shop.clock.advance((KEEP_OLD + timedelta(minutes=1)).total_seconds())
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        assert key_rotation.delete_key(session, SYSTEM, target.id, 1, now=shop.now) is None


def tails(life: Life, number: str) -> list[list[str]]:
    with life.shop.database.read() as session:
        record = life.shop.record(session, number)
        pushes = push_history.load_pushes(session, record.id)
        return [sorted({one.key_tail for one in push.attempts}) for push in pushes]


def test_an_attempt_names_its_own_key_after_a_rotation(life: Life) -> None:
    life.arrive("A-1")
    rotate(life)
    life.arrive("A-1", **SMALL)
    assert tails(life, "A-1") == [[DEMO_KEY[-4:]], [SECOND[-4:]]]


def test_the_timeline_and_the_packet_name_the_key(life: Life) -> None:
    life.arrive("A-1")
    rotate(life)
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1")
        steps = trace.timeline(session, record.id)
        (attempt,) = [one for one in steps if one.kind == "attempt"]
        assert f"key …{DEMO_KEY[-4:]}" in attempt.say
        row = record_rows.load_record(session, record.company_id, "netshop", "order", "A-1")
        assert row is not None
        wanted = Wanted(by="Ahmad", now=life.shop.now, personal=True, redact=str)
        company = {"code": "c", "name": "C", "zone": "UTC", "currency": "MYR"}
        told = packet_contents.collect_contents(session, company, row, wanted)
        assert [one["key_tail"] for one in told["requests"]] == [DEMO_KEY[-4:]]


def test_a_tail_is_never_longer_than_what_is_shown_of_a_key(life: Life) -> None:
    life.arrive("A-1")
    with life.shop.database.read() as session:
        assert all(len(tail) <= 4 for tail in session.scalars(select(Request.key_tail)))
