"""Values that are quick to make are compared, hashed, copied and written as frozen ones are."""

from dataclasses import dataclass, fields, replace

import pytest

from rules.facts import Subject
from rules.outcomes import Use, Wait
from rules.values.canonical import dumps, read_only


@read_only(frozen=True, slots=True)
class Quick:
    name: str
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    uses: tuple[Use, ...] = ()


USES = (Use("item", "TEA-1", 7, "TEA"),)


@pytest.mark.parametrize("given", [("a",), ("a", USES)])
def test_they_are_what_frozen_ones_are(given: tuple[str, tuple[Use, ...]]) -> None:
    quick, frozen = Quick(*given), Frozen(*given)
    assert quick == Quick(*given)
    assert quick != Quick("b", *given[1:])
    assert {quick, Quick(*given)} == {quick}
    assert [f.name for f in fields(quick)] == [f.name for f in fields(frozen)]
    assert dumps(quick) == dumps(frozen)
    assert replace(quick, name="b") == Quick("b", *given[1:])
    assert repr(quick) == repr(frozen).replace("Frozen", "Quick")


def test_no_other_field_is_ever_there() -> None:
    with pytest.raises(AttributeError):
        Subject("order", "netshop", {}, 1).color = "red"  # type: ignore[attr-defined]


def test_what_may_change_is_another_kind_of_value() -> None:
    with pytest.raises(TypeError):
        read_only(frozen=False, slots=True)(Wait)
