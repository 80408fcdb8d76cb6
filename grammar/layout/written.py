"""Format rule files, and write samples and tests as text that `parse` reads back unchanged."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, TypeAlias

from grammar import nodes
from grammar.parsing.parser import parse
from grammar.text.characters import duration, find_control_characters
from grammar.text.problem import TOKEN
from grammar.text.vocabulary import normalize_text

_PAIRED: Final = {"credit_and_new": "credit note and new", "look_up": "look up first"}

_OWNED: Final = {"hold": "for", "review": "by", "approve": "by"}

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


Item = Clause | Note | Gap


def can_be_quoted(text: str) -> bool:
    """Check whether a text can be quoted: no quote, line break or control character."""
    return (
        not {'"', "\n", "\r", "\t"} & set(text)
        and next(find_control_characters(text), None) is None
    )


def write_test(samples: Iterable[nodes.Sample], test: nodes.Test) -> str:
    """Return the text of samples and their test."""
    parts = ["\n".join(_sample(one)) for one in samples]
    return format_text("\n\n".join([*parts, "\n".join(_test(test))]) + "\n")


def _sample(sample: nodes.Sample) -> Iterator[str]:
    yield f"sample {sample.name} of {sample.record} at {_moment(sample.at)}"
    for pair in sample.sets:
        yield f"    {_pair(pair)}"
    for line in sample.lines:
        yield f"    line {', '.join(map(_pair, line))}"
    if sample.facts:
        yield f"    with {_facts(sample.facts)}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _pair(one: nodes.Pair | nodes.FieldIs) -> str:
    return f"{one.name} = {_value(one.value)}"


def _value(value: nodes.Value) -> str:
    if isinstance(value, nodes.Word):
        return value.name
    held = value.value
    if isinstance(held, bool):
        return "yes" if held else "no"
    if isinstance(held, Decimal):
        return f"{held * 100:f}%" if value.kind == "percent" else f"{held:f}"
    if isinstance(held, timedelta):
        return duration(held)
    if isinstance(held, datetime):
        return _moment(held)
    return held.isoformat() if isinstance(held, date) else f'"{held}"'


def _facts(facts: Iterable[nodes.Fact]) -> str:
    return ", ".join(map(fact_text, facts))


def _test(test: nodes.Test) -> Iterator[str]:
    yield f'test "{test.title}"'
    at = f" at {_moment(test.at)}" if test.at else ""
    facts = f" with {_facts(test.facts)}" if test.facts else ""
    yield f"    given {test.given}{at}{facts}"
    for step in test.steps:
        told = _facts(step.facts)
        if step.at is None:
            yield f"    then {told}"
        else:
            yield f"    then at {_moment(step.at)}{f' with {told}' if told else ''}"
    for expect in test.expects:
        yield from _expect(expect)


def _expect(expect: nodes.Expect) -> Iterator[str]:
    first, *further = _expected(expect)
    yield f"    expect {first}"
    yield from (f"        {one}" for one in further)


def _expected(expect: nodes.Expect) -> Iterator[str]:
    outcome = outcome_text(expect.outcome) if expect.outcome else ""
    words = (str(expect.route) if expect.route else "", outcome)
    yield " ".join(word for word in words if word)
    if expect.head:
        yield ", ".join(map(_pair, expect.head))
    for number, fields in expect.lines:
        yield f"line {number} {', '.join(map(_pair, fields))}"


def expect_text(expect: nodes.Expect) -> str:
    """Return an expectation in one line; a rule file writes it in several."""
    return ", ".join(_expected(expect))


def outcome_text(expected: nodes.Expected) -> str:
    """Return an expected outcome as a rule file writes it."""
    if expected.again is not None:
        return _again(expected.again)
    kind = _PAIRED.get(expected.kind, expected.kind.replace("_", " "))
    role = f" {_OWNED[expected.kind]} {expected.role}" if expected.role else ""
    until = f" {_moment(expected.until)}" if expected.until else ""
    route = f" {expected.route}" if expected.route else ""
    because = f" because {expected.reason}" if expected.reason else ""
    return f"{kind}{role}{until}{route}{because}"


def _again(again: nodes.TryAgain) -> str:
    tries = f"try {again.times} times from {duration(again.pause)}"
    then = again.then
    role = f" {_OWNED[then.kind]} {then.role}" if then.role else ""
    return f"{tries} then {_PAIRED.get(then.kind, then.kind.replace('_', ' '))}{role}"


def fact_text(fact: nodes.Fact) -> str:
    """Return a fact of a test or sample as a rule file writes it."""
    match fact:
        case nodes.IsValue():
            return f"{fact.name} = {_value(fact.value)}"
        case nodes.IsRecords():
            return f"{fact.name} = ({', '.join(fact.samples)})"
        case nodes.IsMissing():
            return f"{fact.name} is missing"
        case nodes.LineValue():
            return f"line {fact.line}.{fact.name} = {_value(fact.value)}"
        case nodes.TargetShows():
            return f"{fact.route}.{fact.field} = {_value(fact.value)}"
        case nodes.IsPosted():
            return f"{fact.route} is posted" + (f' as "{fact.number}"' if fact.number else "")
        case nodes.NotPosted():
            return f"{fact.route} is missing"
        case nodes.Entry():
            return f'{fact.table}("{fact.key}") = {_value(fact.value)}'
        case nodes.SetUp():
            counted = f'{fact.count:f} {fact.unit} of "{fact.item}"'
            return f"{counted} = {fact.base_count:f} {fact.base_unit} in {fact.target}"


def format_text(text: str, file: str = "") -> str:
    """Return the text in the standard layout, or unchanged if it has a problem."""
    if parse({file: text})[1]:
        return text
    lines = list[str]()
    head = ""
    for part in _parts(list(read_lines(normalize_text(text)))):
        gap, part = _gap(part)
        if lines:
            lines += [""] * _between(gap, head)
        lines += _laid_out(part)
        head = _head(part)
    return "".join(f"{line}\n" for line in lines)


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
    """Check whether a new part begins here."""
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
    """Return how many blank lines precede a part, and the part without them."""
    count = 0
    while isinstance(part[count], Gap):
        count += 1
    return count, part[count:]


def _between(gap: int, head: str) -> int:
    """Return how many blank lines go before a part: at most two, none below a comment."""
    return min(gap, 2) if head == "#" else max(1, min(gap, 2))


def _laid_out(part: list[Item]) -> Iterator[str]:
    """Yield the lines of a declaration or of consecutive comments."""
    head = _head(part)
    rows = [cut_row(head, item) if isinstance(item, Clause) else item for item in part]
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


def _head(part: list[Item]) -> str:
    last = next((item for item in part if isinstance(item, Clause)), None)
    return last.tokens[0].text if last else "#"


@dataclass(frozen=True, slots=True)
class Row:
    """A clause cut into cells; rows of one shape line up."""

    indent: int
    shape: str
    cells: tuple[Tokens, ...]
    note: str


def _line_fields(rows: Sequence[Row | Note | Gap]) -> list[Row | Note | Gap]:
    """Return the rows with the fields below `each line` indented."""
    out: list[Row | Note | Gap] = []
    deep = False
    for item in rows:
        if isinstance(item, Row):
            deep = deep or join_tokens(item.cells[0]) == "each line"
            item = replace(item, indent=8) if deep and item.shape == "assign" else item
        out.append(item)
    return out


def _widths(rows: list[Row]) -> dict[Column, int]:
    """Return each column's width, shared by rows of one shape and first keyword."""
    widths: dict[Column, int] = {}
    for item in rows:
        columns = item.cells if item.shape in ("field", "table") else item.cells[:-1]
        for column, cell in enumerate(columns):
            indent = item.indent if column == 0 and item.shape != "table" else 0
            size = len(join_tokens(cell)) + indent
            if _counts(item, column, cell):
                key = _column(item, column)
                widths[key] = max(widths.get(key, _least(item, column)), size)
    return widths


