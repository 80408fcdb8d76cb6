"""Causes: how a group of holds is called."""

from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Cause, Company
from tests.holding.shop import FILES, RULES, line, open_shop, order
from tests.support.clock import SetClock

ASKS = RULES.replace("when     total > 1000.00", "when     total > limit").replace(
    "{total} is above the limit", "{total} is above {limit}"
)


def test_a_group_says_the_limit_and_is_renamed_with_it(
    database: Database, company: Company, clock: SetClock
) -> None:
    shop = open_shop(database, company, clock)
    named: list[tuple[str, int]] = []
    for limit in ("1000.00", "900.00"):
        const = f"const limit\n    from 2024-01-01 = {limit}\n"
        shop.publish(FILES | {"shop.rules": ASKS + const})
        if not named:
            shop.receive(order("A-1", total="1100.00", lines=[line(qty="10", price="110.00")]))
        shop.judge()
        with shop.database.read() as session:
            rows = session.execute(select(Cause.label, Cause.records).order_by(Cause.id))
            named += [(label, records) for label, records in rows]
    assert named == [("RM total is above 1,000.00.", 1), ("RM total is above 900.00.", 1)]
