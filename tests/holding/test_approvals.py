import pytest
from sqlalchemy import func, select, update

from holding import approvals, holds, mappings, people, trace, undo
from holding.approvals import Approved, SetChanged
from holding.database import Database
from holding.models import Approval, Company, Event, Hold, Posting, Record
from holding.refusal import Refusal
from holding.roles import Actor
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order
from tests.support.clock import SetClock

LARGE = [line(price="960.00")]


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 and NS-2 are above the limit, NS-3 is below it."""
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(
        order("NS-1", total="1920.00", lines=LARGE),
        order("NS-2", total="1920.00", lines=LARGE),
        order("NS-3"),
    )
    shop.judge()
    assert shop.states() == {"NS-1": "held", "NS-2": "held", "NS-3": "ready"}
    return shop


def ids(shop: Shop, *numbers: str) -> list[int]:
    with shop.database.read() as session:
        return [shop.posting(session, number).id for number in numbers]


def approve(
    shop: Shop,
    *numbers: str,
    who: str | Actor = "lim",
    reason: str = "checked against the order",
    op: str | None = None,
    seen: dict[int, str] | None = None,
    sethash: str | None = None,
) -> Approved | Refusal:
    wanted = ids(shop, *numbers)
    actor = shop.actor(who) if isinstance(who, str) else who
    with shop.database.write() as session:
        return approvals.approve(session, actor, wanted, reason, shop.now, op, sethash, seen=seen)


def why_not(answer: Approved | Refusal) -> list[str]:
    assert isinstance(answer, Approved), answer
    return [left.reason for left in answer.refused]


def seen_of(shop: Shop, *numbers: str) -> dict[int, str]:
    with shop.database.read() as session:
        return {p.id: p.hash for p in (shop.posting(session, number) for number in numbers)}


# ---- approving ---------------------------------------------------------------------------------


def test_an_approved_posting_is_ready_at_once(shop: Shop) -> None:
    answer = approve(shop, "NS-1")
    assert isinstance(answer, Approved)
    assert answer.done == answer.ready == tuple(ids(shop, "NS-1"))
    assert shop.states() == {"NS-1": "ready", "NS-2": "held", "NS-3": "ready"}
    with shop.database.read() as session:
        posting = shop.posting(session, "NS-1")
        assert posting.due_at is not None
        row = session.scalars(select(Approval)).one()
        assert (row.hash, row.content) == (posting.hash, posting.content)
        assert row.person_id == shop.actor("lim").person_id
        hold = session.scalars(select(Hold).where(Hold.posting_id == posting.id)).one()
        assert (hold.state, hold.closed_why) == ("approved", "checked against the order")
        said = session.scalars(select(Event).where(Event.act == "posting.approved")).one()
        assert said.body["hash"] == posting.hash
        assert said.body["say"].startswith("Lim approved NS-1 (hash ")


def test_there_is_time_to_undo(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    approve(shop, "NS-1", op="form-1")
    with shop.database.read() as session:
        due_at = shop.posting(session, "NS-1").due_at
        assert due_at is not None
        assert (due_at - shop.now).total_seconds() == 30


def test_a_daily_route_waits_for_its_run(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    daily = RULES.replace("    immediately\n", "    daily    at 02:00 by ordered_on\n")
    shop.publish({**FILES, "shop.rules": daily})
    shop.receive(order("NS-1", total="1920.00", lines=LARGE))
    shop.judge()
    answer = approve(shop, "NS-1")
    assert isinstance(answer, Approved)
    assert answer.ready
    with shop.database.read() as session:
        posting = shop.posting(session, "NS-1")
        assert (posting.state, posting.due_at) == ("ready", None)


def test_the_approval_stands_at_the_next_judging_of_the_same_content(shop: Shop) -> None:
    approve(shop, "NS-1")
    shop.publish()
    shop.judge()
    assert shop.states()["NS-1"] == "ready"


@pytest.mark.parametrize("what", ["version", "mapping", "rules"])
def test_any_change_of_the_content_voids_it_and_says_which_field(shop: Shop, what: str) -> None:
    approve(shop, "NS-1")
    shop.clock.advance(60)
    if what == "version":
        more = [line(price="970.00")]
        later = "2026-11-19T00:00:00Z"
        shop.receive(order("NS-1", total="1940.00", lines=more, updated_at=later))
    elif what == "mapping":
        with shop.database.write() as session:
            mappings.fix(
                session, shop.actor("farah"), "debtor", "C-77", "Aisyah R.", "typo", shop.now, 9
            )
    else:
        shop.publish({**FILES, "shop.rules": RULES.replace('"40000"', '"40001"')})
    shop.judge()
    assert shop.states()["NS-1"] == "held"
    with shop.database.read() as session:
        row = session.scalars(select(Approval)).one()
        assert row.voided_at is not None
        changed = {
            "version": ["Total", "line 1 LineTotal", "line 1 UnitPrice"],
            "mapping": ["Customer"],
            "rules": ["line 1 AccountCode"],
        }
        assert row.voided_fields == changed[what]
        said = session.scalars(select(Event).where(Event.act == "approval.voided")).one()
        assert changed[what][0] in said.body["say"]
        assert [hold.code for hold in shop.holds(session, "NS-1")] == ["APP01"]


def test_several_at_once_each_with_its_answer(shop: Shop) -> None:
    answer = approve(shop, "NS-1", "NS-2", "NS-3")
    assert isinstance(answer, Approved)
    assert len(answer.done) == 2
    assert why_not(answer) == ["it is ready meanwhile"]


def test_another_open_hold_keeps_it(shop: Shop) -> None:
    shop.receive(order("NS-4", total="2000.00", lines=LARGE))
    shop.judge()
    answer = approve(shop, "NS-4")
    assert isinstance(answer, Approved)
    assert (len(answer.done), answer.ready) == (1, ())
    assert shop.states()["NS-4"] == "held"
    with shop.database.write() as session:
        (left,) = shop.holds(session, "NS-4")
        assert left.rule == "adds_up"
        done = holds.release(session, shop.actor("tan"), left.id, "agreed", shop.now)
        assert isinstance(done, holds.Done)
    shop.judge()
    assert shop.states()["NS-4"] == "ready"


def test_a_second_click_gets_the_first_answer(shop: Shop) -> None:
    first = approve(shop, "NS-1", "NS-3", op="form-1")
    assert approve(shop, "NS-1", "NS-3", op="form-1") == first
    with shop.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Approval)) == 1


def test_an_approval_needs_a_reason(shop: Shop) -> None:
    answer = approve(shop, "NS-1", reason="")
    assert isinstance(answer, Refusal)
    assert answer.code == "reason.missing"


def test_a_record_that_is_judged_again_is_not_made_ready_here(shop: Shop) -> None:
    with shop.database.write() as session:
        session.execute(update(Record).where(Record.number == "NS-1").values(due_at=shop.now))
    answer = approve(shop, "NS-1")
    assert isinstance(answer, Approved)
    assert (len(answer.done), answer.ready) == (1, ())
    shop.judge()
    assert shop.states()["NS-1"] == "ready"


def test_a_newer_version_is_judged_before_anybody_approves(shop: Shop) -> None:
    later = "2026-11-19T00:00:00Z"
    shop.receive(order("NS-1", total="1940.00", lines=LARGE, updated_at=later))
    answer = approve(shop, "NS-1")
    assert why_not(answer) == ["a newer version of the record arrived; it is judged first"]


def test_postings_of_another_company_do_not_exist(shop: Shop) -> None:
    lim = shop.actor("lim")
    stranger = Actor(lim.person_id, "Lim", lim.email, shop.company.id + 1, lim.roles)
    assert why_not(approve(shop, "NS-1", who=stranger)) == ["there is no such posting"]


# ---- who ---------------------------------------------------------------------------------------


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
            actor=people.SYSTEM,
            now=shop.now,
        )
        if team:
            people.add_to_team(
                session, company_id=shop.company.id, name="accounts", person_id=person_id
            )
        actor = people.actor_of(session, person_id, shop.company.id)
        assert actor is not None
        return actor


def test_an_approver_of_another_team_is_left_out(shop: Shop) -> None:
    vera = with_role(shop, "vera", "approver", team=False)
    assert why_not(approve(shop, "NS-1", who=vera)) == [
        "you are not in the approving team; Lim or Tan can approve"
    ]


def test_who_fixed_its_mapping_does_not_approve(shop: Shop) -> None:
    farah = with_role(shop, "farah", "approver")
    shop.receive(order("NS-5", customer="C-99", total="1920.00", lines=LARGE))
    shop.judge()
    with shop.database.write() as session:
        mappings.fix(session, farah, "debtor", "C-99", "Chong", "new debtor", shop.now, 9)
    shop.judge()
    assert why_not(approve(shop, "NS-5", who=farah)) == [
        "you fixed its mapping debtor(“C-99”); Lim or Tan can approve"
    ]
    assert why_not(approve(shop, "NS-1", who=farah)) == []


def test_an_entry_that_was_there_before_the_order_does_not_count(shop: Shop) -> None:
    farah = with_role(shop, "farah", "approver")
    with shop.database.write() as session:
        mappings.fix(session, farah, "debtor", "C-99", "Chong", "new debtor", shop.now, 9)
    shop.clock.advance(60)
    shop.receive(order("NS-5", customer="C-99", total="1920.00", lines=LARGE))
    shop.judge()
    assert why_not(approve(shop, "NS-5", who=farah)) == []


@pytest.mark.parametrize(
    ("who", "did"),
    [
        ("chan", "wrote the rules it was judged by (version 1)"),
        ("pua", "published the rules it was judged by (version 1)"),
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
        holds.release(session, shop.actor("lim"), left.id, "agreed", shop.now)
    shop.judge()
    assert why_not(approve(shop, "NS-4", who="lim")) == [
        "you released a hold of it; Tan can approve"
    ]
    assert why_not(approve(shop, "NS-4", who="tan")) == []


@pytest.mark.parametrize("word", ["Lim", "LIM@kedai.my"])
def test_who_made_the_order_does_not_approve_it(shop: Shop, word: str) -> None:
    shop.receive(order("NS-6", total="1920.00", lines=LARGE, created_by=word))
    shop.judge()
    assert why_not(approve(shop, "NS-6", who="lim")) == [
        "you made it, says the record; Tan can approve"
    ]


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
        told = trace.seven(session, shop.record(session, "NS-1").id)[1]
    assert "The approval by Lim of 2026-11-20 09:00 was taken back 2026-11-20 09:00." in told.text


# ---- levels ------------------------------------------------------------------------------------

SECOND = """
approve order for aiaccount.sales_invoice
    when     total > 1500.00
    by       sales_admin
    say      "RM {total} is for two."
