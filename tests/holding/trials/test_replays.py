"""One record judged again: by the rules of then, by others, and with what is known now."""

import pytest
from sqlalchemy import select, update

from holding.db.database import Database
from holding.db.models import Company, Evaluation
from holding.db.refusal import Refusal
from holding.rulesets import publication
from holding.trials import draft_trials, shadows
from holding.trials.draft_trials import Replay
from holding.trials.shadows import Candidate
from tests.holding.shop import DEBTORS, FILES, Shop, open_shop, order
from tests.holding.trials.test_shadows import changed, counted, small
from tests.support.clock import SetClock
from tests.support.factories import make_company


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    found.publish()
    found.receive(order("SO-1"), small("SO-2"))
    found.judge()
    return found


def again(
    shop: Shop, number: str, change: int | None = None, *, now: bool = False
) -> Replay | Refusal:
    with shop.database.read(many=True) as session:
        given: Candidate | None = None
        if change is not None:
            given = shadows.of_change(session, shop.company.id, change)
            assert given is not None
        verdict = draft_trials.stored_verdicts(session, shop.record(session, number).id)[0]
        when = shop.now if now else None
        return draft_trials.replayed(session, shop.company.id, verdict.evaluation_id, given, when)


def test_the_rules_of_then_give_no_difference_and_the_stored_hash(shop: Shop) -> None:
    for number in ("SO-1", "SO-2"):
        found = again(shop, number)
        assert isinstance(found, Replay)
        assert (found.differences, found.same_hash) == ((), True)
        assert found.original == found.again


def test_other_rules_give_their_verdict_and_leave_nothing(shop: Shop) -> None:
    no = changed(shop)
    before = counted(shop)
    first, second = again(shop, "SO-1", no), again(shop, "SO-2", no)
    assert isinstance(first, Replay)
    assert isinstance(second, Replay)
    (one,) = first.differences
    assert one.was is not None
    assert one.would is not None
    assert (one.was.state, one.would.state) == ("ready", "held")
    assert [rule for _, rule in one.would.findings] == ["small"]
    assert first.with_rules == f"change {no}"
    assert second.differences == ()
    assert counted(shop) == before


def test_a_changed_hash_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_trials, "hash_outcome", lambda *_: "0" * 64)
    found = again(shop, "SO-1")
    assert isinstance(found, Replay)
    assert not found.same_hash


def test_what_is_no_longer_kept_and_what_belongs_to_others_is_not_replayed(shop: Shop) -> None:
    with shop.database.write() as session:
        other = make_company(session, "other")
        mine = session.scalars(select(Evaluation.id)).first()
        assert mine is not None
        assert draft_trials.replayed(session, other.id, mine, None) is draft_trials.GONE
        assert shadows.of_version(session, other.id, 1) is None
        assert shadows.of_change(session, other.id, 1) is None
        session.execute(update(Evaluation).values(facts=None))
        assert draft_trials.replayed(session, shop.company.id, mine, None) is draft_trials.GONE
        assert draft_trials.stored_verdicts(session, shop.record(session, "SO-1").id) == ()


def test_as_if_it_came_now_sees_what_is_posted_now(shop: Shop) -> None:
    found = again(shop, "SO-1", now=True)
    assert isinstance(found, Replay)
    assert [one.state for one in found.again.values()] == ["ready"]


def test_entries_that_the_rules_bring_count_where_none_is_stored(shop: Shop) -> None:
    shop.receive(order("SO-3", customer="C-99"), order("SO-4"))
    shop.judge()
    debtors = f"{DEBTORS}C-99,New Buyer\n".replace("Aisyah Rahman", "Somebody Else")
    with shop.database.write() as session:
        files = {**FILES, "maps/debtors.csv": debtors}
        no = publication.push_change(
            session, shop.company.id, shop.actor("chan"), files, "Debtors", shop.now
        )
    assert isinstance(no, int)
    new, old = again(shop, "SO-3", no), again(shop, "SO-4", no)
    assert isinstance(new, Replay)
    assert isinstance(old, Replay)
    (one,) = new.differences
    assert one.was is not None
    assert one.would is not None
    assert (one.was.state, one.would.state) == ("held", "ready")
    assert old.differences == ()  # a stored entry stays as people have it
