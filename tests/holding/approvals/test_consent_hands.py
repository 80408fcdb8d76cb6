"""Who may approve, and who had a hand in it."""

from collections.abc import Collection, Mapping

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access import actors, people
from holding.access.actors import Actor
from holding.approvals import separation
from holding.approvals.approve import Approved
from holding.company import own_account
from holding.company.own_account import Taste
from holding.db.database import Database
from holding.db.models import Company, Event, Person
from holding.db.refusal import Refusal
from holding.holds import releases, undo
from holding.mappings import fixes
from holding.programs.replay import replay_each
from holding.records import trace
from rules.outcomes import Outcome
from tests.holding.consent import LARGE, TRUSTED, approve, large_shop, why_not
from tests.holding.fixing import fix
from tests.holding.shop import FILES, Shop, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return large_shop(database, company, clock)


@pytest.mark.parametrize("who", ["farah", "vera", "chan", "pua", "adam"])
def test_only_an_approver_approves(shop: Shop, who: str) -> None:
    answer = approve(shop, "NS-1", who=who)
    assert isinstance(answer, Refusal)
    assert (answer.status, answer.hint) == (403, "Lim or Tan can.")


def with_role(shop: Shop, who: str, role: str, *, team: bool = True) -> Actor:
    """The person with one role more, and in the approving team."""
    with shop.database.write() as session:
        person_id = shop.actor(who).person_id or 0
        people.add_membership(
            session,
            company_id=shop.company.id,
            person_id=person_id,
            role=role,
            actor=actors.SYSTEM,
            now=shop.now,
        )
        if team:
            people.add_to_team(
                session, company_id=shop.company.id, name="accounts", person_id=person_id
            )
        actor = actors.actor_of(session, person_id, shop.company.id)
        assert actor is not None
        return actor


def test_an_approver_of_another_team_is_left_out(shop: Shop) -> None:
    vera = with_role(shop, "vera", "approver", team=False)
    assert why_not(approve(shop, "NS-1", who=vera)) == [
        "you are not in the team that approves it; Lim or Tan can approve"
    ]


def test_who_fixed_what_only_a_check_asks_for_does_not_approve_any_of_them(shop: Shop) -> None:
    farah = with_role(shop, "farah", "approver")
    shop.publish({**FILES, "shop.rules": TRUSTED})
    shop.judge()
    fix(shop, "trusted", "C-77", "yes")
    shop.judge()
    why = "you fixed its mapping trusted(“C-77”); Lim or Tan can approve"
    assert why_not(approve(shop, "NS-1", "NS-2", who=farah)) == [why] * 2


def test_who_fixed_its_mapping_does_not_approve(shop: Shop) -> None:
    farah = with_role(shop, "farah", "approver")
    shop.receive(order("NS-5", customer="C-99", total="1920.00", lines=LARGE))
    shop.judge()
    with shop.database.write() as session:
        fixes.fix(session, farah, "debtor", "C-99", "Chong", "new debtor", shop.now, 9)
    shop.judge()
    assert why_not(approve(shop, "NS-5", who=farah)) == [
        "you fixed its mapping debtor(“C-99”); Lim or Tan can approve"
    ]
    assert why_not(approve(shop, "NS-1", who=farah)) == []


def test_an_entry_that_was_there_before_the_order_does_not_count(shop: Shop) -> None:
    farah = with_role(shop, "farah", "approver")
    with shop.database.write() as session:
        fixes.fix(session, farah, "debtor", "C-99", "Chong", "new debtor", shop.now, 9)
    shop.clock.advance(60)
    shop.receive(order("NS-5", customer="C-99", total="1920.00", lines=LARGE))
    shop.judge()
    assert why_not(approve(shop, "NS-5", who=farah)) == []


