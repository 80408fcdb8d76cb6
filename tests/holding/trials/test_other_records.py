"""Rules on trial that look for other records in another way than the rules in force: what they
would have found is found, in the backtest, in the shadow and of a single record.
"""

from collections import Counter
from datetime import date

import pytest
from sqlalchemy import func, select, update

from holding.db.database import Database
from holding.db.models import (
    Company,
    Evaluation,
    Posting,
    Record,
    ShadowVerdict,
    TrialIndex,
    TrialKey,
)
from holding.rulesets import publication
from holding.trials import draft_trials, shadow_turns, shadows
from rules.values.canonical import PostingState
from tests.holding.shop import DEBTORS, FILES, RULES, Shop, open_shop, order
from tests.holding.trials.test_backtests import begun, found_of, moved, worked
from tests.support.clock import SetClock
from tests.support.databases import any_move

FIRST = """
link earlier of order
    from     order
    by       customer = customer
    where    ordered_on < order.ordered_on
    at most  100  else hold for accounts

approve order for aiaccount.sales_invoice
    when     count(earlier) = 0
    by       accounts
    say      "The first order of {customer}."
"""
KNOWN = {**FILES, "maps/debtors.csv": f"{DEBTORS}C-79,Chua\n"}
FIRST_ORDERS = {**KNOWN, "shop.rules": RULES + FIRST}
ONE_A_DAY = {
    **KNOWN,
    "shop.rules": RULES.replace(
        "unique by number in history", "unique by customer, ordered_on in history"
    ),
}
DAYS = ("18", "19", "19", "20")


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Two customers with four orders each, an hour apart; two of each are of one day."""
    found = open_shop(database, company, clock)
    found.publish(KNOWN)
    arrive(found)
    return found


def arrive(shop: Shop, *, posted: bool = False) -> None:
    """The orders one after the other; what may go is posted before the next one comes."""
    for day, number in zip(DAYS, range(1, 5), strict=True):
        for customer in ("C-77", "C-78"):
            shop.clock.advance(3600)
            on = f"2026-11-{day}"
            shop.receive(order(f"{customer}-{number}", customer=customer, ordered_on=on))
            shop.judge()
            if posted:
                with shop.database.write() as session, any_move(session):
                    ready = Posting.state == PostingState.READY
                    session.execute(update(Posting).where(ready).values(state=PostingState.POSTED))


def pushed(shop: Shop, files: dict[str, str]) -> int:
    with shop.database.write() as session:
        actor = shop.actor("chan")
        answer = publication.push_change(session, shop.company.id, actor, files, "Anew", shop.now)
    assert isinstance(answer, int), answer
    return answer


def keys(shop: Shop) -> list[int]:
    with shop.database.read() as session:
        return [
            session.scalar(select(func.count()).select_from(t)) or 0 for t in (TrialIndex, TrialKey)
        ]


@pytest.mark.parametrize(
    ("files", "would"), [(FIRST_ORDERS, "to approve"), (ONE_A_DAY, "held")], ids=["link", "unique"]
)
def test_a_backtest_says_what_the_rules_would_have_done_from_the_start(
    shop: Shop, files: dict[str, str], would: str
) -> None:
    no = pushed(shop, files)
    begun(shop, no)
    assert worked(shop) == 2  # keys, then the page
    run, counts = found_of(shop, no)
    told = {pair: records for pair, (records, _) in moved(counts).items()}
    assert told == {("ready", "ready"): 6, ("ready", would): 2}
    assert (run.looked, run.gone) == (8, 0)
    assert keys(shop) == [0, 0]  # let go of at its end


@pytest.mark.parametrize("files", [FIRST_ORDERS, ONE_A_DAY], ids=["link", "unique"])
def test_so_they_do_from_the_start(
    database: Database, company: Company, clock: SetClock, files: dict[str, str]
) -> None:
    shop = open_shop(database, company, clock)
    shop.publish(files)
    arrive(shop, posted=True)
    with shop.database.read() as session:
        states = Counter(session.scalars(select(Posting.state)))
    assert states == {"posted": 6, "held": 2}


def test_what_came_later_or_was_otherwise_then_does_not_count(shop: Shop) -> None:
    shop.clock.advance(3600)
    later = order("C-78-0", ordered_on="2026-11-01", customer="C-78")
    shop.receive(later)  # older by its date, but nobody knew of it yet
    moved_on = order("C-77-1", ordered_on="2026-11-25", updated_at="2026-11-25T00:00:00Z")
    shop.receive(moved_on)  # the first one of the other, not any more
    shop.judge()
    no = pushed(shop, FIRST_ORDERS)
    with shop.database.read() as session:
        given = shadows.of_change(session, shop.company.id, no)
        assert given is not None
        found: dict[str, list[str]] = {}
        for one in session.scalars(select(Evaluation).order_by(Evaluation.id)):
            replayed = draft_trials.replayed(session, shop.company.id, one.id, given)
            assert isinstance(replayed, draft_trials.Replay)
            number = session.get_one(Record, one.record_id).number
            found.setdefault(number, [s.state for s in replayed.again.values()])
    assert [number for number, states in found.items() if states == ["held"]] == [
        "C-77-1",
        "C-78-1",
        "C-78-0",
    ]


def test_a_duplicate_counts_where_it_came_before_and_stands(shop: Shop) -> None:
    numbers = ("S-1", "S-2", "S-3", "S-4")
    days = dict.fromkeys(numbers, "2026-11-10") | {"S-3": "2026-11-11"}
    for number, day in days.items():
        shop.clock.advance(60)
        status = "cancelled" if number == "S-1" else "paid"
        shop.receive(order(number, customer="C-79", ordered_on=day, status=status))
        shop.judge()
    shop.clock.advance(60)
    moved_on = order("S-3", customer="C-79", ordered_on="2026-11-10")
    shop.receive(moved_on | {"updated_at": "2026-11-25T00:00:00Z"})
    shop.judge()
    no = pushed(shop, ONE_A_DAY)
    told: dict[str, list[tuple[str, ...]]] = {}
    company_id = shop.company.id
    with shop.database.write() as session:
        given = shadows.of_change(session, company_id, no)
        assert given is not None
        shadows.go_on(session, company_id, given.program)
        for one in session.scalars(select(Evaluation).order_by(Evaluation.id)):
            stored = draft_trials.kept(session, company_id, one.id)
            assert stored is not None
            asked = shadows.asking(session, given.program, stored)
            assert asked is not None
            looked_up = shadows.facts_of(session, company_id, given.program, [asked])
            facts = shadows.looked_for(session, given, stored).facts
            assert looked_up == {one.id: facts}
            if stored.record.number in numbers:
                (same,) = facts.history.values() or [()]
                told.setdefault(stored.record.number, []).append(same)
    assert told == {
        "S-1": [()],
        "S-2": [()],  # the first was cancelled
        "S-3": [(), ("S-2",)],  # of another day at first; the last came later
        "S-4": [("S-2",)],  # the third was of another day then
    }


def test_a_shadow_finds_what_came_before_it_and_since(shop: Shop) -> None:
    no = pushed(shop, FIRST_ORDERS)
    with shop.database.write() as session:
        assert shadows.begin(session, no, shop.actor("chan"), 1, shop.now)
    for number, customer in (("A-1", "C-77"), ("B-1", "C-79"), ("B-2", "C-79")):
        shop.clock.advance(60)
        day = date(2026, 11, 25 + int(number[-1])).isoformat()
        shop.receive(order(number, customer=customer, ordered_on=day))
        shop.judge()
    while shadow_turns.take_turn(shop.database, shop.clock, shop.company.id):
        pass
    with shop.database.read() as session:
        rows = session.execute(
            select(Record.number, ShadowVerdict.would)
            .join(Evaluation, Evaluation.id == ShadowVerdict.evaluation_id)
            .join(Record, Record.id == Evaluation.record_id)
            .order_by(ShadowVerdict.evaluation_id)
        ).all()
        asks = {
            row.number
            for row in rows
            for told in row.would.values()
            if any(rule == "approve by accounts" for _, rule in told["findings"])
        }
    assert [row.number for row in rows] == ["A-1", "B-1", "B-2"]
    assert asks == {"B-1"}
    assert keys(shop)[0] == 1
    with shop.database.write() as session:
        shadow = shadows.running(session, shop.company.id)
        assert shadow is not None
        shadows.end_by_hand(
            session, shop.company.id, shadow.change_id, shop.actor("chan"), shop.now
        )
    assert keys(shop) == [0, 0]


def test_what_would_find_too_much_is_not_judged(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shadows, "MOST", 2)
    no = pushed(shop, FIRST_ORDERS)
    begun(shop, no)
    worked(shop)
    run, _ = found_of(shop, no)
    assert (run.looked, run.gone) == (0, 8)


def test_one_record_is_looked_up_among_few_and_told_among_many(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    no = pushed(shop, FIRST_ORDERS)
    with shop.database.read() as session:
        given = shadows.of_change(session, shop.company.id, no)
        record = shop.record(session, "C-78-4")
        (verdict,) = draft_trials.stored_verdicts(session, record.id)

        def again(*, now: bool) -> tuple[list[str], bool]:
            at = shop.now if now else None
            told = draft_trials.replayed(session, shop.company.id, verdict.evaluation_id, given, at)
            assert isinstance(told, draft_trials.Replay)
            return [one.state for one in told.again.values()], told.whole

        assert again(now=False) == again(now=True) == (["ready"], True)
        monkeypatch.setattr(shadows, "MOST", 6)
        assert again(now=False) == again(now=True) == (["held"], False)


def test_keys_are_made_chunk_by_chunk(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadows, "CHUNK", 3)
    monkeypatch.setattr(shadows, "LOOKS_BACK", 1)
    no = pushed(shop, FIRST_ORDERS)
    begun(shop, no)
    assert worked(shop) > 3
    _, counts = found_of(shop, no)
    assert {pair: told[0] for pair, told in moved(counts).items()} == {
        ("ready", "ready"): 6,
        ("ready", "to approve"): 2,
    }


def test_rules_that_ask_nothing_anew_make_no_keys(shop: Shop) -> None:
    words = {**KNOWN, "shop.rules": RULES.replace("is above the limit", "is a lot")}
    begun(shop, pushed(shop, words))
    assert worked(shop) == 1
    assert keys(shop) == [0, 0]