"""


@pytest.fixture
def two_levels(shop: Shop) -> Shop:
    shop.publish({**FILES, "shop.rules": RULES + SECOND})
    shop.judge()
    return shop


def test_each_level_is_another_persons(two_levels: Shop) -> None:
    first = approve(two_levels, "NS-1")
    assert isinstance(first, Approved)
    assert (len(first.done), first.ready) == (1, ())
    assert [left.reason for left in first.waiting] == ["still waits: approve by sales_admin"]
    assert two_levels.states()["NS-1"] == "held"
    with two_levels.database.read() as session:
        told = trace.seven(session, two_levels.record(session, "NS-1").id)[1]
        assert "Not yet: approve by sales_admin." in told.text
        assert told.tone == "plain"
    assert why_not(approve(two_levels, "NS-1")) == [
        "you approved it at another level; Tan can approve"
    ]
    second = approve(two_levels, "NS-1", who="tan")
    assert isinstance(second, Approved)
    assert (len(second.ready), second.waiting) == (1, ())
    two_levels.publish({**FILES, "shop.rules": RULES + SECOND})
    two_levels.judge()
    assert two_levels.states() == {"NS-1": "ready", "NS-2": "held", "NS-3": "ready"}


def test_a_change_voids_every_level(two_levels: Shop) -> None:
    approve(two_levels, "NS-1")
    approve(two_levels, "NS-1", who="tan")
    more, later = [line(price="970.00")], "2026-11-19T00:00:00Z"
    two_levels.receive(order("NS-1", total="1940.00", lines=more, updated_at=later))
    two_levels.judge()
    with two_levels.database.read() as session:
        assert [row.voided_at is None for row in session.scalars(select(Approval))] == [False] * 2
        levels = {hold.rule for hold in two_levels.holds(session, "NS-1")}
        assert levels == {"approve by accounts", "approve by sales_admin"}


# ---- the set -----------------------------------------------------------------------------------


def test_the_set_that_was_looked_at_is_approved(shop: Shop) -> None:
    seen = seen_of(shop, "NS-1", "NS-2")
    answer = approve(shop, "NS-1", "NS-2", seen=seen, sethash=approvals.set_hash(seen))
    assert isinstance(answer, Approved)
    assert len(answer.done) == 2


def test_a_set_that_changed_is_refused_whole_and_says_what_changed(shop: Shop) -> None:
    seen = seen_of(shop, "NS-1", "NS-2")
    later = "2026-11-19T00:00:00Z"
    more = [line(price="970.00")]
    shop.receive(order("NS-1", total="1940.00", lines=more, updated_at=later))
    shop.judge()
    answer = approve(shop, "NS-1", "NS-2", seen=seen, sethash=approvals.set_hash(seen))
    assert isinstance(answer, SetChanged)
    assert answer.status == 409
    assert [(c.number, c.reason) for c in answer.changes] == [("NS-1", "has another content")]
    assert shop.states()["NS-2"] == "held"


def test_a_posting_that_somebody_else_approved_changes_the_set(shop: Shop) -> None:
    seen = seen_of(shop, "NS-1", "NS-2")
    approve(shop, "NS-1", who="tan")
    answer = approve(shop, "NS-1", "NS-2", sethash=approvals.set_hash(seen))
    assert isinstance(answer, SetChanged)
    assert answer.hint == "NS-1 is ready meanwhile"


def test_a_content_changed_behind_our_back_is_another_set(shop: Shop) -> None:
    seen = seen_of(shop, "NS-1")
    with shop.database.write() as session:
        session.execute(update(Posting).where(Posting.number == "NS-1").values(hash="0" * 64))
    assert isinstance(approve(shop, "NS-1", seen=seen), SetChanged)
