"""The nearest known code to one that is not known, and how much is compared to find it."""

import pytest

from grammar.nodes import Ruleset
from holding.uploads import file_check
from holding.uploads.file_check import UNIT_FIELD, KnownCodes, of_rules


def units(*names: str) -> KnownCodes:
    """The known units of rules without maps."""
    return of_rules(Ruleset(), {("unit", "uom"): {f"{name}|": f"of {name}" for name in names}})


def nearest(known: KnownCodes, code: str) -> str | None:
    found = known.mistyped(UNIT_FIELD, code)
    return found.code if found is not None else None


def test_the_nearest_of_several_is_named_and_a_known_code_is_not_wrong() -> None:
    known = units("CARTON", "CARTOON", "BOX")
    assert nearest(known, "CARTOM") == "CARTON"
    assert nearest(known, "CARTON") is None
    assert nearest(known, "SACHET") is None


@pytest.mark.parametrize(("length", "found"), [(100, True), (101, False)])
def test_a_code_of_more_than_100_signs_is_not_compared(length: int, found: bool) -> None:
    known = units("A" * length)
    assert (nearest(known, "A" * (length - 1) + "B") is not None) is found


def test_a_file_of_many_unknown_codes_is_compared_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_check, "_SIGNS", 24)  # two codes of 6 signs with two known ones
    compared: list[str] = []

    def alike(wanted: str, known: str) -> tuple[str, int]:
        compared.append(f"{wanted} {known}")
        return "similar", 90

    monkeypatch.setattr(file_check, "rate_similarity", alike)
    known = units("CARTON", "BARREL", "TIN 12")
    assert nearest(known, "CARTOM") is not None
    assert nearest(known, "CARTOM") is not None  # asked again, not compared again
    assert nearest(known, "TIN 13") is None  # other digits cost nothing
    assert nearest(known, "CARTOP") is not None
    assert nearest(known, "CARTOQ") is None
    assert nearest(known, "CARTOP") is not None
    assert len(compared) == 4
