"""A quantity converted by a rate that the target cannot tell, and that nobody has confirmed."""

from collections.abc import Mapping

import pytest

from rules.facts import Facts, ItemUnits, Subject, TargetState, load_seeds
from rules.outcomes import Outcome
from rules.values.cause_keys import CauseKey
from tests.rules.shop import NO_TOTAL, NOW, found, judged, line, order, program

CARTON = line(uom="CTN", qty="5", price="42.00")
TWELVE = ("PCS", 12, 1)
Told = Mapping[str, tuple[str, int, int]] | None


def state(confirmed: Told, **rates: int) -> TargetState:
    """A target for which these rates are confirmed, and that tells of TEA itself where it does."""
    units = ItemUnits("PCS", {unit: (num, 1) for unit, num in rates.items()})
    return TargetState(known=True, confirmed=confirmed, items={"TEA": units} if rates else {})


def said(confirmed: Told, *lines: dict[str, object], **rates: int) -> Outcome:
    of = program(NO_TOTAL)
    return judged(of, order(*(lines or (CARTON,))), state=state(confirmed, **rates))


def test_T07b_a_rate_that_nobody_confirmed_holds_once_for_the_item() -> None:
    of = said({}, CARTON, line(pos=2), {**CARTON, "pos": 3, "qty": "1"})
    (finding,) = found(of)
    assert (finding.code, finding.owner, finding.lines) == ("UOM09", "accounts", (1, 3))
    assert finding.message == (
        "It is not confirmed that 1 CTN of T-1 is 12 PCS in books, which tells no such rate."
        " Nothing was sent."
    )
    assert str(finding.clears) == "itself"
    assert "confirms on the page of that connection that 1 CTN of T-1 is 12 PCS" in (
        finding.would_pass
    )
    key = finding.cause_key
    assert str(key) == "rate:books:12/1:PCS:CTN|T-1"
    assert CauseKey.parse(str(key)).rate_of == ("CTN|T-1", TWELVE)


def test_T07b_an_item_with_a_colon_in_its_name_keeps_it() -> None:
    key = CauseKey.rate("books", "CTN", "A:1|B", ("PCS", 1, 3))
    assert CauseKey.parse(str(key)).rate_of == ("CTN|A:1|B", ("PCS", 1, 3))


@pytest.mark.parametrize(
    ("confirmed", "rates"),
    [
        (None, {}),  # nobody asks
        ({"CTN|T-1": TWELVE}, {}),
        ({"CTN|T-1": ("PCS", 24, 2)}, {}),  # the same, written otherwise
        ({}, {"CTN": 12}),  # the target tells it itself
    ],
)
def test_T07b_what_is_confirmed_or_told_or_not_asked_goes(
    confirmed: Told, rates: dict[str, int]
) -> None:
    assert found(said(confirmed, **rates)) == []


def test_T07b_the_base_unit_is_no_rate() -> None:
    assert found(said({}, line(), line(pos=2))) == []


@pytest.mark.parametrize("before", [("PCS", 24, 1), ("BOX", 12, 1)])
def test_T07b_another_rate_than_the_confirmed_one_is_asked_again(
    before: tuple[str, int, int],
) -> None:
    (finding,) = found(said({"CTN|T-1": before, "CTN|T-2": TWELVE}))
    assert finding.message.startswith(
        f"1 CTN of T-1 is 12 PCS in the units table now, and {before[1]} {before[0]} was confirmed"
    )


def test_T07b_a_target_that_tells_the_unit_and_no_rate_is_asked_like_one_that_tells_nothing() -> (
    None
):
    alone = TargetState(known=True, confirmed={}, items={"TEA": ItemUnits("PCS")})
    of = judged(program(NO_TOTAL), order(CARTON), state=alone)
    assert [f.code for f in found(of)] == ["UOM09"]


def test_T07b_a_glance_says_it_as_the_whole_outcome_does() -> None:
    of, facts = program(NO_TOTAL), Facts(NOW)
    for confirmed, expected in ((None, "ready"), ({}, "held"), ({"CTN|T-1": TWELVE}, "ready")):
        world = load_seeds(of.ruleset, {}).world(1, {"books": state(confirmed)})
        glance = of.glance(Subject("order", "shop", order(line(), CARTON), 1), facts, world, NOW)
        assert [route.state for route in glance.routes] == [expected]


def test_T07b_a_quantity_that_is_sent_as_it_came_needs_no_rate() -> None:
    as_it_came = {"= line.pieces\n": "= line.qty\n", "= base_unit(line.sku)\n": "= line.uom\n"}
    of = judged(program({**NO_TOTAL, **as_it_came}), order(CARTON), state=state({}))
    assert found(of) == []
