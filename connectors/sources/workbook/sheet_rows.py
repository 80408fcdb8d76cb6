"""A row of a sheet that is read: its cells by field, each made when it is asked for.

Here: SheetRow. Not here: which row belongs to which order (sheet_orders.py).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from connectors.contract.uploads import DayOrder
from connectors.kit.canonical_record import Cell
from connectors.kit.sheet_tables import Row, place
from connectors.sources.workbook.written_days import as_iso


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row of a sheet: where it stands, which column each field is read from, and its values;
    cells are made when they are asked for, since a file has a million of them. `days`: how the days
    of a column are read.
    """

    sheet: str
    number: int
    columns: Mapping[str, int]
    values: Row
    days: Mapping[int, DayOrder]

    @property
    def place(self) -> str:
        """Its first cell."""
        return place(self.sheet, self.number, 1)

    def cells(self, names: Collection[str]) -> dict[str, Cell]:
        """Of these fields those that are filled, in the order of the sheet."""
        return {
            name: self._cell(column)
            for name, column in self.columns.items()
            if name in names and column in self.values
        }

    def cell(self, *names: str) -> Cell | None:
        """The first of these cells that is filled."""
        for name in names:
            column = self.columns.get(name)
            if column is not None and column in self.values:
                return self._cell(column)
        return None

    def _cell(self, column: int) -> Cell:
        order, value = self.days.get(column), self.values[column]
        where = place(self.sheet, self.number, column)
        return Cell(where, as_iso(value, order) if order else value)

    def text(self, *names: str) -> str:
        """The same as text."""
        for name in names:
            column = self.columns.get(name)
            if column is not None and column in self.values:
                return str(self.values[column]).strip()
        return ""

    def named(self) -> str:
        """What tells its order from others."""
        return self.text("id", "number")

    def naming(self, *names: str) -> Cell:
        """The cell that names its order."""
        return self.cell(*names) or Cell(self.place, "")