def _counts(item: Row, column: int, cell: Sequence[Token]) -> bool:
    """Check whether a cell may widen its column."""
    if item.shape == "table":
        return len(join_tokens(cell)) <= _CELL and not any(token.note for token in cell)
    if item.shape == "clause" and column == 0:
        return len(cell) == 1
    if item.shape == "field" and column == 1:
        return len(cell) == 1
    return len(join_tokens(cell)) <= _WIDE


def _column(item: Row, column: int) -> Column:
    keyword = join_tokens(item.cells[0]) if column and item.shape == "clause" else ""
    return item.shape, column, keyword


def _least(item: Row, column: int) -> int:
    return item.indent + _LEAST[item.shape] if column == 0 and item.shape in _LEAST else 0


def _line(item: Row, widths: dict[Column, int]) -> Iterator[str]:
    """Yield a row as one line, or as several where a list is too long."""
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
    """Yield a table row with its cells between bars, each as wide as its column."""
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
    """Yield the text with a cell after it, broken after commas; the last line is still open."""
    whole = join_tokens(cell)
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
    """Yield the cell's parts between commas, each with the comment before it."""
    begin = 0
    for end, token in enumerate(cell, 1):
        if token.text == "," or end == len(cell):
            yield join_tokens(cell[begin:end]), token.note
            begin = end


