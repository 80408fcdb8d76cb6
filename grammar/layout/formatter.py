"""The one layout of a rule file.

Lives here: `format_text`. What lines up, where a long list is broken, how many blank lines stand
where: nobody has to choose. Tokens and comments stay, so the meaning does. Not here: cutting
clauses into cells (`cells.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from grammar.layout.cells import Clause, Gap, Note, Row, Token, joined, read, row
from grammar.parsing.parser import parse
from grammar.text.vocabulary import clean

WIDTH = 120
"""A list that would be longer goes on in the next line."""

_WIDE = 28
"""A cell longer than this does not push its neighbours to the right."""

_SPACE = "  "
"""What stands between two columns."""

_CELL = 48
"""A list in a cell of a table that would be longer goes on in the next line."""

_LEAST = {"clause": 7, "unit": 7, "group": 7}
"""How wide the first column is at least, so that most declarations of a file line up."""

Column: TypeAlias = tuple[str, int, str]


def format_text(text: str, file: str = "") -> str:
    """The text in its one layout; the text itself when it has a problem."""
    if parse({file: text})[1]:
        return text
    lines = list[str]()
    head = ""
    for part in _parts(list(read(clean(text)))):
        gap, part = _gap(part)
        if lines:
            lines += [""] * _between(gap, head)
        lines += _laid_out(part)
        head = _head(part)
    return "".join(f"{line}\n" for line in lines)


Item = Clause | Note | Gap


def _parts(items: list[Item]) -> Iterator[list[Item]]:
    """Cut into declarations, runs of roles, and runs of comments, each with the gaps before it."""
    part: list[Item] = []
    for number, item in enumerate(items):
        if _starts(item, part, items[number + 1 :]):
            yield part
            part = []
        part.append(item)
    if any(not isinstance(item, Gap) for item in part):
        yield part


def _starts(item: Item, part: list[Item], rest: list[Item]) -> bool:
    """Whether something new begins here."""
    spoken = [other for other in part if not isinstance(other, Gap)]
    if not spoken:
        return False
    if isinstance(item, Clause):
        return item.is_head and not (_is_role(item) and part and _only_roles(part))
    following = next((other for other in rest if isinstance(other, Clause)), None)
    inside = following is not None and not following.is_head
    if any(isinstance(other, Clause) for other in spoken) and inside:
        return False
    if isinstance(item, Gap):
        return True
    return not item.indented and isinstance(spoken[-1], Clause)


def _is_role(clause: Clause) -> bool:
    return clause.tokens[0].text == "role"


def _only_roles(part: list[Item]) -> bool:
    spoken = [item for item in part if not isinstance(item, Gap)]
    return all(isinstance(item, Clause) and _is_role(item) for item in spoken)


def _gap(part: list[Item]) -> tuple[int, list[Item]]:
    """How many blank lines stood before it, and the part without them."""
    count = 0
    while isinstance(part[count], Gap):
        count += 1
    return count, part[count:]


def _between(gap: int, head: str) -> int:
    """How many blank lines stand before a part: at most two; none only below a comment."""
    return min(gap, 2) if head == "#" else max(1, min(gap, 2))


def _head(part: list[Item]) -> str:
    last = next((item for item in part if isinstance(item, Clause)), None)
    return last.tokens[0].text if last else "#"


def _laid_out(part: list[Item]) -> Iterator[str]:
    """The lines of a declaration or of a run of comments."""
    head = _head(part)
    rows = [row(head, item) if isinstance(item, Clause) else item for item in part]
    rows = _line_fields(rows) if head == "post" else rows
    widths = _widths([item for item in rows if isinstance(item, Row)])
    last = ""
    for item in rows:
        if isinstance(item, Row):
            yield from _line(item, widths)
            last = item.shape
        elif isinstance(item, Note):
            yield ("" if head == "#" else "    ") + item.text
            last = "note"
        elif last not in ("head", "gap"):
            yield ""
            last = "gap"


def _line_fields(rows: Sequence[Row | Note | Gap]) -> list[Row | Note | Gap]:
    """The fields below `each line` stand deeper."""
    out: list[Row | Note | Gap] = []
    deep = False
    for item in rows:
        if isinstance(item, Row):
            deep = deep or joined(item.cells[0]) == "each line"
            item = replace(item, indent=8) if deep and item.shape == "assign" else item
        out.append(item)
    return out


def _widths(rows: list[Row]) -> dict[Column, int]:
    """How wide each column is: of rows of one shape, and behind the first of one keyword."""
    widths: dict[Column, int] = {}
    for item in rows:
        columns = item.cells if item.shape in ("field", "table") else item.cells[:-1]
        for column, cell in enumerate(columns):
            indent = item.indent if column == 0 and item.shape != "table" else 0
            size = len(joined(cell)) + indent
            if _counts(item, column, cell):
                key = _column(item, column)
                widths[key] = max(widths.get(key, _least(item, column)), size)
    return widths


def _column(item: Row, column: int) -> Column:
    keyword = joined(item.cells[0]) if column and item.shape == "clause" else ""
    return item.shape, column, keyword


def _least(item: Row, column: int) -> int:
    return item.indent + _LEAST[item.shape] if column == 0 and item.shape in _LEAST else 0


def _counts(item: Row, column: int, cell: Sequence[Token]) -> bool:
    """Whether a cell may push its neighbours to the right."""
    if item.shape == "table":
        return len(joined(cell)) <= _CELL and not any(token.note for token in cell)
    if item.shape == "clause" and column == 0:
        return len(cell) == 1
    if item.shape == "field" and column == 1:
        return len(cell) == 1
    return len(joined(cell)) <= _WIDE


def _line(item: Row, widths: dict[Column, int]) -> Iterator[str]:
    """A row as one line, or as several where a list in it is too long."""
    if item.shape == "table":
        yield from _barred(item, widths)
        return
    text = " " * item.indent
    for column, cell in enumerate(item.cells):
        start = max(len(text), 8 if item.shape == "head" else 0)
        *full, text = _filled(text, cell, start)
        yield from full
        if column == len(item.cells) - 1:
            break
        width = widths.get(_column(item, column), _least(item, column))
        width += (start if column else 0) + len(_SPACE)
        text = text.ljust(width) if len(text) < width else text + (_SPACE if column else " ")
    yield f"{text}  {item.note}" if item.note else text


def _barred(item: Row, widths: dict[Column, int]) -> Iterator[str]:
    """A row of a table: its cells between bars, each as wide as its column."""
    text = " " * item.indent
    for column, cell in enumerate(item.cells):
        text += "| "
        start = len(text)
        width = widths.get(_column(item, column), 0)
        *full, text = _filled(text, cell, start, start + max(width, _CELL))
        yield from full
        text = text.ljust(start + width) + " "
    yield f"{text}|  {item.note}" if item.note else f"{text}|"


def _filled(text: str, cell: Sequence[Token], start: int, limit: int = WIDTH) -> Iterator[str]:
    """The cell behind the text, broken behind commas; the last line is still open."""
    whole = joined(cell)
    fits = len(text) + len(whole) <= limit
    if fits and not any(token.note for token in cell):
        yield text + whole
        return
    for piece, note in _pieces(cell):
        blank = " " if text.endswith(",") else ""
        if blank and len(text) + 1 + len(piece) > limit:
            yield text
            text, blank = " " * start, ""
        text += blank + piece
        if note:
            yield f"{text}  {note}"
            text = " " * start
    yield text


def _pieces(cell: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """The cell cut behind its commas, each piece with the comment before it."""
    begin = 0
    for end, token in enumerate(cell, 1):
        if token.text == "," or end == len(cell):
            yield joined(cell[begin:end]), token.note
            begin = end
