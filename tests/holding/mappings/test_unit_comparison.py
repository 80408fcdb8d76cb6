"""The four values of a unit that holds records: by records that were really judged."""

from typing import Any

import pytest
from sqlalchemy import select

from holding.connections.master_data import keep_kinds
from holding.db.database import Database
from holding.db.models import Company, Hold
from holding.mappings import mapping_lists
from holding.mappings.mapping_lists import UnitComparison
from tests.holding.fixing import fix
from tests.holding.shop import FILES, RULES, Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import connection_named

CTN = [line(uom="CTN", qty="5", price="96.00")]
POSTED = "UOM          = base_unit(line.sku)"


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """A company whose units table says that a carton of TEA-1 holds 40."""
    found = open_shop(database, company, clock)
    found.publish()
    return found


def set_up(shop: Shop, unit: str, **rates: int) -> None:
    """What the target tells of TEA-1."""
    with shop.database.write() as session:
        target = connection_named(session, shop.company, "aiaccount")
        body = {"unit": unit, "rates": {name: [rate, 1] for name, rate in rates.items()}}
        kinds: dict[str, Any] = {
            "item": {"TEA-1": body},
            "period": {"locked_through": {"date": None}},
        }
        keep_kinds(session, target, kinds, person=None, now=shop.now)


def held(shop: Shop, code: str) -> UnitComparison:
    with shop.database.read() as session:
        cause = session.scalars(select(Hold.cause_id).where(Hold.code == code)).first()
        assert cause is not None
        waiting = mapping_lists.units_on_hold(session, shop.company.id)
        assert cause in {one.cause_id for one in waiting}
        assert mapping_lists.unit_comparison(session, shop.company.id + 1, cause) is None
        assert mapping_lists.units_on_hold(session, shop.company.id + 1) == ()
        found = mapping_lists.unit_comparison(session, shop.company.id, cause)
        assert found is not None
        return found


def texts(found: UnitComparison) -> list[str]:
    return [one.text for one in found.values]


def test_the_rate_of_the_target_differs_from_ours(shop: Shop) -> None:
    set_up(shop, "PCS", CTN=12)
    shop.receive(order("NS-1", lines=CTN, total="480.00"))
    shop.judge()
    found = held(shop, "UOM08")
    assert texts(found) == [
        "CTN, TEA-1", "1 CTN = 40 PCS", "1 CTN = 12 PCS", "TEA-1 in PCS: 200 PCS × 1 = 200 PCS",
    ]  # fmt: skip
    assert [one.no for one in found.values if one.differs] == [2, 3]
    assert found.says == "2 and 3 differ"
    assert found.effect == (
        "5 CTN would be 200 PCS here and 60 PCS in aiaccount: stock would be wrong by 140 PCS."
    )
    assert (found.entry, found.has_entry, found.number) == ("CTN|TEA-1", True, "NS-1")
    assert (found.records, found.money, found.target) == (1, {"": 48000}, "aiaccount")


def test_the_target_does_not_have_what_is_posted(shop: Shop) -> None:
    set_up(shop, "BOX")
    shop.receive(order("NS-1", lines=CTN, total="480.00"))
    shop.judge()
    found = held(shop, "UOM08")
    assert texts(found)[2] == "BOX only"
    assert (found.says, found.effect) == ("3 and 4 differ", "")


def test_a_target_that_counts_in_another_base_does_not_have_what_is_posted(shop: Shop) -> None:
    """It has the carton, so its rate is shown; what differs is the unit that goes out."""
    set_up(shop, "BOX", CTN=12)
    shop.receive(order("NS-1", lines=CTN, total="480.00"))
    shop.judge()
    found = held(shop, "UOM08")
    assert texts(found)[2] == "1 CTN = 12 BOX"
    assert (found.says, found.effect) == ("3 and 4 differ", "")


def test_a_unit_of_two_words_is_read_like_any_other(shop: Shop) -> None:
    fix(shop, "units", "BIG CTN|TEA-1", "40 PCS")
    set_up(shop, "PCS", **{"BIG CTN": 12})
    shop.receive(order("NS-1", lines=[line(uom="BIG CTN", qty="5", price="96.00")], total="480.00"))
    shop.judge()
    found = held(shop, "UOM08")
    assert texts(found)[1:3] == ["1 BIG CTN = 40 PCS", "1 BIG CTN = 12 PCS"]
    assert found.says == "2 and 3 differ"
    assert found.effect == (
        "5 BIG CTN would be 200 PCS here and 60 PCS in aiaccount: stock would be wrong by 140 PCS."
    )


def test_another_quantity_goes_out_than_came_in(shop: Shop) -> None:
    shop.publish({**FILES, "shop.rules": RULES.replace(POSTED, 'UOM          = "CTN"')})
    shop.receive(order("NS-1", lines=CTN, total="480.00"))
    shop.judge()
    found = held(shop, "UOM08")
    assert texts(found)[3] == "TEA-1 in CTN: 200 CTN × 40 = 8000 PCS"
    assert texts(found)[2] == "not told"
    assert (found.says, found.effect) == ("1 and 4 differ", "")


def test_nobody_told_a_factor_of_what_is_posted(shop: Shop) -> None:
    shop.publish({**FILES, "shop.rules": RULES.replace(POSTED, 'UOM          = "SACK"')})
    shop.receive(order("NS-1", lines=CTN, total="480.00"))
    shop.judge()
    found = held(shop, "UOM08")
    assert texts(found)[3] == "TEA-1 in SACK"
    assert (found.says, found.effect) == ("2 and 4 differ", "")


def test_a_conversion_that_is_missing_is_the_second_value(shop: Shop) -> None:
    shop.receive(order("NS-1", lines=[line(uom="DRUM")]))
    shop.judge()
    found = held(shop, "UOM01")
    assert texts(found)[:2] == ["DRUM, TEA-1", "No conversion for 1 DRUM"]
    assert found.says == "2 is missing"
    assert (found.entry, found.has_entry, found.code) == ("DRUM|TEA-1", False, "UOM01")


def test_a_unit_that_is_cleared_has_no_comparison(shop: Shop) -> None:
    shop.receive(order("NS-1", lines=[line(uom="DRUM")]))
    shop.judge()
    cause = held(shop, "UOM01").cause_id
    fix(shop, "units", "DRUM", "9 PCS")
    shop.judge()
    with shop.database.read() as session:
        assert mapping_lists.unit_comparison(session, shop.company.id, cause) is None
