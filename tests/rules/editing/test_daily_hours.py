"""Another hour of a daily route: the rules and their tests change alike, and still hold."""

from datetime import time

import pytest

from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from holding.rulesets.admission import RulesRefusal, examine
from portal.starters.pairs import read_template
from rules.editing.daily_hours import change_hours, daily_routes

DAILY = ("netshop-aiaccount-daily", "orders-quickbooks", "settlements-aiaccount")
INVOICE = "aiaccount.sales_invoice"


def files_of(name: str) -> dict[str, str]:
    return dict(read_template(name))


def ruleset(files: dict[str, str]) -> Ruleset:
    return parse({path: text for path, text in files.items() if path.endswith(".rules")})[0]


@pytest.mark.slow
@pytest.mark.parametrize("hour", [time(1), time(4, 30), time(23, 15)])
@pytest.mark.parametrize("name", DAILY)
def test_shipped_rules_hold_at_any_hour_for_one_route_and_for_all(name: str, hour: time) -> None:
    files = files_of(name)
    routes = daily_routes(ruleset(files))
    assert routes
    for some in ([next(iter(routes))], list(routes)):
        made = change_hours(ruleset(files), files, dict.fromkeys(some, hour))
        assert not isinstance(examine(made), RulesRefusal)
        assert daily_routes(ruleset(made)) == routes | dict.fromkeys(some, hour)


def test_only_the_moments_of_that_run_change() -> None:
    files = files_of(DAILY[0])
    made = change_hours(ruleset(files), files, {INVOICE: time(4)})
    assert made["posting.rules"].count("daily    at 04:00 by paid_at") == 1
    before, after = (one["orders_test.rules"].split("\n") for one in (files, made))
    moved = {(old, new) for old, new in zip(before, after, strict=True) if old != new}
    assert ("    given    tea at 2026-11-20 02:00", "    given    tea at 2026-11-20 04:00") in moved
    assert "    given    tea at 2026-11-19 01:59" in after, "before the old hour it is before both"
    assert not any(" paid_at = 2026-11-19 00:10" not in new for old, new in moved if "00:10" in old)
    kept = {"commissions_test.rules", "changes.rules"} & files.keys()
    assert kept
    assert [made[path] for path in sorted(kept)] == [files[path] for path in sorted(kept)]


def test_an_hour_is_named_where_none_was_and_the_same_hour_changes_nothing() -> None:
    files = files_of(DAILY[0])
    files["posting.rules"] = files["posting.rules"].replace("daily    at 02:00 by", "daily    by")
    assert change_hours(ruleset(files), files, {INVOICE: time(2)}) == files
    made = change_hours(ruleset(files), files, {INVOICE: time(0, 5)})
    assert "    daily    at 00:05 by paid_at\n" in made["posting.rules"]
    assert daily_routes(ruleset(made))[INVOICE] == time(0, 5)
    assert "given    tea at 2026-11-19 00:04" in made["orders_test.rules"]


def test_what_is_not_daily_has_no_hour() -> None:
    files = files_of("netshop-aiaccount")
    assert daily_routes(ruleset(files)) == {}
    assert change_hours(ruleset(files), files, {INVOICE: time(4)}) == files
