"""One act over many held records, and acts that are taken back."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from holding.approvals import approve
from holding.approvals.approve import Approved
from holding.db.database import Database
from holding.db.models import Approval, Company, Hold, Posting, Record, Release
from holding.db.refusal import Refusal
from holding.holds import assignments, releases, undo
from holding.holds.holds import Done, Each, Left
from tests.holding.held import held_shop, hold_of, refused
from tests.holding.shop import Shop, line, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return held_shop(database, company, clock)


@pytest.fixture
def half_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")


def test_one_bad_record_stops_none_of_the_others(shop: Shop) -> None:
    shop.receive(*(order(f"NS-{n}", customer="C-78", total=f"{n}.00") for n in range(10, 15)))
    shop.judge()
    with shop.database.write() as session:
        seen = seen_now(shop, list(shop.states()))
        stale = hold_of(shop, "NS-14").id
        seen[stale] = (seen[stale][0], 1)
        wish = assignments.Wish(act="release", seen=seen, reason="agreed")
        answer = assignments.apply_to_holds(session, shop.actor("lim"), wish, shop.now, "form-1")
        assert isinstance(answer, Each)
        assert {one.number for one in answer.done} == {"NS-1", *(f"NS-{n}" for n in range(10, 14))}
        reasons = {one.number: one.refusal.code for one in answer.left}
        assert reasons == {
            "NS-2": "hold.clears_itself",
            "NS-3": "hold.clears_itself",
            "NS-14": "hold.moved",
        }
        again_ = assignments.apply_to_holds(session, shop.actor("lim"), wish, shop.now, "form-1")
        assert again_ == answer
        assert assignments.earlier_answer(session, shop.actor("lim"), "form-1") == answer
        assert assignments.earlier_answer(session, shop.actor("tan"), "form-1") is None
    shop.clock.advance(31)
    shop.judge()
    states = shop.states()
    assert [states[f"NS-{n}"] for n in range(10, 15)] == ["ready"] * 4 + ["held"]


def test_an_act_over_many_asks_no_question_for_each(shop: Shop, statements: list[str]) -> None:
    acts: tuple[assignments.Act, ...] = ("assign", "snooze", "retry", "release")
    counts: dict[str, list[int]] = {act: [] for act in acts}
    for first, last in ((20, 29), (30, 50)):  # more than go in one statement
        numbers = [f"NS-{n}" for n in range(first, last)]
        shop.receive(*(order(n, customer="C-78", total=f"{n[3:]}.00") for n in numbers))
        shop.judge()
        shop.publish()  # so that a new try makes sense
        for act in acts:
            wish = assignments.Wish(
                act=act,
                seen=seen_now(shop, numbers),
                reason="agreed",
                until=shop.now + timedelta(days=1),
            )
            statements.clear()
            with shop.database.write() as session:
                answer = assignments.apply_to_holds(
                    session, shop.actor("lim"), wish, shop.now, f"{act}-{first}"
                )
            counts[act].append(len(statements))
            assert isinstance(answer, Each)
            assert len(answer.done) == len(numbers)
    assert {act: set(found) for act, found in counts.items() if len(set(found)) > 1} == {}


@pytest.mark.usefixtures("half_minute")
def test_approving_many_and_taking_it_back_asks_no_question_for_each(
    shop: Shop, statements: list[str]
) -> None:
    counts: dict[str, list[int]] = {"approve": [], "undo": [], "undo a release": []}
    lim = shop.actor("lim")
    for first, last in ((20, 23), (30, 50)):
        numbers = [f"NS-{n}" for n in range(first, last)]
        dear = {"total": "1920.00", "lines": [line(qty="20")], "created_by": "Siti"}
        shop.receive(*(order(n, **dear) for n in numbers))
        shop.receive(*(order(f"{n}-R", total=f"{n[3:]}.00") for n in numbers))
        shop.judge()
        with shop.database.read() as session:
            query = select(Posting.id).where(Posting.number.in_(numbers))
            ids = list(session.scalars(query))
        statements.clear()
        with shop.database.write() as session:
            done = approve.approve(session, lim, ids, "checked", shop.now, f"a-{first}")
        counts["approve"].append(len(statements))
        assert isinstance(done, Approved)
        assert len(done.ready) == len(numbers)
        take_back(shop, f"a-{first}", statements, counts["undo"], len(numbers))
        seen = seen_now(shop, [f"{n}-R" for n in numbers])
        wish = assignments.Wish(act="release", seen=seen, reason="agreed")
        with shop.database.write() as session:
            assert isinstance(
                assignments.apply_to_holds(session, lim, wish, shop.now, f"r-{first}"), Each
            )
        take_back(shop, f"r-{first}", statements, counts["undo a release"], len(numbers))
    assert {act: set(found) for act, found in counts.items() if len(set(found)) > 1} == {}


def take_back(
    shop: Shop, op: str, statements: list[str], counts: list[int], documents: int
) -> None:
    statements.clear()
    with shop.database.write() as session:
        undone = undo.undo(session, shop.actor("lim"), op, shop.now)
    counts.append(len(statements))
    assert isinstance(undone, undo.Undone)
    assert (undone.undone, undone.sent) == (documents, ())


WAITING = """SELECT count(*) FROM pg_locks
 WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"""


def test_who_waits_for_somebody_faster_sees_what_they_did(shop: Shop) -> None:
    seen, answers = seen_now(shop, ["NS-1"]), []
    wish = assignments.Wish(act="snooze", seen=seen, until=shop.now + timedelta(days=1))

    def second() -> None:
        with shop.database.write() as session:
            answers.append(
                assignments.apply_to_holds(session, shop.actor("lim"), wish, shop.now, "form-2")
            )

    thread, farah = threading.Thread(target=second), shop.actor("farah")
    on_postgresql = shop.database.engine.dialect.name == "postgresql"
    with shop.database.write() as session:
        (hold_id,) = seen
        first = assignments.assign(session, farah, hold_id, farah.person_id, shop.now)
        assert isinstance(first, Done)
        thread.start()
        while on_postgresql and thread.is_alive() and not session.scalar(text(WAITING)):
            pass
    thread.join()
    (answer,) = answers
    assert isinstance(answer, Each)
    assert [one.refusal.code for one in answer.left] == ["hold.moved"]
    assert hold_of(shop, "NS-1").snoozed_until is None


def seen_now(shop: Shop, numbers: list[str]) -> dict[int, tuple[int, int]]:
    with shop.database.read() as session:
        query = select(Hold.id, Hold.lock, Record.version_id).join(
            Record, Record.id == Hold.record_id
        )
        rows = session.execute(query.where(Record.number.in_(numbers), Hold.state == "open"))
        return {hold_id: (lock, version_id or 0) for hold_id, lock, version_id in rows}


@pytest.mark.usefixtures("half_minute")
def test_a_release_is_taken_back_before_it_is_judged(shop: Shop) -> None:
    wanted = hold_of(shop, "NS-1")
    shop.clock.advance(3600)
    with shop.database.write() as session:
        releases.release(session, shop.actor("lim"), wanted.id, "agreed", shop.now, "form-1")
    shop.judge()
    shop.clock.advance(29)
    with shop.database.write() as session:
        refused(undo.undo(session, shop.actor("tan"), "form-1", shop.now), "undo.unknown")
        answer = undo.undo(session, shop.actor("lim"), "form-1", shop.now)
        assert isinstance(answer, undo.Undone)
        assert answer.say == "Undone: 1 document is on hold again."
        refused(undo.undo(session, shop.actor("lim"), "form-1", shop.now), "undo.done")
        assert session.scalars(select(Release.voided_at)).one() == shop.now
    shop.clock.advance(60)
    shop.judge()
    assert shop.states()["NS-1"] == "held"
    again = hold_of(shop, "NS-1")
    assert again.id != wanted.id
    assert (again.opened_at, again.answer_by) == (wanted.opened_at, wanted.answer_by)
    with shop.database.write() as session:
        new = shop.holds(session, "NS-1")[0].id
        releases.release(session, shop.actor("lim"), new, "after all", shop.now, "form-2")
    shop.clock.advance(31)
    shop.judge()
    assert shop.states()["NS-1"] == "ready"
    with shop.database.write() as session:
        refused(undo.undo(session, shop.actor("lim"), "form-2", shop.now), "undo.late")


@pytest.mark.usefixtures("half_minute")
def test_an_approval_is_taken_back_before_it_is_sent(shop: Shop) -> None:
    dear = [line(qty="20")]
    shop.receive(*(order(f"NS-{n}", total="1920.00", lines=dear) for n in (20, 21)))
    shop.judge()
    asked = hold_of(shop, "NS-20")
    shop.clock.advance(3600)
    with shop.database.write() as session:
        ids = [shop.posting(session, f"NS-{n}").id for n in (20, 21)]
        done = approve.approve(session, shop.actor("lim"), ids, "checked", shop.now, "form-1")
        assert isinstance(done, Approved)
        session.execute(update(Posting).where(Posting.id == ids[1]).values(state="sending"))
    shop.clock.advance(10)
    with shop.database.write() as session:
        answer = undo.undo(session, shop.actor("lim"), "form-1", shop.now)
        assert isinstance(answer, undo.Undone)
        assert answer.say == "Undone: 1 document is on hold again. 1 already sent: NS-21."
        standing = session.scalars(select(Approval.posting_id).where(Approval.voided_at.is_(None)))
        assert standing.all() == [ids[1]]
        posting = session.get_one(Posting, ids[0])
        assert (posting.state, posting.due_at) == ("held", None)
    shop.judge()
    again = hold_of(shop, "NS-20")
    assert again.code == "APP01"
    assert again.id != asked.id
    assert (again.opened_at, again.answer_by) == (asked.opened_at, asked.answer_by), (
        "it is as old as it was before the approval"
    )


def test_an_act_over_many_is_forbidden_where_each_of_them_is() -> None:
    mine = Left(1, "NS-1", Refusal("hold.own_hand", "You corrected it.", "Lim can.", 403))
    moved = Left(2, "NS-2", Refusal("hold.moved", "It changed.", "Look again."))
    whole = assignments.refusal_if_none_done(Each((), (mine, mine)))
    assert whole == Refusal(
        "hold.own_hand",
        "Nothing was done: 2 holds are not yours to decide.",
        "You corrected it. Lim can.",
        403,
    )
    done = Done(3, 3, "Released.", "NS-3")
    for some in (Each(), Each((), (mine, moved)), Each((), (moved,)), Each((done,), (mine,))):
        assert assignments.refusal_if_none_done(some) is None
