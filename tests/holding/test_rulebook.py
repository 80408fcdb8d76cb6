"""The rules in force as people read them: since when each one stands."""

from datetime import timedelta

from holding.database import Database
from holding.models import Company
from holding.queries import rulebook
from tests.holding.shop import FILES, RULES, open_shop
from tests.support.clock import SetClock

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
        edition = rulebook.edition(session, company.id)
        assert edition is not None
        assert (edition.no, edition.publisher, edition.author) == (2, "Pua", "Chan")
        assert (edition.published_at, edition.backtest_at) == (shop.now, None)
        book = rulebook.read(session, edition.version_id)
        history = rulebook.history(session, company.id, edition.no)
        since = {e.name: history.of(e.span) for s in book.sections for e in s.entries if e.span}
    check, table = since["check adds_up"], since["map debtor"]
    assert check == rulebook.Since(2, shop.now, before=False)
    assert table == rulebook.Since(1, first, before=False)


def test_no_rules_no_edition(database: Database, company: Company) -> None:
    with database.read() as session:
        assert rulebook.edition(session, company.id) is None
