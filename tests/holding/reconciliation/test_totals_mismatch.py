"""A document that was taken after a retry and shows another total is held until it is right."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import Found, Kept
from holding.connections.channel import Channel, open_channel
from holding.db.models import Cause, Hold
from holding.holds import undo
from holding.holds.holds import Done
from holding.holds.releases import release
from holding.reconciliation import counted_documents, document_sides
from holding.reconciliation.compared_documents import Span, Standing
from holding.reconciliation.counted_documents import Documents, load_documents
from holding.reconciliation.manual_entries import look_again
from holding.reconciliation.read_back import SHOWN_AGAIN, Seen, update_holds
from tests.holding.life import Life
from tests.holding.posting import test_autocount_life
from tests.holding.posting.test_autocount_life import control, effects, life, running
from tests.support.factories import connection_named

__all__ = ["life", "running"]  # fixtures
DAY = 24 * 3600
ON_SQLITE = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)
IGNORED = ("we own  the rest  else review by accounts", "we own  the rest  else ignore")


def post(life: Life, *, faults: list[str], **there: Any) -> None:
    """A-1 is posted, changed in the target at once where told, then read for the first time."""
    if faults:
        control(life, "faults", plan=faults)
    life.arrive("A-1")
    for _ in range(9):
        if life.shop.states()["A-1"] == "posted":
            break
        later(life, 600)
    assert life.shop.states()["A-1"] == "posted"
    if there:
        control(life, "by_hand", number="A-1-1", **there)
    later(life, 60)


def later(life: Life, seconds: float) -> None:
    life.shop.clock.advance(seconds)
    life.work()


def mismatches(life: Life) -> list[Hold]:
    with life.shop.database.read() as session:
        query = select(Hold).where(Hold.code == "TGT07").order_by(Hold.id)
        return list(session.scalars(query))


def standings(life: Life) -> list[Standing]:
    """Where the documents stand that differ; another company has none."""
    span = Span(date(2026, 11, 1), date(2026, 11, 30))
    with life.shop.database.read() as session:
        company = life.shop.company.id
        assert load_documents(session, company + 1, span) == Documents((), (), ())
        rows = load_documents(session, company, span).rows
        return list(counted_documents.document_standings(session, rows).values())


@pytest.mark.slow
def test_it_is_held_once_and_ends_when_the_total_is_right(life: Life) -> None:
    post(life, faults=["timeout_before"], details=[{"unitPrice": 2.5}])
    (hold,) = mismatches(life)
    assert hold.message.replace("\u00a0", " ") == (
        "A-1-1 was sent 2 times before autocount took it. It shows RM 200.00 there and was sent"
        f" with RM 192.00. The invoice total of {hold.doc_date} is RM 8.00 too high there."
    )
    assert (hold.rule, hold.error_class, hold.state) == ("totals_mismatch", "stale_version", "open")
    with life.shop.database.read() as session:
        cause = session.get_one(Cause, hold.cause_id)
        named = f"Invoice totals of {hold.doc_date} differ in autocount"
        assert (cause.label, cause.records) == (named, 1)
    assert life.shop.states() == {"A-1": "held"}
    control(life, "by_hand", number="A-1-1", details=[{"unitPrice": 2.6}])
    later(life, DAY)
    assert [(one.id, one.state) for one in mismatches(life)] == [(hold.id, "open")]
    control(life, "by_hand", number="A-1-1", details=[{"unitPrice": 2.4}])
    with life.shop.database.write() as session:
        lim, now = life.shop.actor("lim"), life.shop.now
        assert isinstance(look_again(session, lim, hold.id, "Put right there", now), Done)
    life.work()
    assert standings(life) == []
    with life.shop.database.read() as session:
        company, span = life.shop.company.id, Span(date(2026, 11, 1), date(2026, 11, 30))
        (found,) = load_documents(session, company, span).agreeing
        assert (found.count, found.minor, type(found.minor)) == (1, 19200, int)
        assert document_sides.count_without_document(session, company, span) == ()
        assert document_sides.newest_day(session, company) == found.day
    assert [one.state for one in mismatches(life)] == ["cleared"]
    assert life.shop.states() == {"A-1": "posted"}
    assert effects(life) == [("created", "A-1-1")]


@ON_SQLITE
@pytest.mark.parametrize("differs", [(), (Kept(0, "Total", "n/a"),), (Kept(0, "Total", "200.00"),)])
def test_it_stays_open_while_nobody_can_say_what_is_shown(
    life: Life, differs: tuple[Kept, ...]
) -> None:
    """Two documents of the number exist there, or what is shown is no amount."""
    post(life, faults=["timeout_before"], details=[{"unitPrice": 2.5}])

    def read(found: Found) -> list[str]:
        with life.shop.database.write() as session:
            target = connection_named(session, life.shop.company, "autocount")
            channel = open_channel(session, life.desk, target)
            assert isinstance(channel, Channel)
            seen = Seen(life.shop.posting(session, "A-1"), found, agreed=False)
            total = channel.total_field(seen.posting.doc_type) or ""
            found = replace(found, differs=tuple(replace(k, field=total) for k in found.differs))
            update_holds(session, channel, [replace(seen, found=found)], life.shop.now)
        return [one.state for one in mismatches(life)]

    assert read(Found(kind="different", words="", differs=differs)) == ["open"]
    right = Found(kind="different", words="", differs=(Kept(0, "Total", "192.00"),))
    assert read(right) == ["cleared"]
    assert [one.closed_why for one in mismatches(life)] == [SHOWN_AGAIN]


@pytest.mark.slow
def test_a_release_lets_it_stand_until_it_changes_again(life: Life) -> None:
    post(life, faults=["timeout_before"], details=[{"unitPrice": 2.5}])
    for code in ("TGT07", "STL03"):
        with life.shop.database.read() as session:
            wanted = next(h.id for h in life.shop.holds(session, "A-1") if h.code == code)
        with life.shop.database.write() as session:
            lim = life.shop.actor("lim")
            assert isinstance(release(session, lim, wanted, "Agreed", life.shop.now), Done)
        life.work()
    assert standings(life) == [Standing.ACCEPTED]
    later(life, DAY)
    assert [one.state for one in mismatches(life)] == ["released"]
    assert life.shop.states() == {"A-1": "posted"}
    control(life, "by_hand", number="A-1-1", details=[{"unitPrice": 2.6}])
    later(life, DAY)
    assert standings(life) == [Standing.UNEXPLAINED], "it was released as it was seen then"


@pytest.mark.slow
def test_a_release_that_is_taken_back_leaves_it_held(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(life, faults=["timeout_before"], details=[{"unitPrice": 2.5}])
    (first,) = mismatches(life)
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    with life.shop.database.write() as session:
        lim = life.shop.actor("lim")
        made = release(session, lim, first.id, "Agreed", life.shop.now, "form-1")
        assert isinstance(made, Done), made
    with life.shop.database.write() as session:
        assert isinstance(undo.undo(session, lim, "form-1", life.shop.now), undo.Undone)
    for _ in range(2):
        found = mismatches(life)
        assert [one.state for one in found] == ["released", "open"]
        assert found[1].message == first.message
        with life.shop.database.read() as session:
            assert session.get_one(Cause, first.cause_id).records == 1
        assert life.shop.states() == {"A-1": "held"}
        later(life, DAY)
    control(life, "by_hand", number="A-1-1", details=[{"unitPrice": 2.4}])
    later(life, DAY)
    assert [one.state for one in mismatches(life)] == ["released", "cleared"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("faults", "there"),
    [([], {"details": [{"unitPrice": 2.5}]}), (["timeout_before"], {}),
     (["timeout_before"], {"details": [{"description": "Tea, gift"}]})],
)  # fmt: skip
def test_only_another_total_after_a_retry_is_escalated(
    life: Life, faults: list[str], there: dict[str, Any]
) -> None:
    post(life, faults=faults, **there)
    assert mismatches(life) == []


@ON_SQLITE
def test_what_is_changed_there_after_it_agreed_is_no_matter_of_the_retry(life: Life) -> None:
    post(life, faults=["timeout_before"])
    control(life, "by_hand", number="A-1-1", details=[{"unitPrice": 2.5}])
    later(life, DAY)
    assert life.held("A-1") == ["STL03"]


@pytest.mark.slow
@ON_SQLITE
def test_it_is_held_although_the_rules_ignore_what_is_changed_there(life: Life) -> None:
    files = test_autocount_life.rules()
    life.shop.publish(files | {"shop.rules": files["shop.rules"].replace(*IGNORED, 1)})
    post(life, faults=["timeout_before"], details=[{"unitPrice": 2.5}])
    assert life.held("A-1") == ["TGT07"]
