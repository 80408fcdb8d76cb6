"""Four eyes hold in every order of acts: who agreed first does not do the rest as well."""

import pytest
from sqlalchemy import select, update

from holding.access import actors, people
from holding.access.actors import Actor
from holding.approvals import separation
from holding.approvals.approve import Approved
from holding.db.database import Database
from holding.db.models import Approval, Company, Dating, Hold, Posting
from holding.db.refusal import Refusal
from holding.holds import holds, releases
from holding.holds.holds import Correction, Done
from holding.platform.changes import wake_records
from holding.records import trace
from holding.rulesets import publication
from holding.rulesets.recorded_backtests import Published
from tests.holding.consent import ASKING, LARGE, approve, why_not
from tests.holding.held import says
from tests.holding.life import Begun, Life
from tests.holding.shop import FILES, ROUTE, Shop, order
from tests.support.databases import unlock


@pytest.fixture
def life(begun: Begun) -> Life:
    """NS-1 is above the limit, does not add up, and came by fax."""
    life = begun({**FILES, "shop.rules": ASKING})
    shop = life.shop
    shop.receive(order("NS-1", total="2000.00", lines=LARGE, channel="fax"))
    shop.judge()
    return life


@pytest.fixture
def shop(life: Life) -> Shop:
    return life.shop


def also(shop: Shop, who: str, role: str) -> Actor:
    """The person with one role more."""
    with shop.database.write() as session:
        whom = {"company_id": shop.company.id, "person_id": shop.actor(who).person_id or 0}
        people.add_membership(session, **whom, role=role, actor=actors.SYSTEM, now=shop.now)
        actor = actors.actor_of(session, whom["person_id"], shop.company.id)
        assert actor is not None
        return actor


def hold_of(shop: Shop, rule: str) -> Hold:
    with shop.database.read() as session:
        return next(hold for hold in shop.holds(session, "NS-1") if hold.rule == rule)


def held_by(shop: Shop) -> set[str]:
    with shop.database.read() as session:
        return {hold.rule for hold in shop.holds(session, "NS-1")}


def release(shop: Shop, who: str | Actor) -> Done | Refusal:
    actor = shop.actor(who) if isinstance(who, str) else who
    with shop.database.write() as session:
        left = hold_of(shop, "adds_up").id
        return releases.release(session, actor, left, "agreed", shop.now)


def correct(shop: Shop, who: Actor) -> None:
    wish = Correction(path="channel", value="web", reason="it came by web", seen=1)
    with shop.database.write() as session:
        hold_id = hold_of(shop, "channel_known").id
        done = holds.correct(session, who, hold_id, wish, shop.now)
        assert isinstance(done, Done), done


def settle(shop: Shop) -> None:
    """Everything but the approval is put right, by others than Lim."""
    correct(shop, also(shop, "farah", "approver"))
    shop.judge()
    assert isinstance(release(shop, "tan"), Done)
    shop.judge()


def standing(shop: Shop) -> list[bool]:
    with shop.database.read() as session:
        rows = session.scalars(select(Approval).order_by(Approval.id))
        return [row.voided_at is None for row in rows]


def agree(shop: Shop, who: str | Actor) -> None:
    answer = approve(shop, "NS-1", who=who)
    assert isinstance(answer, Approved), answer
    assert len(answer.done) == 1, why_not(answer)


def answer_of(shop: Shop) -> str:
    """Who agreed, as the page of the record says."""
    with shop.database.read() as session:
        return trace.answer_questions(session, shop.record(session, "NS-1").id)[1].text


def counts_no_more(shop: Shop, what: str) -> None:
    """Past the program: what was agreed to is another content, or void."""
    changed = {"hash": "0" * 64} if what == "hash" else {"voided_at": shop.now}
    with shop.database.write() as session:
        unlock(session)
        session.execute(update(Approval).values(changed))


@pytest.fixture(autouse=True)
def in_accounts(database: Database, company: Company, life: Life) -> None:
    with database.write() as session:
        person_id = life.shop.actor("farah").person_id or 0
        people.add_to_team(session, company_id=company.id, name="accounts", person_id=person_id)


def test_who_approved_releases_and_rejects_no_other_hold_of_it(shop: Shop) -> None:
    agree(shop, "lim")
    refused = release(shop, "lim")
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.status) == ("hold.own_hand", 403)
    assert (refused.message, refused.hint) == (
        "You approved it, so you cannot release this.",
        "Tan can.",
    )
    with shop.database.write() as session:
        left = hold_of(shop, "adds_up").id
        no = releases.reject(session, shop.actor("lim"), left, "not wanted", shop.now)
        assert isinstance(no, Refusal)
        assert no.message == "You approved it, so you cannot reject this."
    assert isinstance(release(shop, "tan"), Done)


