"""The table of the walk (walk.toml) as values: screens, their states, who may open them.

Here: reading it, and who walks which part. Not here: the walk (test_walk.py), and what keeps the
table whole (tests/portal/web/test_walk_table.py).
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from holding.access.actors import ROLES

WHOLE = os.environ.get("CLEARPOST_WALK") == "all"
_READ: Mapping[str, Any] = tomllib.loads((Path(__file__).parent / "walk.toml").read_text())
TABLE: Mapping[str, Mapping[str, Any]] = _READ["screens"]
LEFT_OUT: Mapping[str, str] = _READ["left_out"]
STATES = ("shown", "refused", "empty", "loading", "stale", "error", "many")
PEOPLE = {
    "viewer": "vera",
    "finance": "farah",
    "approver": "lim",
    "consultant": "chan",
    "publisher": "pua",
    "auditor": "nurul",
    "operator": "olga",
    "admin": "adam",
}
Look = tuple[str, int, str]  # scheme, width, language
LOOKS: tuple[Look, ...] = tuple(
    product(("light", "dark"), (1280, 390), ("en-MY", "ms-MY", "zh-CN"))
)
FEW_LOOKS = (LOOKS[0], LOOKS[-2], LOOKS[2])
EVERY = 12  # of the states beside "shown", make test looks at each twelfth
ROWS = 10_000


@dataclass(frozen=True)
class Screen:
    """A line of the table."""

    route: str
    cells: Mapping[str, Any]

    @property
    def roles(self) -> tuple[str, ...]:
        """Who may open it."""
        told = self.cells["open_to"]
        return ROLES if told == "everybody" else tuple(told)

    @property
    def made(self) -> str:
        """What makes it, of walk_makers.py; blank where it is there already."""
        shown = str(self.cells["shown"])
        return shown.removeprefix("made: ") if shown.startswith("made: ") else ""

    def at(self, state: str) -> str:
        """The address or the way to a state; blank where the table says that there is none."""
        told = str(self.cells[state])
        return "" if told.startswith("none: ") else told


SCREENS = tuple(Screen(route, cells) for route, cells in TABLE.items())


def reader(one: Screen) -> str:
    """The role as which a screen is walked: that of the desk, where it may."""
    return one.cells.get("walks") or ("finance" if "finance" in one.roles else one.roles[-1])


def mail(role: str) -> str:
    """Who walks as this role."""
    return f"{PEOPLE[role]}@kedai.my"
