"""Approvals of what changes, or takes back, a document that stands in the target."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access import actors, people
from holding.approvals import approve as approvals_approve
from holding.approvals.approve import Approved
from holding.db.models import Approval, Hold, MappingEntry, Posting, Push
from holding.holds import releases
from holding.holds.holds import Done
from holding.mappings import fixes
from holding.mappings.fixes import Fixed
from holding.mappings.reclassification import find_contradictions, saved_change
from tests.holding.consent import why_not
from tests.holding.fixing import rev
from tests.holding.life import NUMBERED, SMALL, TABLES, Begun, Life
from tests.holding.shop import FILES, Shop, line

TAKING_BACK = """
approve order for aiaccount.credit_note
    by       accounts
    never    created_by
    say      "The document of {number} is taken back."
"""
BIG = {"total": "1920.00", "lines": [line(qty="20")]}


@pytest.fixture
def life(begun: Begun) -> Life:
    """Lim and Tan approve, and so may Farah, who maps."""
    life = begun(FILES | {"shop.rules": NUMBERED + TABLES})
    shop = life.shop
    with shop.database.write() as session:
        who = {"company_id": shop.company.id, "person_id": shop.actor("farah").person_id or 0}
        people.add_membership(session, **who, role="approver", actor=actors.SYSTEM, now=shop.now)
        people.add_to_team(session, **who, name="accounts")
        actor = actors.actor_of(session, who["person_id"], shop.company.id)
        assert actor
        shop.actors["farah"] = actor
    return life


def approve(shop: Shop, who: str, *numbers: str) -> Approved:
    with shop.database.write() as session:
        ids = list(session.scalars(select(Posting.id).where(Posting.number.in_(numbers))))
        answer = approvals_approve.approve(session, shop.actor(who), ids, "Agreed", shop.now)
    assert isinstance(answer, Approved), answer
    return answer


def fix(shop: Shop, value: str) -> Fixed:
    with shop.database.write() as session:
        now, farah = shop.now, shop.actor("farah")
        at = rev(shop)
        done = fixes.fix(session, farah, "debtor", "C-99", value, "new", now, at)
    assert isinstance(done, Fixed), done
    return done


def asked(session: Session) -> set[str]:
    """The documents on which somebody is asked to agree."""
    held = select(Posting.number).join(Hold, Hold.posting_id == Posting.id)
    return set(session.scalars(held.where(Hold.state == "open", Hold.code == "APP01")))


def test_who_mapped_what_an_update_needs_does_not_approve_it(life: Life) -> None:
    shop = life.shop
    shop.publish(FILES | {"shop.rules": NUMBERED + TABLES.replace("500.00 ", "9500.00")})
    life.arrive("A-1")
    life.arrive("A-1", customer="C-99", **BIG)
    fix(shop, "Chong")
    life.work()
    assert life.held("A-1") == ["APP01"]
    assert why_not(approve(shop, "farah", "A-1-1")) == [
        "you fixed its mapping debtor(“C-99”); Lim or Tan can approve"
    ]
    assert approve(shop, "lim", "A-1-1").ready
    life.work()
    assert life.books.effects == [("create", "A-1-1"), ("update", "A-1-1")]
    with shop.database.read() as session:
        later = session.scalars(select(MappingEntry.to_revision)).all()
    assert set(later) == {None}
    done = fix(shop, "Cheong")
    with shop.database.read() as session:
        change = saved_change(session, shop.company.id, done.revision)
        assert change
        found = find_contradictions(session, change)
        assert [(one.number, one.moved[0].after) for one in found.documents] == [
            ("A-1-1", "Cheong")
        ]


@pytest.fixture
def credited(life: Life) -> Life:
    """A-1 is posted, and changed so much that a credit note and a new document take its place."""
    rules = NUMBERED + TABLES + TAKING_BACK
    life.shop.publish(FILES | {"shop.rules": rules})
    life.arrive("A-1")
    life.arrive("A-1", created_by="Tan", **BIG)
    return life


def test_a_credit_note_and_a_new_document_are_agreed_to_each_for_itself(credited: Life) -> None:
    life, shop = credited, credited.shop
    with shop.database.read() as session:
        assert asked(session) == {"CN-A-1-1", "A-1-2"}
    assert len(approve(shop, "lim", "A-1-2").done) == 1
    life.work()
    assert life.books.effects == [("create", "A-1-1")]
    assert len(approve(shop, "lim", "CN-A-1-1").done) == 1
    life.work()
    assert life.books.effects == [("create", "A-1-1"), ("create", "CN-A-1-1"), ("create", "A-1-2")]
    with shop.database.read() as session:
        agreed = select(Push.number, Approval.hash == Push.hash).join(
            Approval, Approval.posting_id == Push.posting_id
        )
        assert set(session.execute(agreed)) == {("CN-A-1-1", True), ("A-1-2", True)}


def test_who_rejects_taking_back_rejects_what_comes_in_its_place(credited: Life) -> None:
    life, shop = credited, credited.shop
    with shop.database.write() as session:
        hold = select(Hold).join(Posting, Posting.id == Hold.posting_id)
        open_ones = hold.where(Posting.number == "CN-A-1-1", Hold.state == "open")
        hold_id = session.scalars(open_ones).one().id
        done = releases.reject(session, shop.actor("lim"), hold_id, "agreed by phone", shop.now)
    assert isinstance(done, Done), done
    assert len(approve(shop, "farah", "A-1-2").done) == 1
    life.work()
    assert life.held("A-1") == []
    assert life.books.effects == [("create", "A-1-1")]
    with shop.database.read() as session:
        states = select(Posting.number, Posting.state, Posting.reason)
        assert set(session.execute(states)) == {
            ("A-1-1", "posted", "ready"),
            ("CN-A-1-1", "ignored", "rejected: agreed by phone"),
            ("A-1-2", "ignored", "rejected: agreed by phone"),
        }


def test_who_is_never_to_agree_to_taking_back_does_not(credited: Life) -> None:
    assert why_not(approve(credited.shop, "tan", "CN-A-1-1")) == [
        "you created it (according to the source); Farah or Lim can approve"
    ]


def test_a_credit_note_is_not_sent_where_its_approval_is_gone(credited: Life) -> None:
    life, shop = credited, credited.shop
    approve(shop, "lim", "A-1-2", "CN-A-1-1")
    shop.judge()
    with shop.database.write() as session:
        one = select(Approval).join(Posting, Posting.id == Approval.posting_id)
        found = session.scalars(one.where(Posting.number == "CN-A-1-1")).one()
        found.voided_at, found.voided_fields = shop.now, []
    life.work()
    assert life.books.effects == [("create", "A-1-1")]
    assert "PSH02" in life.held("A-1")


def test_a_document_made_void_is_agreed_to_as_well(credited: Life) -> None:
    life, shop = credited, credited.shop
    life.arrive("A-2", **SMALL)
    life.arrive("A-2", status="cancelled", **SMALL)
    with shop.database.read() as session:
        assert asked(session) == {"CN-A-1-1", "A-1-2", "A-2-1"}
    approve(shop, "lim", "A-2-1")
    life.work()
    assert life.books.effects[-1] == ("void", "A-2-1")