def test_who_made_it_is_asked_of_a_replay_once_for_each_judging(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was judged is never another; a newer version that names another maker is."""
    again: list[int] = []
    by_replay = replay_each

    def counted(session: Session, judgings: Collection[int]) -> Mapping[int, Outcome]:
        again.extend(judgings)
        return by_replay(session, judgings)

    monkeypatch.setattr(separation, "replay_each", counted)
    shop.receive(order("NS-6", total="1920.00", lines=LARGE, created_by="Lim"))
    shop.judge()
    own = ["you created it (according to the source); Tan can approve"]
    assert [why_not(approve(shop, "NS-6", who="lim")) for _ in range(3)] == [own] * 3
    assert len(again) == 1
    shop.receive(order("NS-6", total="1920.00", lines=LARGE, created_by="Tan", rev=2))
    shop.judge()
    assert why_not(approve(shop, "NS-6", who="tan")) == [
        "you created it (according to the source); Lim can approve"
    ]
    assert len(again) == 2
    assert why_not(approve(shop, "NS-6", who="lim")) == []


@pytest.mark.parametrize(
    ("who", "did"),
    [
        ("chan", "wrote the rules it was checked with (version 1)"),
        ("pua", "published the rules it was checked with (version 1)"),
    ],
)
def test_author_and_publisher_of_the_rules_do_not_approve(shop: Shop, who: str, did: str) -> None:
    actor = with_role(shop, who, "approver")
    assert why_not(approve(shop, "NS-1", who=actor)) == [f"you {did}; Lim or Tan can approve"]


def test_who_released_a_hold_of_it_does_not_approve(shop: Shop) -> None:
    shop.receive(order("NS-4", total="2000.00", lines=LARGE))
    shop.judge()
    with shop.database.write() as session:
        left = next(hold for hold in shop.holds(session, "NS-4") if hold.rule == "adds_up")
        releases.release(session, shop.actor("lim"), left.id, "agreed", shop.now)
    shop.judge()
    assert why_not(approve(shop, "NS-4", who="lim")) == [
        "you released an earlier hold on it; Tan can approve"
    ]
    assert why_not(approve(shop, "NS-4", who="tan")) == []


def test_who_took_their_release_back_has_no_hand_in_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    shop.receive(order("NS-4", total="2000.00", lines=LARGE))
    shop.judge()
    with shop.database.write() as session:
        left = next(hold for hold in shop.holds(session, "NS-4") if hold.rule == "adds_up")
        releases.release(session, shop.actor("lim"), left.id, "agreed", shop.now, "form-4")
    with shop.database.write() as session:
        assert isinstance(undo.undo(session, shop.actor("lim"), "form-4", shop.now), undo.Undone)
    shop.judge()
    assert why_not(approve(shop, "NS-4", who="lim")) == []


@pytest.mark.parametrize("word", ["Lim", "LIM@kedai.my", "lim", " L\u00a0im ", "L.im", "l-im"])
def test_who_made_the_order_does_not_approve_it(shop: Shop, word: str) -> None:
    shop.receive(order("NS-6", total="1920.00", lines=LARGE, created_by=word))
    shop.judge()
    assert why_not(approve(shop, "NS-6", who="lim")) == [
        "you created it (according to the source); Tan can approve"
    ]


def test_a_source_may_call_a_person_by_the_name_that_they_sign_in_with(shop: Shop) -> None:
    """`lim.kc` in the shop is lim.kc@kedai.my here, whatever Lim is called."""
    with shop.database.write() as session:
        person = session.get_one(Person, shop.actor("lim").person_id)
        person.email, person.name = "lim.kc@kedai.my", "Lim Kah Choon"
    shop.receive(order("NS-6", total="1920.00", lines=LARGE, created_by="lim.kc"))
    shop.judge()
    assert why_not(approve(shop, "NS-6", who="lim")) == [
        "you created it (according to the source); Tan can approve"
    ]
    assert why_not(approve(shop, "NS-6", who="tan")) == []


def test_another_name_makes_nobody_a_stranger_to_their_own_order(shop: Shop) -> None:
    """People choose their name themselves; the shop goes on calling them as it did."""
    person_id = shop.actor("lim").person_id or 0
    for name in ("Somebody Else", "Nobody"):
        with shop.database.write() as session:
            done = own_account.save(session, person_id, name=name, taste=Taste(), now=shop.now)
            assert done is None
    shop.receive(order("NS-6", total="1920.00", lines=LARGE, created_by="L.im"))
    shop.receive(order("NS-7", total="1920.00", lines=LARGE, created_by="somebody else"))
    shop.judge()
    with shop.database.write() as session:  # by the address, too
        session.get_one(Person, person_id).email = "x@kedai.my"
    why = "you created it (according to the source); Tan can approve"
    assert why_not(approve(shop, "NS-6", "NS-7", who="lim")) == [why] * 2
    assert why_not(approve(shop, "NS-6", "NS-7", who="tan")) == []


def test_who_entered_it_from_a_file_does_not_approve_it(shop: Shop) -> None:
    farah = with_role(shop, "farah", "approver")
    shop.receive(order("NS-7", total="1920.00", lines=LARGE), by=farah)
    shop.judge()
    answer = approve(shop, "NS-7", who=farah)
    assert why_not(answer) == ["you entered it; Lim or Tan can approve"]
    assert isinstance(answer, Approved)
    assert answer.forbidden
    assert (answer.forbidden.status, answer.forbidden.hint) == (
        403,
        "You entered it; Lim or Tan can approve.",
    )
    both = approve(shop, "NS-1", "NS-7", who=farah)
    assert isinstance(both, Approved)
    assert [left.status for left in both.refused] == [403]
    with shop.database.read() as session:
        events = session.scalars(select(Event).where(Event.act == "approval.refused")).all()
    (left,), event = both.refused, events[-1]
    assert len(events) == 2
    assert (event.posting_id, event.body["status"]) == (left.posting_id, 403)
    assert (event.body["reason"], event.body["currency"]) == (left.reason, "MYR")
    assert event.body["amount"] == 192000  # in sen
    # Who reads the timeline is not "you": the answer is quoted.
    assert event.body["say"].endswith(f'. The answer was: "{left.reason}".')
    assert both.forbidden is None


def test_only_finance_and_consultants_enter_records(shop: Shop) -> None:
    answer = shop.receive(order("NS-8"), by=shop.actor("vera"))
    assert isinstance(answer, Refusal)
    assert answer.status == 403


def test_one_that_was_taken_back_is_told_as_such(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    approve(shop, "NS-1", op="form-9")
    with shop.database.write() as session:
        assert isinstance(undo.undo(session, shop.actor("lim"), "form-9", shop.now), undo.Undone)
    with shop.database.read() as session:
        told = trace.answer_questions(session, shop.record(session, "NS-1").id)[1]
    assert "The approval by Lim of 2026-11-20 09:00 was undone 2026-11-20 09:00." in told.text


def test_who_else_could_decide_is_a_sentence() -> None:
    assert separation.could_instead([]) == "No other user can yet."
    assert separation.could_instead(["Lim", "Tan"]) == "Lim or Tan can."