def read_lines(text: str) -> Iterator[Clause | Note | Gap]:
    """Yield the lines of a text as clauses, comments and blank lines."""
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


def cut_row(head: str, clause: Clause) -> Row:
    """Return the cells of a declaration's clause."""
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


def _head_cells(tokens: Tokens) -> tuple[Tokens, ...]:
    return (tokens[:2], tokens[2:]) if tokens[0].text == "role" else (tokens,)


def _table_cells(tokens: Tokens) -> tuple[Tokens, ...]:
    """Return the tokens between the bars."""
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


def _cut(tokens: Tokens, markers: set[str], times: int) -> tuple[Tokens, ...]:
    """Return the tokens split before each marker except a first token, at most `times` times."""
    cells: list[list[Token]] = [[]]
    for token in tokens:
        if token.text in markers and cells[-1] and len(cells) <= times:
            cells.append([])
        cells[-1].append(token)
    return tuple(tuple(cell) for cell in cells)


def _cells(head: str, tokens: Tokens) -> tuple[str, tuple[Tokens, ...]]:
    """Return the shape and the cells of a clause that belongs to one kind of declaration."""
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


def _field_cells(tokens: Tokens) -> tuple[Tokens, ...]:
    """Name, type, mark, and who completes it."""
    if len(tokens) > 4 and [token.text for token in tokens[-3:-1]] == ["completed", "by"]:
        cells = _field_cells(tokens[:-3])
        return (*cells, *[()] * (3 - len(cells)), tokens[-3:])
    marked = tokens[-1].text in _MARKS and len(tokens) > 2 and tokens[-2].text not in (",", "many")
    if tokens[1].text == "=" or not marked:
        return tokens[:1], tokens[1:]
    return tokens[:1], tokens[1:-1], tokens[-1:]


def _clause_cells(tokens: Tokens) -> tuple[Tokens, ...]:
    two = tuple(token.text for token in tokens[:2])
    size = 2 if two in _DOUBLE else 1
    markers = _MARKERS.get(tokens[0].text, set())
    return tuple(cell for cell in (tokens[:size], *_cut(tokens[size:], markers, 2)) if cell)


def join_tokens(tokens: Sequence[Token]) -> str:
    """Return the tokens as text with the correct blanks between them."""
    text = ""
    for number, token in enumerate(tokens):
        before = tokens[number - 1].text if number else ""
        tight = not number or _tight(before, token.text, tokens[number - 2].text, number)
        text += token.text if tight else " " + token.text
    return text


def _tight(before: str, this: str, earlier: str, number: int) -> bool:
    """Check whether two tokens have no blank between them."""
    if this in (",", ")", ".") or before in ("(", "."):
        return True
    if this == "(":
        return before[0].isalpha() and before not in _BRACKET_WORDS
    sign = before == "-" and this != "-"
    return sign and (number == 1 or not (earlier[0].isalnum() or earlier[0] in '")'))
