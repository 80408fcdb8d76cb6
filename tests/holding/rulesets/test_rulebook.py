"""The rules in force as people read them: since when each one stands."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access import actors
from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Change, Company, Event, Person
from holding.rulesets import publication, recorded_backtests, rulebook
from holding.rulesets.recorded_backtests import Published
from tests.holding.shop import FILES, RULES, open_shop
from tests.support.clock import SetClock
from tests.support.factories import make_company

LONGER = RULES.replace("The lines of {number} do", "Order {number}: the lines do")
MOVED = {**FILES, "shop.rules": "# another comment\n\n" + LONGER}


def test_a_rule_stands_since_the_version_that_first_said_so(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    shop.publish()
    first = shop.now
    clock.advance(timedelta(days=3))
    shop.publish(MOVED)
    with database.read() as session:
        version = rulebook.version_in_force(session, company.id)
        assert version is not None
        assert (version.no, version.publisher, version.author) == (2, "Pua", "Chan")
        assert version.published_at == shop.now
        book = rulebook.read_book(session, version.version_id)
        history = rulebook.rule_history(session, company.id, version.no)
        since = {e.name: history.of(e.span) for s in book.sections for e in s.entries if e.span}
    check, table = since["check adds_up"], since["map debtor"]
    assert check == rulebook.Since(2, shop.now, before=False)
    assert table == rulebook.Since(1, first, before=False)


def test_no_rules_no_version(database: Database, company: Company) -> None:
    with database.read() as session:
        assert rulebook.version_in_force(session, company.id) is None


def test_the_last_backtest_is_that_of_the_rules_in_force(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    shop.publish()
    with database.write() as session:
        version = rulebook.version_in_force(session, company.id)
        assert version is not None
        chan, pua = (_actor(session, company, name) for name in ("Chan", "Pua"))
        assert recorded_backtests.last_backtest(session, company.id, version.hash) is None
        refusal = recorded_backtests.record_backtest(
            session, company.id, pua, _counted(version.hash), clock.now()
        )
        assert refusal is not None
        assert refusal.status == 403
        for counted in (_counted(version.hash), _counted("b" * 64, old=version.hash, bad=2)):
            clock.advance(timedelta(hours=1))
            assert (
                recorded_backtests.record_backtest(session, company.id, chan, counted, clock.now())
                is None
            )
        mine = recorded_backtests.last_backtest(session, company.id, version.hash)
        assert mine is not None
        assert (mine.by, mine.at) == ("Chan", clock.now() - timedelta(hours=1))
        never = "rules aaaaaaaaaaaa, which were never published"
        assert mine.said == f"of these rules against {never}: 1,200 records, 1 differs"
        assert mine.rules == {"check adds_up": "last backtest: it fired on 3 of 1,200 records"}
        other = recorded_backtests.last_backtest(session, company.id, "c" * 64)
        assert other is not None
        told = "of rules bbbbbbbbbbbb, which are not in force, against rule version 1"
        bad = "2 lines could not be used"
        assert other.said == f"{told}: 1,200 records, 1 differs, {bad}"
        assert other.rules == {}
        said = [e.body["say"] for e in session.scalars(select(Event)) if "backtest" in e.body]
        assert len(said) == 2
        assert said[0].startswith(f"Chan recorded a backtest of rules {version.hash[:12]} against")


def test_T27_a_publish_names_the_backtest_that_it_was_decided_by(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    shop.publish()
    with database.write() as session:
        chan, pua = (_actor(session, company, name) for name in ("Chan", "Pua"))
        other = replace(chan, company_id=make_company(session, "warung").id)
        no = publication.push_change(session, company.id, chan, MOVED, "another", clock.now())
        change = session.scalars(select(Change).where(Change.no == no)).one()

        def record(of: str, actor: Actor = chan, bad: int = 0) -> None:
            clock.advance(timedelta(hours=1))
            told, owner = _counted(of, bad=bad), actor.company_id or 0
            assert (
                recorded_backtests.record_backtest(session, owner, actor, told, clock.now()) is None
            )

        record(change.hash, bad=9)
        record(change.hash, bad=2)
        record("b" * 64)
        record(change.hash, other, bad=7)
        done = publication.publish_change(session, change.no, pua, clock.now())
        assert isinstance(done, Published)
        decided = recorded_backtests.backtest_of_version(session, company.id, done.version_id)
        assert decided is not None
        assert decided == done.backtest
        assert decided.said.endswith("1,200 records, 1 differs, 2 lines could not be used")
        record(change.hash, bad=3)
        assert (
            recorded_backtests.backtest_of_version(session, company.id, done.version_id) == decided
        )
        assert (
            recorded_backtests.backtest_of_version(session, other.company_id or 0, done.version_id)
            is None
        )
        published = select(Event).where(Event.act == "rules.published").order_by(Event.id)
        told = [event.body for event in session.scalars(published)]
    assert told[0]["say"].endswith("; no backtest of these rules was recorded.")
    assert "backtest" not in told[0]
    assert (told[1]["backtest"], told[1]["backtest_sha256"]) == (decided.id, decided.sha256)
    assert (
        f"; decided by the backtest {decided.said} (hash {decided.sha256[:12]})." in told[1]["say"]
    )


def _counted(of: str, *, old: str = "a" * 64, bad: int = 0) -> recorded_backtests.Counted:
    rules = {"check adds_up": (3, 1200)}
    return recorded_backtests.Counted(
        hash=of, old_hash=old, records=1200, differ=1, bad=bad, rules=rules
    )


def _actor(session: Session, company: Company, name: str) -> Actor:
    person_id = session.scalars(select(Person.id).where(Person.name == name)).one()
    actor = actors.actor_of(session, person_id, company.id, via="command line")
    assert actor is not None
    return actor
