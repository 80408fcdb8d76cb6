import pytest
from sqlalchemy import func, select

from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Cause, Company, Event, Hold, Record, Release, Team, TeamMember
from holding.db.refusal import Refusal
from holding.holds import assignments, releases
from holding.holds.holds import Done
from rules.values.canonical import PostingState
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.databases import any_move


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 does not add up (accounts may release it); NS-2 has an unknown item."""
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(order("NS-1", total="190.00"), order("NS-2", lines=[line(sku="AB-1", uom="PCS")]))
    shop.judge()
    assert shop.states() == {"NS-1": "held", "NS-2": "held"}
    return shop


def hold_id(shop: Shop, number: str) -> int:
    with shop.database.read() as session:
        return shop.holds(session, number)[0].id


def release(
    shop: Shop, number: str, *, who: str = "lim", reason: str = "agreed", op: str | None = None
) -> Done | Refusal:
    wanted = hold_id(shop, number)
    with shop.database.write() as session:
        return releases.release(session, shop.actor(who), wanted, reason, shop.now, op)


def reject(shop: Shop, number: str, *, who: str = "lim") -> Done | Refusal:
    wanted = hold_id(shop, number)
    with shop.database.write() as session:
        return releases.reject(session, shop.actor(who), wanted, "a test order", shop.now)


def test_a_release_lets_this_content_go(shop: Shop) -> None:
    done = release(shop, "NS-1")
    assert isinstance(done, Done)
    assert done.say == "Lim released NS-1 (adds up): agreed"
    with shop.database.read() as session:
        record = shop.record(session, "NS-1")
        assert record.due_at == shop.now
        hold = session.get_one(Hold, done.hold_id)
        assert (hold.state, hold.closed_why) == ("released", "agreed")
        assert hold.closed_by_id == shop.actor("lim").person_id
        cause = session.get_one(Cause, hold.cause_id)
        assert (cause.records, cause.book) == (0, 0)
    shop.judge()
    assert shop.states()["NS-1"] == "ready"


def test_a_release_before_the_hour_of_a_daily_route_waits_for_the_hour(shop: Shop) -> None:
    daily = RULES.replace("    immediately\n", "    daily    at 02:00 by ordered_on\n")
    shop.publish({**FILES, "shop.rules": daily})
    stamp = shop.now.isoformat()
    shop.receive(order("NS-1", total="190.00", ordered_on="2026-11-20", updated_at=stamp))
    shop.judge()
    release(shop, "NS-1")
    shop.judge()
    with shop.database.read() as session:
        posting = shop.posting(session, "NS-1")
        assert (posting.state, posting.waits) == ("waiting", "hour")
    shop.clock.advance(24 * 3600)
    shop.judge()
    assert shop.states()["NS-1"] == "ready"


def test_a_new_version_forgets_the_release(shop: Shop) -> None:
    release(shop, "NS-1")
    shop.judge()
    shop.clock.advance(60)
    shop.receive(order("NS-1", total="191.00", updated_at="2026-11-19T00:00:00Z"))
    shop.judge()
    assert shop.states()["NS-1"] == "held"


def test_what_only_a_change_clears_is_not_released(shop: Shop) -> None:
    refusal = release(shop, "NS-2")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "hold.clears_itself"
    assert "AB-1" in refusal.hint
    assert shop.states()["NS-2"] == "held"


@pytest.mark.parametrize("who", ["farah", "vera", "chan", "pua", "adam"])
def test_only_an_approver_releases(shop: Shop, who: str) -> None:
    refusal = release(shop, "NS-1", who=who)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 403
    assert refusal.hint == "Lim or Tan can."


def test_only_the_team_of_the_rule_releases(shop: Shop) -> None:
    with shop.database.write() as session:
        team = session.scalars(select(Team).where(Team.name == "accounts")).one()
        member = session.get_one(TeamMember, (team.id, shop.actor("lim").person_id))
        session.delete(member)
    refusal = release(shop, "NS-1")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.hint) == ("hold.team", "Tan can release it.")


def test_a_release_needs_a_reason(shop: Shop) -> None:
    refusal = release(shop, "NS-1", reason=" ")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "reason.missing"


def test_a_second_click_gets_the_first_answer(shop: Shop) -> None:
    wanted = hold_id(shop, "NS-1")
    answers = []
    for _ in range(2):
        with shop.database.write() as session:
            answers.append(
                releases.release(session, shop.actor("lim"), wanted, "agreed", shop.now, "form-1")
            )
    assert isinstance(answers[0], Done)
    assert answers[0] == answers[1]
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Release)) == 1
        acts = session.scalars(select(Event.act).where(Event.act == "hold.released")).all()
        assert len(acts) == 1


def test_who_comes_second_hears_that_it_is_done(shop: Shop) -> None:
    wanted = hold_id(shop, "NS-1")
    release(shop, "NS-1")
    with shop.database.write() as session:
        refusal = releases.release(session, shop.actor("tan"), wanted, "me too", shop.now)
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.status) == ("hold.closed", 409)
        assert "already released: agreed" in refusal.message


def test_a_hold_of_another_company_does_not_exist(shop: Shop) -> None:
    wanted = hold_id(shop, "NS-1")
    stranger = Actor(
        shop.actor("lim").person_id,
        "Lim",
        "lim@kedai.my",
        shop.company.id + 1,
        frozenset({"approver"}),
    )
    with shop.database.write() as session:
        refusal = releases.release(session, stranger, wanted, "agreed", shop.now)
        assert isinstance(refusal, Refusal)
        assert refusal == Refusal("hold.unknown", "There is no such hold.", status=404)


def test_who_published_the_rules_does_not_release(shop: Shop) -> None:
    pua = shop.actor("pua")
    both = Actor(
        pua.person_id, "Pua", pua.email, shop.company.id, frozenset({"approver", "publisher"})
    )
    with shop.database.write() as session:
        wanted = shop.holds(session, "NS-1")[0]
        holds_team = wanted.team_id or 0
        session.add(TeamMember(team_id=holds_team, person_id=pua.person_id or 0))
        session.flush()
        refusal = releases.release(session, both, wanted.id, "agreed", shop.now)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "hold.own_hand"
        assert refusal.message.startswith("You published the rules")
        assert refusal.hint == "Lim or Tan can."


def test_a_rejected_record_is_ignored_with_the_reason_until_it_changes(shop: Shop) -> None:
    done = reject(shop, "NS-2")
    assert isinstance(done, Done)
    assert shop.states()["NS-2"] == "ignored"
    with shop.database.read() as session:
        posting = shop.posting(session, "NS-2")
        assert posting.reason == "rejected by Lim: a test order"
        assert shop.holds(session, "NS-2") == []
    assert shop.publish().woken == len(shop.states())
    shop.judge()
    assert shop.states()["NS-2"] == "ignored"
    shop.clock.advance(60)
    shop.receive(order("NS-2", updated_at="2026-11-19T00:00:00Z"))
    shop.judge()
    assert shop.states()["NS-2"] == "ready"


def test_a_rejected_record_frees_those_that_were_held_as_its_duplicates(shop: Shop) -> None:
    alike = RULES.replace("unique by number in history", "unique by created_by in history")
    shop.publish(FILES | {"shop.rules": alike})
    wrong = order("NS-3", created_by="mei", total="190.00")
    shop.receive(wrong, order("NS-4", created_by="mei"))
    shop.judge()
    assert shop.states()["NS-4"] == "held"
    assert isinstance(reject(shop, "NS-3"), Done)
    shop.judge()
    assert shop.states()["NS-3"] == "ignored"
    assert shop.states()["NS-4"] == "ready"


def test_what_is_posted_cannot_be_rejected(shop: Shop) -> None:
    with shop.database.write() as session, any_move(session):
        shop.posting(session, "NS-1").state = PostingState.POSTED
    refusal = reject(shop, "NS-1")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "hold.not_rejectable"


def test_a_hold_is_given_to_a_person_and_back(shop: Shop) -> None:
    wanted = hold_id(shop, "NS-1")
    farah = shop.actor("farah")
    with shop.database.write() as session:
        done = assignments.assign(session, shop.actor("lim"), wanted, farah.person_id, shop.now)
        assert isinstance(done, Done)
        assert session.get_one(Hold, wanted).person_id == farah.person_id
        assert session.get_one(Record, done.record_id).due_at is None
        assignments.assign(session, farah, wanted, None, shop.now)
        assert session.get_one(Hold, wanted).person_id is None
        refusal = assignments.assign(session, shop.actor("vera"), wanted, farah.person_id, shop.now)
        assert isinstance(refusal, Refusal)
        assert refusal.status == 403
        refusal = assignments.assign(session, farah, wanted, 10**6, shop.now)
        assert isinstance(refusal, Refusal)
        assert refusal.status == 404
