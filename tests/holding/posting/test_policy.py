"""What follows a refusal: the rules' own retry table, else what is built in."""

from datetime import timedelta

import pytest

from connectors.contract.errors import ERROR_CLASSES
from grammar.text.finding_codes import ErrorClass
from holding.db.database import Database
from holding.db.models import Company
from holding.posting import store_results
from holding.posting.store_results import RetryDecision
from tests.holding.shop import FILES, RULES, Shop, open_shop, order
from tests.support.clock import SetClock

RETRY = """
retry aiaccount
    | error                    | tries | do                                              |
    | temporary, period_locked | < 9   | try 3 times from 30s then hold for sales_admin  |
    | temporary, period_locked | >= 9  | review by accounts                              |
    | uncertain                | -     | look up first                                   |
    | authorization_failed     | -     | try 9 times from 30s then hold for sales_admin  |
    | duplicate, stale_version, missing_field   | - | hold for sales_admin |
    | bad_value, mapping_missing, business_rule | - | hold for sales_admin |
"""


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def follows(shop: Shop, error_class: ErrorClass, tries: int) -> RetryDecision:
    with shop.database.read() as session:
        return store_results.decide_retry(
            session, shop.posting(session, "NS-1"), error_class, tries
        )


def test_the_rules_say_how_often_how_late_and_who_is_asked(shop: Shop) -> None:
    shop.publish(FILES | {"shop.rules": RULES + RETRY})
    shop.receive(order("NS-1"))
    shop.judge()
    first, second = (follows(shop, "temporary", tries) for tries in (1, 2))
    assert (first.least, first.most) == (timedelta(seconds=30), timedelta(seconds=36))
    assert second.least == timedelta(seconds=60)
    assert follows(shop, "period_locked", 2).again  # a refusal may be tried again, too
    assert follows(shop, "temporary", 3) == RetryDecision(owner="sales_admin")
    assert follows(shop, "temporary", 9) == RetryDecision(owner="accounts")
    assert follows(shop, "authorization_failed", 1) == RetryDecision(owner="sales_admin")
    assert follows(shop, "business_rule", 1) == RetryDecision(owner="sales_admin")
    assert not follows(shop, "uncertain", 1).again


def test_without_a_table_only_what_is_temporary_is_tried_again_and_not_for_ever(
    shop: Shop,
) -> None:
    shop.publish()
    shop.receive(order("NS-1"))
    shop.judge()
    pauses = [follows(shop, "temporary", tries) for tries in range(1, 12)]
    assert [one.least for one in pauses] == [timedelta()] * 11
    assert [one.most.total_seconds() for one in pauses][:4] == [2, 4, 8, 16]
    assert pauses[-1].most == timedelta(minutes=15)
    assert not follows(shop, "temporary", 12).again
    for error_class in ERROR_CLASSES:
        if error_class != "temporary":
            assert not follows(shop, error_class, 1).again
