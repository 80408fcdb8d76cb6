"""I9: what was sent was agreed to by people who had no hand in it, and a planted breach is told."""

import pytest
from sqlalchemy import select, update

from holding.access.people import rename
from holding.approvals import approve
from holding.approvals.approve import Approved
from holding.db.models import Approval, Person, Posting
from holding.mappings import fixes
from holding.mappings.fixes import Fixed
from tests.holding.approvals.test_consent_law import SECOND
from tests.holding.consent import LARGE, breaches
from tests.holding.fixing import rev
from tests.holding.life import Begun
from tests.holding.shop import FILES, RULES, Shop
from tests.support.databases import unlock

LEVELS = ("approve by accounts", "approve by sales_admin")


@pytest.fixture
def shop(begun: Begun) -> Shop:
    """NS-1, made by Vera, its customer mapped by Farah, is sent when Lim and Tan have agreed."""
    life = begun({**FILES, "shop.rules": RULES + SECOND})
    shop = life.shop
    life.arrive("NS-1", customer="C-99", created_by="Vera", total="1920.00", lines=LARGE)
    with shop.database.write() as session:
        farah, now = shop.actor("farah"), shop.now
        done = fixes.fix(session, farah, "debtor", "C-99", "Chong", "new", now, rev(shop))
        assert isinstance(done, Fixed), done
    life.work()
    for name in ("lim", "tan"):
        with shop.database.write() as session:
            ids = [shop.posting(session, "NS-1").id]
            answer = approve.approve(session, shop.actor(name), ids, "seen", shop.now)
            assert isinstance(answer, Approved), answer
            assert answer.done, answer
    shop.clock.advance(1)
    life.work()
    assert life.books.effects == [("create", "NS-1")]
    return shop


def test_what_others_agreed_to_is_no_breach(shop: Shop) -> None:
    with shop.database.read() as session:
        assert breaches(shop, session) == []


@pytest.mark.parametrize("column", ["person_id", "for_person_id"])
@pytest.mark.parametrize(
    ("who", "did"),
    [
        ("farah", "fixed its mapping debtor(“C-99”)"),
        ("chan", "wrote the rules it was checked with (version 1)"),
        ("pua", "published the rules it was checked with (version 1)"),
        ("vera", "created it (according to the source)"),
        ("adam", ""),
    ],
)
def test_one_level_agreed_to_by_or_for_a_hand_in_it_is_a_breach(
    shop: Shop, who: str, did: str, column: str
) -> None:
    with shop.database.read() as session:
        unlock(session)
        given = session.scalars(select(Approval).order_by(Approval.id)).first()
        assert given
        values = {column: shop.actor(who).person_id}
        session.execute(update(Approval).where(Approval.id == given.id).values(**values))
        session.expire_all()
        told = [f"NS-1 was approved ({given.level}) by or for who {did}."] if did else []
        assert breaches(shop, session) == told
        session.rollback()


def test_who_made_it_under_another_name_is_a_breach(shop: Shop) -> None:
    with shop.database.write() as session:
        vera = session.get_one(Person, shop.actor("vera").person_id)
        vera.email = "v@kedai.my"
        rename(session, vera, "Somebody Else", shop.now)
    with shop.database.read() as session:
        unlock(session)
        given = session.scalars(select(Approval).order_by(Approval.id)).first()
        assert given
        session.execute(update(Approval).where(Approval.id == given.id).values(person_id=vera.id))
        session.expire_all()
        made = "created it (according to the source)"
        assert breaches(shop, session) == [
            f"NS-1 was approved ({given.level}) by or for who {made}."
        ]
        session.rollback()


def test_a_level_that_nobody_agreed_to_is_a_breach(shop: Shop) -> None:
    with shop.database.read() as session:
        unlock(session)
        for left, level in enumerate(reversed(LEVELS), start=1):
            session.execute(update(Approval).where(Approval.level == level).values(hash="0" * 64))
            session.expire_all()
            [told] = breaches(shop, session)
            assert told == (
                "NS-1 was sent without an approval of that content."
                if left == len(LEVELS)
                else f"NS-1 was sent without all it needed: {level}."
            )
        session.rollback()
    with shop.database.read() as session:
        assert session.scalars(select(Posting.state)).all() == ["posted"]
