"""What stands in the target is read on a plan, and what differs is told by whose field it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.contract import Found, Kept
from holding.access.actors import SYSTEM
from holding.connections import breaker
from holding.connections.connections import pause, resume
from holding.db.models import Connection, Hold, Posting, Reading
from holding.holds.holds import Done
from holding.holds.releases import release
from holding.reconciliation.reading_plan import companies_to_read, next_reading
from tests.holding.held import hold_of
from tests.holding.life import LARGE, SMALL, Life
from tests.holding.posting import test_autocount_life
from tests.holding.posting.test_autocount_life import control, effects, life, running

__all__ = ["life", "running"]  # fixtures
DAY = 24 * 3600
OWNED = "    they own Remark1\n    we own  the rest  else review by accounts\n"
CANCEL = """on cancel of order for autocount.invoice
    | e_invoice_age | do          |
    | <= 72h        | void        |
    | > 72h         | credit note |
"""


def rules() -> dict[str, str]:
    """Their remark is theirs; a cancel asks for the age of the e-invoice."""
    files = test_autocount_life.rules()
    text = files["shop.rules"]
    before, after = text.split("on cancel of order for autocount.invoice")
    text = before + CANCEL + after[after.index("\npost order to autocount.credit_note") :]
    text = text.replace("    we own  the rest  else review by accounts\n", OWNED, 1)
    text = text.replace('        = "HQ"\n', '        = "HQ"\n    Remark1         = "Web shop"\n', 1)
    return files | {"shop.rules": text}


@pytest.fixture
def watched(life: Life) -> Life:
    """A-1 is posted, and was read back a minute later."""
    life.shop.publish(rules())
    life.arrive("A-1")
    later(life, 60)
    assert [(r.kind, r.same) for r in readings(life)] == [("standing", True)]
    return life


def later(life: Life, seconds: float) -> None:
    life.shop.clock.advance(seconds)
    life.work()


def readings(life: Life) -> list[Reading]:
    with life.shop.database.read() as session:
        return list(session.scalars(select(Reading).order_by(Reading.id)))


def by_hand(life: Life, **given: Any) -> None:
    control(life, "by_hand", number="A-1-1", **given)
    later(life, DAY)


@pytest.mark.slow
def test_what_is_ours_is_a_finding_once_and_what_is_theirs_is_noted(watched: Life) -> None:
    by_hand(watched, master={"remark1": "Gift"})
    assert watched.held("A-1") == []
    by_hand(watched, details=[{"unitPrice": 2.5}])
    assert watched.held("A-1") == ["STL03"]
    later(watched, DAY)
    assert watched.held("A-1") == ["STL03"]
    assert len(readings(watched)) == 3
    told = watched.told("posting.read")
    assert ["remark1 is Gift" in told[0], "unitPrice of line 1 is 2.50" in told[1]] == [True] * 2
    by_hand(watched, details=[{"unitPrice": 2.4}])
    assert watched.held("A-1") == []
    with watched.shop.database.read() as session:
        [why] = session.scalars(select(Hold.closed_why).where(Hold.code == "STL03"))
    assert why == "the accounting system shows what the record says"
    assert watched.shop.states() == {"A-1": "posted"}


@pytest.mark.slow
def test_T01d_a_further_change_there_can_be_released_again(watched: Life) -> None:
    for price in (2.5, 2.6):
        by_hand(watched, details=[{"unitPrice": price}])
        assert watched.held("A-1") == ["STL03"]
        wanted = hold_of(watched.shop, "A-1").id
        with watched.shop.database.write() as session:
            lim = watched.shop.actor("lim")
            assert isinstance(release(session, lim, wanted, "Agreed", watched.shop.now), Done)
        watched.work()
        assert watched.held("A-1") == []


def test_an_update_leaves_alone_what_is_theirs(watched: Life) -> None:
    by_hand(watched, master={"remark1": "Gift"})
    watched.arrive("A-1", **SMALL)
    assert effects(watched) == [("created", "A-1-1"), ("updated", "A-1-1")]
    control(watched, "by_hand", number="A-1-1")
    stands = watched.books.ledger()[-1]["stands"]  # type: ignore[attr-defined]
    assert '"remark1": "Gift"' in stands.replace('":"', '": "')
    assert watched.held("A-1") == []


def test_edits_on_both_sides_are_two_findings(watched: Life) -> None:
    by_hand(watched, details=[{"description": "Tea, gift"}])
    watched.arrive("A-1", **LARGE)
    later(watched, DAY)
    assert watched.held("A-1") == ["STL03"]
    assert effects(watched) == [("created", "A-1-1")]  # what was changed there is not taken back


def test_what_is_gone_or_void_is_a_finding(watched: Life) -> None:
    by_hand(watched, cancelled=True)
    with watched.shop.database.read() as session:
        (hold,) = watched.shop.holds(session, "A-1")
        assert (hold.code, hold.error_class) == ("STL03", "stale_version")
    control(watched, "reset")
    later(watched, DAY)
    with watched.shop.database.read() as session:
        (hold,) = watched.shop.holds(session, "A-1")
        assert (hold.code, hold.error_class) == ("TGT14", "uncertain")


def test_the_age_of_the_e_invoice_comes_from_the_target(watched: Life) -> None:
    now = watched.shop.clock.now()
    valid = (now + timedelta(hours=8)).replace(tzinfo=None).isoformat()
    control(watched, "by_hand", number="A-1-1", master={"eInvoiceValidatedTimeStamp": valid})
    watched.shop.clock.advance(72 * 3600 - 120)
    watched.arrive("A-1", status="cancelled")
    assert effects(watched)[1:] == [("voided", "A-1-1")]


def test_nothing_is_read_of_a_paused_target_nor_for_ever(watched: Life) -> None:
    shop = watched.shop
    with shop.database.write() as session:
        session.execute(update(Posting).values(read_due_at=shop.now))
        assert companies_to_read(session, shop.now) == (shop.company.id,)
        connection = session.scalars(select(Connection).where(Connection.name == "autocount")).one()
        pause(session, SYSTEM, connection.id, "Month end", now=shop.now)
        assert companies_to_read(session, shop.now) == ()
        resume(session, SYSTEM, connection.id, now=shop.now)
    later(watched, 31 * DAY)
    with shop.database.read() as session:
        assert shop.posting(session, "A-1").read_due_at is None


@pytest.mark.parametrize(
    ("found", "edits"),
    [
        (Found(kind="equal", words=""), []),
        (Found(kind="absent", words=""), []),
        (Found(kind="different", words="", void=True), [(None, "document", "void")]),
        (Found(kind="different", words="2 of them"), [(None, "document", "2 of them")]),
        (
            Found(kind="different", words="", differs=(Kept(0, "", "1"), Kept(2, "Qty", "3"))),
            [(None, "lines", "1"), (2, "Qty", "3")],
        ),
    ],
)
def test_a_reading_as_facts(found: Found, edits: list[tuple[int | None, str, str]]) -> None:
    body = breaker.body_of(found)
    told = breaker.edits("books.invoice", 2, body)
    assert [(one.line, one.field, one.shows) for one in told] == edits
    assert {(one.route, one.seq) for one in told} <= {("books.invoice", 2)}
    assert breaker.covers(body, found)


def test_the_plan_is_daily_for_thirty_days_and_sooner_for_what_is_missing() -> None:
    posted = datetime(2026, 11, 1, tzinfo=UTC)
    minute = timedelta(minutes=1)
    assert next_reading(posted, posted + minute, there=True) == posted + minute + timedelta(days=1)
    assert next_reading(posted, posted + minute, there=False) == posted + 6 * minute
    day = posted + timedelta(days=2)
    assert next_reading(posted, day, there=False) == day + timedelta(days=1)
    assert next_reading(posted, posted + timedelta(days=29, hours=1), there=True) is None
