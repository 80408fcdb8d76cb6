"""Each cause of the ten topics that Clearpost can see, provoked at the stand-in: the doctor's first
line is its topic, and names the cause.

Not here: what rules hold before anything is sent, and the ten one after the other
(tests/acceptance/test_doctor.py); a source that is away, and a worker that is missing
(test_preflight.py).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from holding.access.actors import SYSTEM, Actor
from holding.company.diagnosis import Diagnosis, Topic, diagnose
from holding.connections import channel as probe
from holding.connections import key_rotation
from holding.connections.channel import open_channel
from holding.connections.connections import KEEP_OLD, set_key
from holding.db.models import Person
from holding.db.refusal import Refusal
from holding.reconciliation import read_back
from rules.outcomes import Document
from tests.holding.desks import KEYS
from tests.holding.pushing import Lane
from tests.support.factories import make_person
from tests.support.postings import invoice
from tests.support.simulator import DEMO_KEY

READ_ONLY, NO_STOCK = "aia_live_readonly_2Lm5", "aia_live_nostock_8Vb7"
DISABLED, NEW = "aia_live_disabled_9Zx1", "aia_live_new_5Xc8"


def ask_target(act: str, **given: Any) -> Callable[[Lane], None]:
    return lambda lane: lane.target.control(act, **given)


def planned(fault: str, count: int = 1) -> Callable[[Lane], None]:
    return ask_target("faults", fault=fault, count=count)


def key(secret: str) -> Callable[[Lane], None]:
    """Somebody stores a key."""

    def stored(lane: Lane) -> None:
        with lane.database.write() as session:
            there = lane.connection(session).id
            made = set_key(session, SYSTEM, there, secret, now=lane.clock.now(), keys=KEYS)
            assert not isinstance(made, Refusal), made

    return stored


def settings(**given: str) -> Callable[[Lane], None]:
    """Somebody changes the settings of the connection."""

    def changed(lane: Lane) -> None:
        with lane.database.write() as session:
            connection = lane.connection(session)
            connection.settings = {**connection.settings, **given}

    return changed


def tested(lane: Lane) -> None:
    """Somebody tests the connection."""
    with lane.database.write() as session:
        there = lane.connection(session).id
        email = "ali@kedai.test"
        known = session.scalars(select(Person).where(Person.email == email)).one_or_none()
        person = (known or make_person(session, lane.company, email, "admin")).id
    actor = Actor(person, "Ali", email, lane.company.id, frozenset({"admin"}))
    probe.test_connection(lane.database, lane.clock, there, actor, http=lane.desk.http, keys=KEYS)


def looked_again(lane: Lane) -> None:
    """The hourly test of the sweeper."""
    with lane.database.read() as session:
        there = lane.connection(session).id
    probe.test_connection(lane.database, lane.clock, there, SYSTEM, http=lane.desk.http, keys=KEYS)


def sent(document: Document | None = None) -> Callable[[Lane], None]:
    """A document goes."""

    def posted(lane: Lane) -> None:
        lane.ready("IV-1", document=document or invoice("IV-1"))
        lane.work()

    return posted


def minutes(count: int) -> Callable[[Lane], None]:
    """Time passes."""

    def passed(lane: Lane) -> None:
        lane.clock.advance(60 * count)

    return passed


def read_there(lane: Lane) -> None:
    """The daily reading of what was posted."""
    lane.clock.advance(2 * 86_400)
    with lane.database.read() as session:
        channel = open_channel(session, lane.desk, lane.connection(session))
    assert not isinstance(channel, Refusal)
    assert read_back.read_due_documents(lane.desk, channel) == 1


def typed(price: str) -> Callable[[Lane], None]:
    """Somebody imports a workbook with our number beside the API."""
    return lambda lane: lane.put_there("IV-1", price=price)


def changed(**fields: str) -> Document:
    made = invoice("IV-1")
    return replace(made, fields={**made.fields, **fields})


def of_lines(**fields: str) -> Document:
    made = invoice("IV-1")
    return replace(made, lines=tuple({**line, **fields} for line in made.lines))


SEN_MORE = replace(of_lines(LineTotal="20.01"), amount=Decimal("20.01"))
"""A line total of one sen more than AiAccount works out."""
ELSEWHERE = of_lines(ClassificationCode="022")
"""What the other company takes, too: it has no usual code."""
PAUSED_THERE = ask_target("pause", key=DEMO_KEY, status="paused")

CAUSES: dict[str, tuple[Topic, tuple[Callable[[Lane], None], ...], str, str]] = {
    "the key may not write": (
        Topic.TEST,
        (key(READ_ONLY), tested),
        "“Write sales”",
        "Tick Write sales",
    ),
    "the key lacks a permission that only a document needs": (
        Topic.TEST,
        (key(NO_STOCK), sent()),
        "lacks the permission inventory.write",
        "permissions",
    ),
    "the key is unknown": (
        Topic.TEST,
        (key("aia_live_typed_wrong"), tested),
        "does not know this API key",
        "Copy",
    ),
    "the key was disabled before the new one was stored": (
        Topic.TEST,
        (key(DISABLED), sent()),
        "This API key was disabled",
        "create another key",
    ),
    "the key is disabled there": (
        Topic.TEST,
        (key(DISABLED), tested),
        "is disabled",
        "Enable it",
    ),
    "the company ID is wrong": (
        Topic.TEST,
        (settings(company_id="CMP-9"), tested),
        "reaches no company CMP-9",
        "company ID",
    ),
    "the company is another one": (
        Topic.TEST,
        (settings(company_name="Kedai Lain"), tested),
        "another company",
        "the right",
    ),
    "the way there is closed": (
        Topic.TEST,
        (settings(base_url="http://127.0.0.1:1"), tested),
        "refused the connection",
        "open the firewall",
    ),
    "the name is not known": (
        Topic.TEST,
        (settings(base_url="http://x.invalid"), tested),
        "x.invalid",
        "address",
    ),
    "the key was switched to paused there": (
        Topic.PAUSED,
        (PAUSED_THERE, tested),
        "The key is paused",
        "Make it active",
    ),
    "the key was switched to paused there, and nobody tested": (
        Topic.PAUSED,
        (tested, PAUSED_THERE, minutes(61), looked_again),
        "The key is paused",
        "Make it active",
    ),
    "what was sent is kept there, and nobody tested": (
        Topic.PAUSED,
        (PAUSED_THERE, sent()),
        "IV-1 was sent 0 min ago and is kept there",
        "active in aiaccount",
    ),
    "what was sent is kept there for long": (
        Topic.PAUSED,
        (PAUSED_THERE, sent(), minutes(11)),
        "IV-1 was sent 11 min ago and is kept there",
        "active in aiaccount",
    ),
    "it is still working on it": (
        Topic.DELAYED,
        (planned("processing_completed"), sent(), minutes(11)),
        "still working on",
        "aiaccount",
    ),
    "the plan is used up": (
        Topic.DELAYED,
        (ask_target("quota", limit=0), sent()),
        "0 of 0 documents are left",
        "larger plan",
    ),
    "lines are rounded otherwise": (
        Topic.ONE_SEN,
        (ask_target("company", rounding="sum_then_round"), tested),
        "rounds the sum only",
        "rounding",
    ),
    "a posted document comes to a sen less": (
        Topic.ONE_SEN,
        (sent(SEN_MORE),),
        "IV-1 comes to RM 20.00 there",
        "Rounding",
    ),
    "the period is locked": (
        Topic.NO_RECORDS,
        (ask_target("lock", through="2026-12-31"), sent()),
        "locked through 2026-12-31",
        "Open its group",
    ),
    "it went to another company": (
        Topic.NO_RECORDS,
        (planned("wrong_company"), sent(ELSEWHERE), read_there),
        "aiaccount accepted IV-1, but IV-1 is not there",
        "companies",
    ),
    "it was taken, and is not there": (
        Topic.NO_RECORDS,
        (planned("silent_drop"), sent(), read_there),
        "aiaccount accepted IV-1, but IV-1 is not there",
        "companies",
    ),
    "Excel import is on as well": (
        Topic.DUPLICATES,
        (ask_target("company", excel_import_enabled=True), tested),
        "Excel import is on",
        "Switch Excel import off",
    ),
    "the number is there with other content": (
        Topic.DUPLICATES,
        (typed("11.00"), sent()),
        "already there, with other content",
        "Open its group",
    ),
    "the TIN has a wrong form": (
        Topic.E_INVOICE,
        (sent(changed(CustomerTIN="C25")),),
        "TIN C25 has a wrong format",
        "Open its group",
    ),
    "the classification code is missing": (
        Topic.E_INVOICE,
        (settings(company_id="CMP-2001"), sent()),
        "No classification code",
        "Open its group",
    ),
    "the buyer's details are missing above RM 10,000": (
        Topic.E_INVOICE,
        (sent(invoice("IV-1", price="6000.00")),),
        "Above RM 10,000",
        "Open",
    ),
    "the key was changed": (
        Topic.ROTATION,
        (ask_target("issue", key=NEW), key(NEW), tested),
        "kept until",
        "disabled in aiaccount",
    ),
}
"""Cause -> its topic, how it comes about, a word of what shows it, a word of the next step."""


def told(lane: Lane) -> tuple[Diagnosis, ...]:
    with lane.database.read() as session:
        return diagnose(session, lane.connection(session).id, lane.clock.now())


@pytest.mark.parametrize("cause", CAUSES)
def test_H14_the_first_line_names_the_cause(lane: Lane, cause: str) -> None:
    topic, comes, shown, todo = CAUSES[cause]
    tested(lane)
    assert told(lane) == ()
    for step in comes:
        step(lane)
    first, *_ = told(lane)
    assert first.topic == topic
    assert shown in first.words
    assert todo in first.todo


def test_the_same_key_again_is_no_rotation(lane: Lane) -> None:
    """The key to disable would be the one in use."""
    tested(lane)
    key(DEMO_KEY)(lane)
    tested(lane)
    assert told(lane) == ()


def test_a_replaced_key_is_kept_until_a_day_of_the_company(lane: Lane) -> None:
    """Seven days after 17:00 UTC it is the next day already in Malaysia."""
    tested(lane)
    evening = lane.clock.now().replace(hour=17, minute=0) + timedelta(days=1)
    lane.clock.advance((evening - lane.clock.now()).total_seconds())
    ask_target("issue", key=NEW)(lane)
    key(NEW)(lane)
    tested(lane)
    day = (evening + KEEP_OLD + timedelta(days=1)).date().isoformat()
    (rotation,) = [one for one in told(lane) if one.topic == Topic.ROTATION]
    assert day in rotation.words
    assert day in rotation.todo


def test_a_permission_that_was_given_again_leaves_no_key_to_disable(lane: Lane) -> None:
    """QuickBooks has no keys that people disable: connecting again ends the earlier permission."""
    tested(lane)
    ask_target("issue", key=NEW)(lane)
    key(NEW)(lane)
    tested(lane)
    assert [one.topic for one in told(lane)] == [Topic.ROTATION]
    with lane.database.write() as session:
        lane.connection(session).connector = "quickbooks"
    assert Topic.ROTATION not in [one.topic for one in told(lane)]


def test_a_paused_key_is_told_once_and_tested_at_once(lane: Lane) -> None:
    """The call itself says it, before any test; the page gets it from the test that is due then."""
    tested(lane)
    PAUSED_THERE(lane)
    lane.clock.advance(120)
    sent()(lane)
    assert [one.topic for one in told(lane)] == [Topic.PAUSED]
    with lane.database.read() as session:
        there = lane.connection(session).id
        assert probe.to_refresh(session, lane.clock.now()) == (there,)
    looked_again(lane)
    with lane.database.read() as session:
        assert "key.inactive" in {step["code"] for step in lane.connection(session).test_steps}
    lane.clock.advance(30)
    lane.ready("IV-2", document=invoice("IV-2"))
    lane.work()
    with lane.database.read() as session:
        assert probe.to_refresh(session, lane.clock.now()) == (), "once a minute at most"


def test_a_key_that_is_active_again_is_not_told_as_paused(lane: Lane) -> None:
    """A test after the call has the last word, though what was kept is not done yet."""
    tested(lane)
    PAUSED_THERE(lane)
    sent()(lane)
    lane.clock.advance(1)
    ask_target("pause", key=DEMO_KEY, status="active")(lane)
    tested(lane)
    assert told(lane) == ()
    minutes(11)(lane)
    assert [one.topic for one in told(lane)] == [Topic.DELAYED]


def test_what_is_kept_for_long_is_paused_and_not_delayed_until_it_ran(lane: Lane) -> None:
    tested(lane)
    PAUSED_THERE(lane)
    sent()(lane)
    minutes(11)(lane)
    assert [one.topic for one in told(lane)] == [Topic.PAUSED]
    ask_target("pause", key=DEMO_KEY, status="active")(lane)
    lane.settle(minutes=2)
    assert told(lane) == ()


def test_what_a_refused_file_said_before_says_nothing_of_what_is_kept_now(lane: Lane) -> None:
    """A document that is still being worked on there is no sign of a paused key."""
    tested(lane)
    planned("processing_completed")(lane)
    lane.clock.advance(120)
    sent()(lane)
    assert told(lane) == ()
    with lane.database.read() as session:
        assert probe.to_refresh(session, lane.clock.now()) == (), "nor a reason to test"


def test_H14_every_topic_that_a_target_can_bring_about_has_a_cause() -> None:
    """Stock and accounts are of mappings alone: no target tells of them."""
    assert {topic for topic, *_ in CAUSES.values()} == {*Topic} - {Topic.STOCK, Topic.ACCOUNT}


def test_a_key_in_use_again_is_no_replaced_key(lane: Lane) -> None:
    """Neither is one that never worked: nobody has to disable it."""
    tested(lane)
    key("aia_live_typed_wrong")(lane)
    sent()(lane)
    key(DEMO_KEY)(lane)
    tested(lane)
    assert [one for one in told(lane) if one.topic == Topic.ROTATION] == []


def test_the_key_in_use_may_be_stored_and_tested_once_more(lane: Lane) -> None:
    tested(lane)
    with lane.database.write() as session:
        there = lane.connection(session).id
        key_rotation.add_key(session, SYSTEM, there, DEMO_KEY, now=lane.clock.now(), keys=KEYS)
    report = key_rotation.try_key(
        lane.database, lane.clock, there, SYSTEM, http=lane.desk.http, keys=KEYS
    )
    assert not isinstance(report, Refusal)
    assert report.ok
    with lane.database.read() as session:
        [row] = key_rotation.list_keys(session, there)
    assert row.in_use
    assert [one for one in told(lane) if one.topic == Topic.ROTATION] == []
