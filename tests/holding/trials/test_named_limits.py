"""Preflight and the dry run name documents beyond a limit as judging does."""

from datetime import date

import pytest
from sqlalchemy import select, update

from holding.access.actors import Actor
from holding.company import dry_run
from holding.company.dry_run import DryRun
from holding.db.database import Database
from holding.db.models import Company, Connection, Hold
from holding.evaluation.target_limits import LIMITS_RULE
from holding.rulesets import publication
from holding.trials.backtest_turns import parse_line_counts
from holding.trials.fixed_codes import named_codes
from holding.trials.waiting_documents import faults
from rules.comparison.preflight import Beyond, Tally
from rules.values.canonical import PostingState
from tests.holding.shop import FILES, RULES, Shop, open_shop, order
from tests.holding.trials.test_backtests import ALL, begun, found_of, moved, worked
from tests.support.clock import SetClock
from tests.support.databases import any_move

TOO_LONG = RULES.replace('as "{number}"', f'as "{{number}}-{"X" * 60}"')
SAME = RULES.replace('as "{number}"', 'as "{customer}"')


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def publish(shop: Shop, rules: str) -> None:
    shop.publish(FILES | {"shop.rules": rules})


def beyond(shop: Shop) -> tuple[Beyond, ...]:
    with shop.database.read() as session:
        tally = named_codes(session, shop.company.id, shop.now)
    assert isinstance(tally, Tally)
    return tally.beyond()


def rehearse(shop: Shop) -> DryRun:
    with shop.database.write() as session:
        session.execute(update(Company).where(Company.id == shop.company.id).values(live=False))
    admin = Actor(None, "Mei Ling", "mei@kedai.my", shop.company.id, frozenset({"admin"}))
    first, last = date(2026, 11, 1), date(2026, 11, 30)
    done = dry_run.dry_run(shop.database, shop.clock, admin, first, last)
    assert isinstance(done, DryRun), done
    return done


def judged(shop: Shop) -> list[tuple[str, str]]:
    """Code and message of each open hold."""
    shop.judge()
    with shop.database.read() as session:
        query = select(Hold).where(Hold.state == "open").order_by(Hold.id)
        return [(one.code, one.message) for one in session.scalars(query)]


def test_a_limit_has_the_words_of_its_hold_everywhere(shop: Shop) -> None:
    publish(shop, TOO_LONG)
    shop.receive(order("SO-1"))
    [limit] = beyond(shop)
    [cause] = rehearse(shop).causes
    holds = judged(shop)
    assert holds == [("VAL05", limit.message)]
    assert (limit.code, limit.records) == ("VAL05", 1)
    assert (cause.code, cause.message, cause.found.records) == ("VAL05", limit.message, 1)
    assert "has 65 characters, aiaccount takes 50" in limit.message


def test_two_orders_with_one_document_number_are_named_everywhere(shop: Shop) -> None:
    publish(shop, SAME)
    shop.receive(order("SO-1"), order("SO-2"))
    [limit] = beyond(shop)
    [cause] = rehearse(shop).causes
    holds = judged(shop)
    assert holds == [("DUP04", limit.message)]
    assert (cause.code, cause.message) == ("DUP04", limit.message)
    assert "SO-1 of netshop is ready to post" in limit.message


def test_numbers_count_beyond_one_batch(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "A_BATCH", 1)
    monkeypatch.setattr("holding.trials.fixed_codes.AT_ONCE", 1)
    publish(shop, SAME)
    shop.receive(order("SO-1"), order("SO-2"), order("SO-3"))
    assert [one.records for one in beyond(shop)] == [2]
    assert rehearse(shop).groups["ready"].records == 1


def test_a_backtest_names_the_documents_that_a_change_puts_beyond_a_limit(shop: Shop) -> None:
    publish(shop, RULES)
    shop.receive(order("SO-1"))
    assert judged(shop) == []
    with shop.database.write() as session:
        files = FILES | {"shop.rules": TOO_LONG}
        actor = shop.actor("chan")
        no = publication.push_change(session, shop.company.id, actor, files, "Longer", shop.now)
    assert isinstance(no, int), no
    assert begun(shop, no, ALL) == 1
    worked(shop)
    run, counts = found_of(shop, no)
    assert {pair: records for pair, (records, _) in moved(counts).items()} == {("ready", "held"): 1}
    [line] = parse_line_counts(run.counted)
    assert (line.rule, line.place, line.is_new) == (LIMITS_RULE, "", True)


def test_a_document_that_is_ready_has_the_words_of_its_hold(shop: Shop) -> None:
    """Such as one that was ready before its target's limit was known."""
    publish(shop, TOO_LONG)
    shop.receive(order("SO-1"))
    [(_, message)] = judged(shop)
    with shop.database.write() as session, any_move(session):
        shop.posting(session, "SO-1").state = PostingState.READY
    with shop.database.read() as session:
        target = session.scalars(select(Connection).where(Connection.side == "target")).one()
        [fault] = faults(session, target, shop.now)
    assert (fault.code, fault.words) == (
        "VAL05",
        f"{message} First: SO-1-{'X' * 60}.",
    )
