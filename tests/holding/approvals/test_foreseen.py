"""What an approval comes to is told before it is given, and comes so."""

import pytest

from holding.access.actors import Actor
from holding.approvals.approve import Approved
from holding.approvals.candidates import Foreseen, foresee
from holding.db.database import Database
from holding.db.models import Company
from tests.holding.approvals.test_consent_hands import with_role
from tests.holding.consent import ASKING, LARGE, approve, ids, large_shop
from tests.holding.shop import FILES, Shop, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return large_shop(database, company, clock)


def foreseen(shop: Shop, who: str | Actor, *numbers: str) -> Foreseen:
    actor = shop.actor(who) if isinstance(who, str) else who
    with shop.database.read() as session:
        return foresee(session, actor, ids(shop, *numbers))


def test_what_nothing_else_holds_will_be_posted(shop: Shop) -> None:
    assert foreseen(shop, "lim", "NS-1", "NS-2") == Foreseen({}, {})


def test_what_is_held_for_another_cause_stays_and_so_it_comes(shop: Shop) -> None:
    shop.publish({**FILES, "shop.rules": ASKING})
    channels = {"NS-6": "phone", "NS-7": "web"}
    for number, channel in channels.items():
        shop.receive(order(number, total="1920.00", lines=LARGE, channel=channel))
    shop.judge()
    other, first = ids(shop, *channels)
    found = foreseen(shop, "lim", *channels)
    assert found.refused == {}
    assert list(found.stays) == [other]
    assert "came by" in found.stays[other]
    answer = approve(shop, *channels)
    assert isinstance(answer, Approved)
    assert set(answer.done) == {first, other}
    assert shop.states()["NS-6"] == "held"
    assert shop.states()["NS-7"] == "ready"


def test_what_this_person_cannot_approve_is_told_with_who_can(shop: Shop) -> None:
    vera = with_role(shop, "vera", "approver", team=False)
    (first,) = ids(shop, "NS-1")
    found = foreseen(shop, vera, "NS-1")
    assert found.refused == {
        first: "you are not in the team that approves it; Lim or Tan can approve"
    }
    assert found.stays == {}


def test_documents_that_are_not_there_are_refused(shop: Shop) -> None:
    with shop.database.read() as session:
        assert foresee(session, shop.actor("lim"), [987_654]).refused == {
            987_654: "there is no such posting"
        }
