"""A stored database of before: the entries that its documents lack are noted, nothing is missed."""

from typing import Any

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import Company, Evaluation, MappingEntry, Posting, PostingUse, UseMark
from holding.db.models.columns import table_of
from holding.holds import releases
from holding.holds.holds import Done
from holding.mappings import entries
from holding.mappings.fixes import Fixed
from holding.programs import replay
from rules.values.canonical import PostingState
from tests.holding.consent import ASKING
from tests.holding.fixing import due, fix
from tests.holding.shop import FILES, Shop, open_shop, order
from tests.support.clock import SetClock
from tests.support.databases import any_move, unlock

KEPT = (
    ASKING.replace("line.price, 0.01)", "line.price * kept(line.sku), 0.01)")
    + """
map kept
    match    exact
    "TEA-1"  -> 100%
    missing  hold for accounts  say "Nobody said what is kept of {key}."
"""
)


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Three orders that were released; each was decided by an entry that its document lacks."""
    made = open_shop(database, company, clock)
    made.publish({**FILES, "shop.rules": KEPT})
    made.receive(*(order(f"NS-{n}", channel="fax") for n in range(1, 4)))
    made.judge()
    with made.database.write() as session:
        for number in made.states():
            [hold] = made.holds(session, number)
            done = releases.release(session, made.actor("lim"), hold.id, "agreed", made.now)
            assert isinstance(done, Done), done
    made.judge()
    assert set(made.states().values()) == {"ready"}
    return made


def of_before(shop: Shop) -> list[tuple[int, int]]:
    """Keep the stored uses that earlier versions stored, and return all uses from before.

    Those versions stored every entry of the first document only.
    """
    with shop.database.write() as session:
        found = uses(session)
        first = session.scalar(select(func.min(Posting.id)))
        lacked = select(MappingEntry.id).where(MappingEntry.key == "TEA-1")
        session.execute(
            delete(PostingUse).where(
                PostingUse.posting_id != first, PostingUse.entry_id.in_(lacked)
            )
        )
        assert len(uses(session)) < len(found)
    mark_all(shop)
    return found


def mark_all(shop: Shop) -> None:
    """Mark every posting, as a database has them that an earlier program filled."""
    with shop.database.write() as session:
        ids = session.scalars(select(Posting.id)).all()
        session.add_all(UseMark(posting_id=posting_id) for posting_id in ids)


def uses(session: Session) -> list[tuple[int, int]]:
    query = select(PostingUse.posting_id, PostingUse.entry_id)
    rows = session.execute(query.order_by(PostingUse.posting_id, PostingUse.entry_id))
    return [(row.posting_id, row.entry_id) for row in rows]


def noted(shop: Shop) -> list[tuple[int, int]]:
    with shop.database.read() as session:
        return uses(session)


def marks(shop: Shop) -> int:
    with shop.database.read() as session:
        return session.scalar(select(func.count()).select_from(UseMark)) or 0


def complete(shop: Shop) -> int:
    return replay.complete(shop.database, shop.now)


def post(shop: Shop, session: Session) -> None:
    """All of it is sent."""
    with any_move(session):
        for one in session.scalars(select(Posting)):
            one.state = PostingState.POSTED


def test_what_is_judged_by_this_program_is_never_marked(shop: Shop) -> None:
    assert (marks(shop), complete(shop)) == (0, 0)


@pytest.mark.slow
def test_every_entry_is_noted_once_and_the_marks_go(shop: Shop) -> None:
    before = of_before(shop)
    assert (marks(shop), complete(shop), marks(shop)) == (3, 3, 0)
    assert noted(shop) == before
    assert complete(shop) == 0


@pytest.mark.slow
def test_a_change_wakes_what_was_judged_before(shop: Shop) -> None:
    of_before(shop)
    complete(shop)
    shop.judge()
    fixed = fix(shop, "kept", "TEA-1", "90%")
    assert isinstance(fixed, Fixed)
    assert due(shop) == ["NS-1", "NS-2", "NS-3"]


@pytest.mark.slow
def test_a_change_that_was_made_before_the_entries_were_noted_is_not_missed(shop: Shop) -> None:
    of_before(shop)
    fix(shop, "kept", "TEA-1", "90%")
    assert due(shop) == ["NS-1"]
    shop.judge()
    complete(shop)
    assert due(shop) == ["NS-2", "NS-3"]
    shop.judge()
    with shop.database.read() as session:
        for number in shop.states():
            total = (shop.posting(session, number).content or {})["lines"][0]["LineTotal"]
            assert total == "172.80", number


@pytest.mark.slow
def test_what_lacks_nothing_is_not_judged_again(shop: Shop) -> None:
    with shop.database.read() as session:
        everything = uses(session)
    mark_all(shop)
    assert (complete(shop), due(shop)) == (3, [])
    assert noted(shop) == everything


@pytest.mark.slow
def test_of_what_is_posted_a_correction_finds_all_and_nothing_is_judged_again(shop: Shop) -> None:
    with shop.database.write() as session:
        post(shop, session)
    of_before(shop)
    with shop.database.read() as session:
        users = entries.usage_by_day(session, shop.company.id, "kept", "TEA-1").values()
        assert sum(one.records for one in users) == 1
    complete(shop)
    with shop.database.read() as session:
        users = entries.usage_by_day(session, shop.company.id, "kept", "TEA-1").values()
        assert sum(one.records for one in users) == 3
    assert due(shop) == []


@pytest.mark.slow
def test_some_at_a_time_the_newest_first(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = of_before(shop)
    monkeypatch.setattr(replay, "_MARKED", replay._MARKED.limit(None).limit(2))
    assert (complete(shop), marks(shop)) == (2, 1)
    assert due(shop) == ["NS-2", "NS-3"]
    assert (complete(shop), complete(shop)) == (1, 0)
    assert noted(shop) == before


@pytest.mark.slow
def test_what_was_judged_anew_meanwhile_keeps_the_entries_of_now(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second look is under the lock of the record."""
    of_before(shop)
    real = replay._entries

    def judged_meanwhile(session: Session, evaluation_id: int) -> Any:
        told = real(session, evaluation_id)
        monkeypatch.setattr(replay, "_entries", real)
        fix(shop, "debtor", "C-77", "Chong")
        fix(shop, "kept", "TEA-1", "90%")
        shop.judge()
        after.extend(noted(shop))
        return told

    after: list[tuple[int, int]] = []
    monkeypatch.setattr(replay, "_entries", judged_meanwhile)
    if shop.database.dialect == "sqlite":
        pytest.skip("ON POSTGRESQL: a SQLite file that is read here is not written beside")
    complete(shop)
    assert after
    assert noted(shop) == after


@pytest.mark.slow
def test_what_cannot_be_told_any_more_stops_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """Facts are no longer kept, or rules cannot be read: that one is left as it is."""
    before = of_before(shop)
    with shop.database.write() as session:
        ids = sorted(session.scalars(select(Posting.evaluation_id)))
        unlock(session)
        gone = update(table_of(Evaluation)).where(table_of(Evaluation).c.id == ids[0])
        session.execute(gone.values(facts=None))
        broken = text("UPDATE evaluation SET facts = :facts WHERE id = :id")
        session.execute(broken, {"facts": '{"known":[]}', "id": ids[1]})
    assert (complete(shop), marks(shop)) == (3, 0)
    assert caplog.text.count("Its entries cannot be told.") == 1
    assert f"'evaluation': {ids[1]}" in caplog.text
    third = max(posting for posting, _ in before)
    assert [one for one in noted(shop) if one[0] == third] == [
        one for one in before if one[0] == third
    ]
