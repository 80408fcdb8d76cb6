"""What a target tells of the books behind it, as data.

Here: whether it tells units, stock, periods, and where the closing date comes from. Not here: the
calls that ask for any of it (targets.py), the last closed day itself (`Snapshot.locked_through`).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class BookFacts:
    """What can be known of a target's books without a person.

    `units`: how it counts an item (it is then a `TellsItems`). `stock`: how many are there.
    `periods`: its list of accounting periods. `closing_date` is `told` where the connection test
    reads the last closed day, and `entered` where a person keeps it in the setting
    `locked_through`. `by_id`: documents name customers, vendors and items by ids that it gave them
    itself, so that no source has the same ones.
    """

    units: bool = False
    stock: bool = False
    periods: bool = False
    by_id: bool = False
    closing_date: Literal["told", "entered"]
