"""What the check of an uploaded file found, as values and as the JSON that is kept of them.

Here: dataclasses, to JSON and back. Not here: finding it (file_check.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from connectors.contract.uploads import FileColumn, MatchedBy, SheetRows
from holding.db.refusal import Sums


class Standing(StrEnum):
    """What an order of the file is to what is stored: each order of the file is one of these."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    OLDER = "older"
    UNKNOWN_CODE = "unknown_code"
    WRONG = "wrong"


STORED = (Standing.NEW, Standing.CHANGED, Standing.OLDER)
"""What an import writes; an older one goes to the history of its record and is not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCell:
    """One thing wrong at one cell: what the cell holds, why it is wrong, and the nearest known code
    with what it means here. `order` is the number of its order, as far as that could be read.
    """

    where: str
    label: str
    value: str
    message: str
    hint: str
    order: str
    nearest: str = ""
    nearest_means: str = ""

    @property
    def words(self) -> str:
        """In one sentence, as it stands in the column Errors."""
        near = f" Nearest known: {self.nearest}." if self.nearest else ""
        value = f" “{self.value}”." if self.value else ""
        return f"{self.label}{value} {self.message}{near} {self.hint}".strip()


@dataclass(frozen=True, slots=True)
class ChangedField:
    """A field of an order that is stored with another value."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ChangedOrder:
    """An order that differs from what is stored: the first fields, and how many there are."""

    number: str
    kind: str
    external_id: str
    fields: tuple[ChangedField, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """All that a preview shows. `refused` is message and hint of a file that is not read at all;
    `in_doubt` a day of which somebody has to say what it means, `ways` how it can be read, and what
    it then is, `days` how such days were read;
    `left_out` the first cells of the orders with an unknown code; `cells` counts all that is
    wrong, `wrong` and `changed` are the first of them. `loose` cells belong to no order;
    `unsummed` orders are in `counts` and not in `money`. `beside` of `counts` are records that come
    of others, such as payments of payouts, and have no money of their own here; `lacking`: the
    fields that no column fills, for which none come. `withdrawn` payments are in no count: they are
    stored, and the payouts of the file do not have them any more.
    """

    refused: tuple[str, str] | None = None
    sheets: tuple[SheetRows, ...] = ()
    columns: tuple[FileColumn, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    in_doubt: str = ""
    ways: tuple[tuple[str, str], ...] = ()
    days: str = ""
    counts: Mapping[str, int]
    money: Mapping[str, Sums]
    unsummed: int = 0
    wrong: tuple[WrongCell, ...] = ()
    cells: int = 0
    loose: int = 0
    changed: tuple[ChangedOrder, ...] = ()
    left_out: tuple[str, ...] = ()
    beside: int = 0
    lacking: tuple[str, ...] = ()
    withdrawn: int = 0

    def count(self, *standings: Standing) -> int:
        """How many records stand so; without a name, how many come of the file."""
        return sum(self.counts.get(each, 0) for each in standings or Standing)

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def of_json(told: Mapping[str, Any]) -> CheckResult:
    """What was kept."""
    refused = told["refused"]
    return CheckResult(
        refused=(str(refused[0]), str(refused[1])) if refused else None,
        sheets=tuple(SheetRows(**one) for one in told["sheets"]),
        columns=tuple(_column(one) for one in told["columns"]),
        missing=tuple((str(sheet), str(name)) for sheet, name in told["missing"]),
        in_doubt=told.get("in_doubt", ""),  # nor was this, nor the next two
        ways=tuple((str(order), str(day)) for order, day in told.get("ways", ())),
        days=told.get("days", ""),
        counts=told["counts"],
        money=told["money"],
        unsummed=told.get("unsummed", 0),  # not said by earlier versions
        wrong=tuple(WrongCell(**one) for one in told["wrong"]),
        cells=told["cells"],
        loose=told["loose"],
        changed=tuple(_changed(one) for one in told["changed"]),
        left_out=tuple(told["left_out"]),
        beside=told.get("beside", 0),  # nor was this, nor the next two
        lacking=tuple(told.get("lacking", ())),
        withdrawn=told.get("withdrawn", 0),
    )


def _column(told: Mapping[str, Any]) -> FileColumn:
    how, examples = MatchedBy(told["matched_by"]), tuple(_texts(told["examples"]))
    return FileColumn(**{**told, "matched_by": how, "examples": examples})


def _changed(told: Mapping[str, Any]) -> ChangedOrder:
    return ChangedOrder(**{**told, "fields": tuple(ChangedField(**one) for one in told["fields"])})


def _texts(values: Iterable[object]) -> Iterable[str]:
    return (str(value) for value in values)
