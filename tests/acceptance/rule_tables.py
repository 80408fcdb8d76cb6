"""The edit and cancel tables of a folder of rules, as they stand in its files.

Here: the routes, the table that answers for each, the cells of it that a case comes to, and the
answer. Not here: the records that are driven into those cases (autocount_cells.py, depot_cells.py).
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

EDIT, CANCEL = "edit", "cancel"
STRICTEST = ("block", "review", "void", "credit note and new", "credit note", "update", "ignore")
LOCKS = ("open", "locked")
_GATE = re.compile(r"^gate (\w+)\n((?: +.+\n)+)", re.M)
Case = Mapping[str, str]
Cell = tuple[str, str, tuple[tuple[str, str], ...]]  # document, edit or cancel, value by column


@dataclass(frozen=True)
class Table:
    """The rows of one table; each says for every column which values it is for."""

    columns: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], ...], ...]
    answers: tuple[str, ...]

    def cells(self, row: Sequence[Sequence[str]]) -> Iterator[tuple[tuple[str, str], ...]]:
        for values in itertools.product(*row):
            yield tuple(zip(self.columns, values, strict=True))


class Tables:
    """All tables of a folder of rules, by the document that each answers for."""

    def __init__(self, folder: Path) -> None:
        files = [f for f in sorted(folder.glob("*.rules")) if not f.stem.endswith("_test")]
        text = "\n".join(file.read_text("utf-8") for file in files)
        posts = re.findall(r"^post (\w+) to \w+\.(\w+) as ", text, re.M)
        self.record = {document: record for record, document in posts}
        assert len(self.record) == len(posts), "a document that two records become"
        self._tables: dict[tuple[str, str, str], Table] = {}
        for block in re.findall(r"^on (?:edit|cancel) of .*\n(?:(?: +.*| *)\n)*", text, re.M):
            self._keep(block)
        self.gates = {record: _gate(rows) for record, rows in _GATE.findall(text)}
        """Record -> what its gate says of each status."""

    def _keep(self, block: str) -> None:
        head, *lines = block.rstrip().splitlines()
        told = re.fullmatch(r"on (edit|cancel) of ([\w, ]+?)(?: for \w+\.(\w+))?", head)
        assert told, head
        for record in told[2].split(", "):
            self._tables[record, told[3] or "", told[1]] = _table(lines)

    def table(self, document: str, kind: str) -> Table:
        """The table for this route, or else the general one of its record."""
        record = self.record[document]
        narrowed = self._tables.get((record, document, kind))
        return narrowed or self._tables[record, "", kind]

    def groups(self, document: str) -> list[str]:
        """What can change of a document, as its table calls it."""
        (at,) = [i for i, c in enumerate(self.table(document, EDIT).columns) if c == "changed"]
        rows = self.table(document, EDIT).rows
        return list(dict.fromkeys(group for row in rows for group in row[at]))

    def all(self) -> set[Cell]:
        """Every cell of every table, for each document that it answers for."""
        return {
            (document, kind, cell)
            for document in self.record
            for kind in (EDIT, CANCEL)
            for row in self.table(document, kind).rows
            for cell in self.table(document, kind).cells(row)
        }

    def answer(self, document: str, changed: Sequence[str], case: Case) -> tuple[set[Cell], str]:
        """The cells that a case comes to, and the strictest of their answers.

        `changed` names groups, or `cancelled`; one row, and no other, is for each of them.
        """
        kind = CANCEL if "cancelled" in changed else EDIT
        table = self.table(document, kind)
        hit, answers = set(), []
        for group in changed:
            given = {**case, "changed": group}
            at = [i for i, row in enumerate(table.rows) if _fits(table.columns, row, given)]
            assert len(at) == 1, (document, group, case)
            answers.append(table.answers[at[0]])
            cells = table.cells(table.rows[at[0]])
            hit |= {(document, kind, one) for one in cells if _is(one, given)}
        return hit, min(answers, key=strictness)


def strictness(answer: str) -> int:
    """The place of an answer; the strictest is the first."""
    return STRICTEST.index(answer.split(" by ")[0])


def _table(lines: list[str]) -> Table:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines
            if line.strip().startswith("|")]  # fmt: skip
    (*columns, do), *body = rows
    assert do == "do"
    values = tuple(
        tuple(_values(column, cell) for column, cell in zip(columns, row, strict=False))
        for row in body
    )
    return Table(tuple(columns), values, tuple(row[-1] for row in body))


def _gate(rows: str) -> dict[str, str]:
    found = re.findall(r"^ +(\w+) +([\w, ]+?)(?: +for .*)?$", rows, re.M)
    return {status: word for word, statuses in found for status in statuses.split(", ")}


def _values(column: str, cell: str) -> tuple[str, ...]:
    """A dash is for both periods; in other columns it tells no cases apart, and is one cell."""
    if cell == "-":
        return LOCKS if column == "period" else ("-",)
    return tuple(cell.split(", "))


def _fits(columns: Sequence[str], row: Sequence[Sequence[str]], case: Case) -> bool:
    return all("-" in v or case[c] in v for c, v in zip(columns, row, strict=True))


def _is(cell: Sequence[tuple[str, str]], case: Case) -> bool:
    return all(value in ("-", case[column]) for column, value in cell)
