"""Folders of connectors beside the product's own: where they are, and what is wrong with them.

Here: the setting, and the folders of one side. Not here: finding the connectors in them
(registry.py). A connector of such a folder runs with all rights of the product.
"""

import os
from pathlib import Path

SETTING = "CLEARPOST_CONNECTORS"
"""Folders with a colon between them; each holds `sources`, `targets` and `simulators`."""


class BrokenConnectorError(Exception):
    """A connector that cannot be used: which, why, and what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def folders(side: str) -> list[str]:
    """Where to look for the connectors of a side besides the product's own place."""
    named = [Path(one) for one in os.environ.get(SETTING, "").split(os.pathsep) if one.strip()]
    return [str(one.resolve() / side) for one in named]


def missing() -> list[Path]:
    """The folders of the setting that are not there."""
    named = (Path(one) for one in os.environ.get(SETTING, "").split(os.pathsep) if one.strip())
    return [one for one in named if not one.is_dir()]