def test_who_approved_what_is_sent_by_now_decides_about_what_comes_after(life: Life) -> None:
    shop = life.shop
    settle(shop)
    agree(shop, "lim")
    lim = shop.actor("lim").person_id or 0
    for sent in (False, True):
        if sent:
            life.work()
        with shop.database.read() as session:
            posting = session.scalars(select(Posting)).one()
            assert (posting.posted_push_id is not None) is sent
            assert (lim in separation.hands_of(session, [posting])[posting.id]) is not sent


def test_what_was_approved_and_changed_since_is_anybodys_again(shop: Shop) -> None:
    agree(shop, "lim")
    shop.clock.advance(60)
    later = {"lines": LARGE, "channel": "fax", "updated_at": shop.now.isoformat()}
    shop.receive(order("NS-1", total="2100.00", **later))
    shop.judge()
    assert isinstance(release(shop, "lim"), Done)


def test_who_corrects_what_they_approved_did_not_approve_it(shop: Shop) -> None:
    lim = also(shop, "lim", "finance")
    agree(shop, lim)
    correct(shop, lim)
    shop.judge()
    assert standing(shop) == [False]
    assert held_by(shop) == {"adds_up", "approve by accounts"}
    [said] = says(shop, "approval.voided")
    assert said == "The approval of NS-1 by Lim is void: Lim corrected it."
    with shop.database.read() as session:
        told = trace.answer_questions(session, shop.record(session, "NS-1").id)[1].text
        assert "the approver had also prepared or changed the record." in told
    assert why_not(approve(shop, "NS-1", who=lim)) == ["you corrected it; Tan can approve"]


def test_who_is_named_as_its_maker_after_they_approved_did_not_approve_it(shop: Shop) -> None:
    agree(shop, "lim")
    shop.clock.advance(60)
    later = {"lines": LARGE, "channel": "fax", "updated_at": shop.now.isoformat()}
    shop.receive(order("NS-1", total="2000.00", created_by="lim@kedai.my", **later))
    shop.judge()
    assert standing(shop) == [False]
    [said] = says(shop, "approval.voided")
    assert said == "The approval of NS-1 by Lim is void: Lim created it (according to the source)."


def test_who_publishes_after_they_approved_did_not_approve_it(shop: Shop) -> None:
    lim = also(shop, "lim", "publisher")
    settle(shop)
    agree(shop, lim)
    assert shop.states() == {"NS-1": "ready"}
    files = {**FILES, "shop.rules": ASKING.replace("came by {channel}", "is from {channel}")}
    with shop.database.write() as session:
        chan = shop.actor("chan")
        change = publication.push_change(session, shop.company.id, chan, files, "Words", shop.now)
        assert isinstance(change, int), change
        done = publication.publish_change(session, change, lim, shop.now)
        assert isinstance(done, Published), done
    shop.judge()
    assert standing(shop) == [False]
    assert held_by(shop) == {"approve by accounts"}
    [said] = says(shop, "approval.voided")
    did = "published the rules it was checked with (version 2)"
    assert said == f"The approval of NS-1 by Lim is void: Lim {did}."


def test_the_last_look_knows_whose_hand_is_in_it_by_now(life: Life) -> None:
    shop = life.shop
    settle(shop)
    agree(shop, "lim")
    with shop.database.write() as session:
        record = shop.record(session, "NS-1")
        session.add(
            Dating(
                record_id=record.id,
                route=ROUTE,
                instead_of=shop.now.date(),
                day=shop.now.date(),
                person_id=shop.actor("lim").person_id or 0,
                reason="past every service",
                at=shop.now,
            )
        )
    life.work()
    assert life.books.effects == []
    assert life.held("NS-1") == ["PSH02"]
    assert says(shop, "posting.stopped") == [
        "Not sent: NS-1 is not approved by another person: Lim approved it and dated it."
    ]
    with shop.database.write() as session:
        wake_records(session, [shop.record(session, "NS-1").id], shop.now)
    life.work()
    assert life.held("NS-1") == ["APP01"]


@pytest.mark.parametrize("what", ["hash", "voided_at"])
def test_only_what_counts_as_agreed_is_a_hand_in_it(shop: Shop, what: str) -> None:
    agree(shop, "lim")
    assert "Lim, 2026-11-20 09:00, content hash" in answer_of(shop)
    assert isinstance(release(shop, "lim"), Refusal)
    counts_no_more(shop, what)
    assert "content hash" not in answer_of(shop)
    assert isinstance(release(shop, "lim"), Done)


@pytest.mark.parametrize("what", ["hash", "voided_at"])
def test_the_last_look_counts_neither_another_content_nor_what_is_void(
    life: Life, what: str
) -> None:
    shop = life.shop
    settle(shop)
    agree(shop, "lim")
    counts_no_more(shop, what)
    life.work()
    assert life.books.effects == []
    assert life.held("NS-1") == ["PSH02"]
    assert says(shop, "posting.stopped") == [
        "Not sent: NS-1 is not what was approved: the approval is for another content."
    ]
