"""The clauses of a text as rows of cells, which the formatter lines up.

Lives here: cutting lines into tokens and clauses into cells. Not here: the layout (`formatter.py`).
Only texts that parse come here, so nothing is checked again, and a token is never changed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from grammar.text.tokens import TOKEN

_BRACKET_WORDS = {"and", "or", "not", "in", "require", "when", "where", "otherwise"}
_MARKS = {"key", "family", "dated", "optional"}
_MARKERS = {
    "missing": {"say"},
    "tolerance": {"else"},
    "hold": {"for", "say"},
    "we": {"else"},
    "at": {"else"},
    "bill": {"else"},
}
_DOUBLE = {("they", "own"), ("we", "own"), ("each", "line"), ("unique", "by"), ("at", "most")}


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `note` is the comment behind the comma at a line's end."""

    text: str
    note: str = ""


Tokens: TypeAlias = tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause, over as many lines as it had, with the comment behind it."""

    tokens: Tokens
    note: str
    is_head: bool


@dataclass(frozen=True, slots=True)
class Note:
    """A line that holds a comment only."""

    text: str
    indented: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """A blank line."""


@dataclass(frozen=True, slots=True)
class Row:
    """A clause cut into cells; rows of one shape line up."""

    indent: int
    shape: str
    cells: tuple[Tokens, ...]
    note: str


def read(text: str) -> Iterator[Clause | Note | Gap]:
    """The lines of a text: what says something, what comments, what is blank."""
    open_: list[Token] = []
    is_head = False
    for line in text.split("\n"):
        found = TOKEN.findall(line)
        note = found.pop().rstrip() if found and found[-1].startswith("#") else ""
        if not found:
            yield Note(note, line[:1] == " ") if note else Gap()
            continue
        is_head = is_head if open_ else line[:1] != " "
        open_ += [Token(token) for token in found]
        if found[-1] == ",":
            open_[-1] = replace(open_[-1], note=note)
        else:
            yield Clause(tuple(open_), note, is_head)
            open_ = []


def row(head: str, clause: Clause) -> Row:
    """The cells of a clause of a declaration."""
    tokens = clause.tokens
    if clause.is_head:
        return Row(0, "head", _head_cells(tokens), clause.note)
    if tokens[0].text == "|":
        return Row(4, "table", _table_cells(tokens), clause.note)
    if head not in ("record", "const") and tokens[0].text[0].isupper():
        indent, shape, cells = _target_cells(head, tokens)
        return Row(indent, shape, cells, clause.note)
    if head == "test" and tokens[0].text == "line":
        return Row(8, "document", (tokens[:2], tokens[2:]), clause.note)
    shape, cells = _cells(head, tokens)
    return Row(4, shape, cells, clause.note)


def _cells(head: str, tokens: Tokens) -> tuple[str, tuple[Tokens, ...]]:
    """The shape and the cells of a clause that belongs to one kind of declaration."""
    first = tokens[0].text
    if head == "record":
        return "field", _field_cells(tokens)
    if head == "const":
        return "clause", (tokens,)
    if head == "on":
        return "group", _cut(tokens, {"="}, 1)
    if head == "units" and first[0].isdigit():
        cells = _cut(tokens, {"of", "="}, 2)
        return "unit", cells if len(cells) == 3 else (cells[0], (), cells[1])
    if head == "map" and first[0] == '"':
        return "entry", _cut(tokens, {"->"}, 1)
    if head == "sample" and len(tokens) > 1 and tokens[1].text == "=":
        return "set", _cut(tokens, {"="}, 1)
    return "list" if head == "sample" else "clause", _clause_cells(tokens)


def joined(tokens: Sequence[Token]) -> str:
    """The tokens with the blanks between them that belong there."""
    text = ""
    for number, token in enumerate(tokens):
        before = tokens[number - 1].text if number else ""
        tight = not number or _tight(before, token.text, tokens[number - 2].text, number)
        text += token.text if tight else " " + token.text
    return text


def _tight(before: str, this: str, earlier: str, number: int) -> bool:
    """Whether no blank stands between two tokens."""
    if this in (",", ")", ".") or before in ("(", "."):
        return True
    if this == "(":
        return before[0].isalpha() and before not in _BRACKET_WORDS
    sign = before == "-" and this != "-"
    return sign and (number == 1 or not (earlier[0].isalnum() or earlier[0] in '")'))


def _head_cells(tokens: Tokens) -> tuple[Tokens, ...]:
    return (tokens[:2], tokens[2:]) if tokens[0].text == "role" else (tokens,)


def _field_cells(tokens: Tokens) -> tuple[Tokens, ...]:
    """Name, type, mark, and who completes it."""
    if len(tokens) > 4 and [token.text for token in tokens[-3:-1]] == ["completed", "by"]:
        cells = _field_cells(tokens[:-3])
        return (*cells, *[()] * (3 - len(cells)), tokens[-3:])
    marked = tokens[-1].text in _MARKS and len(tokens) > 2 and tokens[-2].text not in (",", "many")
    if tokens[1].text == "=" or not marked:
        return tokens[:1], tokens[1:]
    return tokens[:1], tokens[1:-1], tokens[-1:]


def _table_cells(tokens: Tokens) -> tuple[Tokens, ...]:
    """What stands between the bars."""
    cells: list[list[Token]] = []
    for token in tokens[:-1]:
        if token.text == "|":
            cells.append([])
        else:
            cells[-1].append(token)
    return tuple(tuple(cell) for cell in cells)


def _target_cells(head: str, tokens: Tokens) -> tuple[int, str, tuple[Tokens, ...]]:
    if head == "post":
        return 4, "assign", _cut(tokens, {"="}, 1)
    return 8, "document", (tokens,)


def _clause_cells(tokens: Tokens) -> tuple[Tokens, ...]:
    two = tuple(token.text for token in tokens[:2])
    size = 2 if two in _DOUBLE else 1
    markers = _MARKERS.get(tokens[0].text, set())
    return tuple(cell for cell in (tokens[:size], *_cut(tokens[size:], markers, 2)) if cell)


def _cut(tokens: Tokens, markers: set[str], times: int) -> tuple[Tokens, ...]:
    """The tokens cut before each marker that is not the first token, so many times at most."""
    cells: list[list[Token]] = [[]]
    for token in tokens:
        if token.text in markers and cells[-1] and len(cells) <= times:
            cells.append([])
        cells[-1].append(token)
    return tuple(tuple(cell) for cell in cells)
