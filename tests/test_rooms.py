"""The laws of rooms are kept, and each of them is seen to be broken where it is."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import rooms  # noqa: E402

LONG = '"""Long."""\n' + "X = 1\n" * rooms.LINES
USED = "\n\ndef used() -> None:\n    pass\n" + "# a line\n" * rooms.SLIVER


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small tree that keeps all laws."""
    for path, text in {
        "rules/values/numbers.py": USED,
        "rules/values/texts.py": USED + "from rules.values.numbers import used as other\n",
        "rules/types/inference.py": USED + "from rules.values import texts\n",
    }.items():
        plant(tmp_path, path, text)
    return tmp_path


def plant(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).parent.joinpath("__init__.py").touch()
    (root / path).write_text(text, "utf-8")


def broken(root: Path) -> list[str]:
    return rooms.faults(rooms.Code(root))


def test_the_laws_are_kept() -> None:
    assert broken(ROOT) == []


def test_every_floor_has_a_contract_of_its_rooms() -> None:
    config = (ROOT / "pyproject.toml").read_text("utf-8")
    with_contract = {f for f in rooms.FLOORS if f'name = "Rooms of {f}"' in config}
    assert with_contract == set(rooms.FLOORS)


def test_a_small_house_keeps_them(house: Path) -> None:
    assert broken(house) == []


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("rules/values/long.py", LONG, "lines; a module has at most 320"),
        ("rules/alone.py", USED, "stands in no room"),
        ("portal/alone.py", USED, "stands in no room"),
        ("rules/values/helpers.py", USED, "helpers is a drawer"),
        ("rules/misc/numerals.py", USED, "misc is a drawer"),
        ("rules/values/told.py", USED, "told says nothing to a newcomer"),
        ("rules/types/types.py", USED, "repeats the name of its room"),
        ("rules/types/numbers.py", USED, "one name"),
        ("holding/work.py", "from rules.values.texts import other\n", "other is not made in"),
        ("holding/work.py", "from rules.values.numbers import _hidden\n", "_hidden is private"),
        ("holding/work.py", "from rules.values import texts\ntexts._x\n", "_x is private"),
    ],
)
def test_a_broken_law_is_told(house: Path, path: str, text: str, said: str) -> None:
    plant(house, path, text)
    assert [fault for fault in broken(house) if said in fault]


def test_a_room_that_is_too_full_is_told(house: Path) -> None:
    for number in range(rooms.MODULES):
        plant(house, f"rules/values/part_{number}.py", USED)
    assert broken(house) == ["rules.values: 16 modules; a room has at most 14"]


def test_a_sliver_for_one_other_is_told(house: Path) -> None:
    plant(house, "rules/values/sliver.py", "ONE = 1\n")
    plant(house, "rules/values/texts.py", USED + "from rules.values.sliver import ONE\n")
    told = "rules/values/sliver.py:1: 1 lines for rules.values.texts alone: they belong there"
    assert broken(house) == [told]
    plant(house, "rules/values/sliver.py", 'ONE = 1\nif __name__ == "__main__":\n    print(ONE)\n')
    assert broken(house) == []


def test_a_floor_that_is_one_room_keeps_the_other_laws(house: Path) -> None:
    plant(house, "workers/turns.py", USED)
    assert broken(house) == []
    plant(house, "workers/helpers.py", LONG)
    assert len(broken(house)) == 2


def test_a_test_lies_in_a_room_of_its_floor(house: Path) -> None:
    for kept in ("rules/values/test_sums", "rules/kit", "workers/test_turns", "holding/test_words"):
        plant(house, f"tests/{kept}.py", USED)
    plant(house, "holding/words.py", USED)
    plant(house, "workers/turns.py", USED)
    (house / "tests" / "rules" / "wire").mkdir()
    assert broken(house) == []
    plant(house, "tests/rules/sums/test_sums.py", USED)
    plant(house, "tests/workers/turns/test_turns.py", USED)
    plant(house, "tests/rules/test_values.py", USED)
    assert broken(house) == [
        "tests/rules/sums: there is no room rules/sums",
        "tests/rules/test_values.py: lies in no room of rules",
        "tests/workers/turns: there is no room workers/turns",
    ]
