"""Parse the text of rule files into a ruleset and a list of problems."""

import json
import re
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

import lark
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.grammar import Rule
from lark.lark import PostLex
from lark.lexer import TerminalDef

from grammar import nodes
from grammar.advice.hints import DECLARED, Stumble, clipped, did_you_mean, find_habits
from grammar.advice.syntax_errors import Explainer
from grammar.parsing.build_expressions import NoValueError
from grammar.parsing.builder import DeclarationBuilder, build_ruleset
from grammar.text import vocabulary
from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import RESERVED, TABLES, Block, is_idle, normalize_text, split_blocks

LANGUAGE = "1"
"""The version of the language that this program speaks."""

DEPTH = 60
"""How deep an expression may be nested; everything that walks a tree relies on it."""

_FILE = "clearpost.tables"

_LATER = {"postlex", "propagate_positions"}
"""Options that are told when the tables are read."""

_HOLDS = ("hold", "review")

_MAY = {
    "on edit": (
        *_HOLDS,
        "block",
        "credit_and_new",
        "new_document",
        "credit_note",
        "update",
        "ignore",
    ),
    "on cancel": (*_HOLDS, "block", "credit_note", "void", "ignore"),
    "retry": (*_HOLDS, "try_again", "look_up"),
}

_Scan: TypeAlias = Callable[[str, int], re.Match[str] | None]

_Place: TypeAlias = tuple[int, int, int, int]
"""First line and column, last line and the column behind it, within the declaration."""

_NESTING = frozenset({"LPAR", "PLUS", "MINUS", "TIMES", "OVER", "NOT", "OTHERWISE", "WHERE"})

_SURE = 16
"""So many of these in one clause can never be nested too deeply: each adds three levels at most."""


def parse_declaration(block: Block, file: str) -> list[Any]:
    """Return a block's node, or its problems; `language` has no node."""
    return list(_declaration(block, file))


def _declaration(block: Block, file: str) -> Iterator[Any]:
    problems = [*find_habits(block, file)] or [*_layout(block, file)]
    if problems:
        yield from problems
        return
    node = _quickly(block, file)
    if node is not None:
        yield from _sound(node)
        return
    try:
        lark, explainer = _machine()
        yield from _checked(lark.parse(block.text), block, file)
    except (UnexpectedInput, _GluedError) as error:
        yield explainer.explain(_stumble(error, block), block, file)


def _layout(block: Block, file: str) -> Iterator[Problem]:
    """Yield problems found before parsing, in the first words of lines."""
    head, first = block.head, block.lines[0]
    indent = len(first) - len(first.lstrip())
    span = Span(file, block.first, indent + 1, block.first, indent + 1 + len(head or "x"))
    if not head:
        message = "a clause without its declaration"
        yield Problem("SYN05", message, "a declaration starts in column 1, above it", span)
    elif head.startswith("|"):
        message = "a row of a table without its declaration"
        yield Problem(
            "SYN05", message, "it stands indented, below on edit, on cancel or retry", span
        )
    elif head in vocabulary.CLAUSES:
        yield _unindented(head, span)
    elif head not in vocabulary.DECLARATIONS:
        others = f"one of {', '.join(vocabulary.DECLARATIONS)}"
        hint = DECLARED.get(head.lower()) or did_you_mean(head, vocabulary.DECLARATIONS, others)
        yield Problem("SYN04", f"'{clipped(head)}' starts no declaration", hint, span)
    else:
        yield from _lines(block, file)


def _unindented(word: str, span: Span) -> Problem:
    what = "a row of a table" if word.startswith("|") else f"'{word}'"
    message = f"{what} starts no declaration: it is a clause"
    return Problem("SYN05", message, "indent it under its declaration", span)


def _lines(block: Block, file: str) -> Iterator[Problem]:
    """Yield the first line that is not indented, or that starts a declaration too far right."""
    for number, line in enumerate(block.lines[1:], block.first + 1):
        word = (line.split() or [""])[0]
        column = len(line) - len(line.lstrip()) + 1
        span = Span(file, number, column, number, column + len(word))
        if column == 1 and not is_idle(line):
            yield _unindented(word, span)
            return
        if word in vocabulary.DECLARATIONS:
            message = f"'{word}' starts a declaration"
            yield Problem("SYN06", message, "put it in column 1, or choose another name", span)
            return


def _quickly(block: Block, file: str) -> Any:
    """Return the node of a valid declaration, or None."""
    try:
        return _quick().read(block.text, DeclarationBuilder(file, block.first))
    except NoValueError:
        return None


class QuickParser:
    """The tables of one grammar, ready to run."""

    # It explains no mistakes: Lark reads whatever it refuses again, so the wording exists once.

    def __init__(self, lark: Lark) -> None:
        conf = lark.parse_interactive("").parser_state.parse_conf
        self._start, self._end = conf.start_state, conf.end_state
        self._steps: dict[int, dict[str, Any]] = {
            state: {
                str(name): _reduction(to) if isinstance(to, Rule) else to
                for name, (_, to) in actions.items()
            }
            for state, actions in conf.states.items()
        }
        self._scanners = _Scanners(lark.terminals, self._steps)

    def read(self, text: str, builder: DeclarationBuilder) -> Any:
        """Return the declaration's node, or None unless it is certainly valid."""
        run = _Run(self._steps, self._start, builder)
        at, line, begin, nested = 0, 1, 0, 0
        while found := self._scanners[run.states[-1]].scan(text, at):
            name = found.lastgroup or ""
            start, end = found.span(name)
            token = text[start:end]
            if name == "NAME":
                name = self._scanners[run.states[-1]].words.get(token, name)
            nested += name in _NESTING
            if (start == at and _glued(text, at)) or nested > _SURE or _taken(name, token):
                return None
            if name == "_NL":
                start, nested = at, 0  # a line ends where its text ends, not behind the blanks
            column = start - begin + 1
            lines = token.count("\n")
            span = (line, column, line, column if lines else end - begin + 1)
            if not run.take(name, token, span):
                return None
            if lines:
                line, begin = line + lines, text.rindex("\n", 0, end) + 1
            at = end
        return None if text[at:].strip(" ") else run.end(self._end)


@cache
def _quick() -> QuickParser:
    """Return the fast parser, which explains no errors; built once per process."""
    return QuickParser(_machine()[0])


@cache
def _machine() -> tuple[Lark, Explainer]:
    """Return the parser and the explainer; built once per process."""
    lark = load_parser(_WholeWords())
    spelled = {t.name: t.pattern.value for t in lark.terminals if t.pattern.type == "str"}
    return lark, Explainer(spelled)


class _WholeWords(PostLex):
    """Refuses a word that the lexer would cut in two, and ends a line where its text ends."""

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        before: Token | None = None
        for token in stream:
            touch = before is not None and before.end_pos == token.start_pos
            if before is not None and touch and re.match(r"\w\w", before[-1:] + token[:1]):
                raise _GluedError(before)
            if token.type == "_NL":
                token.end_line, token.end_column = token.line, token.column
            before = token
            yield token


class _GluedError(Exception):
    """Two words with nothing between them."""

    def __init__(self, token: Token) -> None:
        super().__init__(str(token))
        self.token = token


def _sound(node: Any) -> Iterator[Any]:
    """Yield a node, or the problems of the node as a whole."""
    if isinstance(node, tuple):
        yield from _language(*node)
    else:
        yield from list(table_problems(node)) or [node]


def _language(number: str, span: Span) -> Iterator[Problem]:
    if number != LANGUAGE:
        message = f"this version speaks language {LANGUAGE}, the file is written in {number}"
        yield Problem("SYN41", message, f"write language {LANGUAGE}", span)


def _checked(tree: Tree[Token], block: Block, file: str) -> Iterator[Any]:
    """Yield the node of a parsed tree, or the problem of an invalid word or value."""
    builder = DeclarationBuilder(file, block.first)
    deep = _too_deep(tree)
    if deep is not None:
        hint = "split it: give parts of it a name as computed fields"
        yield Problem("SYN21", "this is nested too deeply", hint, builder.place(deep))
        return
    for token in tree.scan_values(lambda value: isinstance(value, Token)):
        if token.type == "NAME" and str(token) in vocabulary.RESERVED:
            message = f"'{token}' is a word of the language, it cannot be a name"
            yield Problem("SYN07", message, _instead(block, token), builder.place(token))
            return
    try:
        node = _built(tree, builder)
    except NoValueError as error:
        yield Problem(error.code, error.message, error.hint, builder.place(error.token))
        return
    yield from _sound(node)


def _too_deep(tree: Tree[Token]) -> Any:
    """Return the positions of the first node below the allowed depth."""
    level: list[Tree[Token]] = [tree]
    for _ in range(DEPTH):
        level = [child for node in level for child in node.children if isinstance(child, Tree)]
        if not level:
            return None
    return level[0].meta


def _instead(block: Block, token: Token) -> str:
    """Return a replacement for a reserved word that is used as a name."""
    before = block.lines[(token.line or 1) - 1][: (token.column or 1) - 1]
    joined = re.search(r"([a-z][a-z0-9_]*)-$", before)
    if joined:
        return f"a name has no dash: {joined[1]}_{token}"
    compared = re.search(r"([\w.]+) *(=|<>) *$", before)
    if compared and token in ("known", "missing"):
        asked = (
            str(token) if compared[2] == "=" else {"known": "missing", "missing": "known"}[token]
        )
        return f"write '{compared[1]} is {asked}'"
    return f"choose another name, such as {token}_1 or my_{token}"


def _built(item: Any, builder: DeclarationBuilder) -> Any:
    """Build the children, then call the builder method with the rule's name."""
    if not isinstance(item, Tree):
        return item
    children = [_built(child, builder) for child in item.children]
    return getattr(builder, item.data)(builder.place(item.meta), *children)


def _stumble(error: UnexpectedInput | _GluedError, block: Block) -> Stumble:
    """Return Lark's error in terms of this package."""
    if isinstance(error, _GluedError):
        return _at("glued", error.token, frozenset())
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        cut = _cut(block.text, error.token.start_pos or 0)
        if cut:
            return Stumble("glued", error.line, error.column - cut, "", "", frozenset())
        return _at("token", error.token, frozenset(error.accepts or error.expected))
    if isinstance(error, UnexpectedCharacters):
        at = error.pos_in_stream or 0
        cut = _cut(block.text, at)
        kind, fitting = "glued" if cut else "character", frozenset(error.allowed or ())
        return Stumble(kind, error.line, error.column - cut, "", block.text[at], fitting)
    accepts: Collection[str] = getattr(error, "accepts", None) or ()
    column = len(block.lines[-1].rstrip()) + 1
    return Stumble("end", len(block.lines), column, "$END", "", frozenset(accepts))


def _at(kind: str, token: Token, expected: frozenset[str]) -> Stumble:
    return Stumble(kind, token.line or 1, token.column or 1, token.type, str(token), expected)


def _cut(text: str, at: int) -> int:
    """Return how many letters of its word precede a place inside the word."""
    before = re.search(r"[a-z]\w*$", text[max(0, at - 80) : at], re.ASCII)
    return len(before.group()) if before and re.match(r"\w", text[at : at + 1], re.ASCII) else 0


def table_problems(node: Any) -> Iterator[Problem]:
    """Yield the problems of a decision table; other declarations have none here."""
    kinds = {nodes.Edit: "on edit", nodes.Cancel: "on cancel", nodes.Retry: "retry"}
    kind = kinds.get(type(node))
    if kind is not None:
        yield from _columns(node.table)
        for row in node.table.rows:
            yield from _width(row, node.table.head)
            yield from _action(row.action, kind)


def load_parser(postlex: PostLex) -> Lark:
    """Load the parser from its stored tables if they fit, otherwise build it."""
    text = _grammar()
    kept = _read(files("grammar.parsing").joinpath(_FILE).read_bytes())
    if kept["of"] != _name(text):
        return build_parser(text, postlex)
    data, memo = kept["data"], _numbered(kept["memo"])
    table = data["parser"]["parser"]
    table["tokens"] = _numbered(table["tokens"])
    table["states"] = {no: _numbered(row) for no, row in _numbered(table["states"]).items()}
    found: Lark = Lark._load_from_dict(data, memo, postlex=postlex, propagate_positions=True)  # type: ignore[no-untyped-call]
    return found


def fitting_words(begun: str) -> frozenset[str]:
    """Return the words that may follow the beginning of a declaration.

    Words and signs are as written, kinds of tokens have their grammar names. Empty after an
    error.
    """
    lark, explainer = _machine()
    try:
        begin = lark.parse_interactive(begun)
        begin.exhaust_lexer()
        accepted: Collection[str] = begin.accepts()  # type: ignore[no-untyped-call]
    except (UnexpectedInput, _GluedError):
        return frozenset()
    return frozenset(explainer.spellings.get(name, name) for name in accepted)


def _columns(table: nodes.Table) -> Iterator[Problem]:
    for number, name in enumerate(table.head):
        if name in table.head[:number]:
            message = f"the column '{name}' stands twice"
            yield Problem("SYN28", message, "keep one of them: a cell holds a list too", table.span)


def _width(row: nodes.TableRow, head: tuple[str, ...]) -> Iterator[Problem]:
    if len(row.cells) != len(head):
        said = f"{len(row.cells)} condition{'s' if len(row.cells) > 1 else ''}"
        message = f"this row has {said}, the head has {len(head)}"
        hint = f"one cell for each column: | {' | '.join(head)} | do |, with - for any"
        yield Problem("SYN25", message, hint, row.span)


def _action(action: nodes.Action | nodes.TryAgain, kind: str) -> Iterator[Problem]:
    if isinstance(action, nodes.TryAgain):
        may, what, last = _MAY[kind], "try_again", action.then
        if what in may and last.kind not in _HOLDS:
            message = f"'{_words(last.kind)}' cannot stand behind the last try"
            yield Problem("SYN27", message, "then hold for ROLE, or review by ROLE", last.span)
    else:
        may, what = _MAY[kind], action.kind
    if what not in may:
        message = f"'{_words(what)}' cannot stand in a table of '{kind}'"
        yield Problem("SYN27", message, f"one of: {', '.join(TABLES[kind])}", action.span)


def _grammar() -> str:
    return files("grammar.parsing").joinpath("clearpost.lark").read_text(encoding="utf-8")


def _read(raw: bytes) -> Any:
    return json.loads(zlib.decompress(raw))


def _name(text: str) -> str:
    """Return the key of stored tables: this grammar, read by this version of Lark."""
    return sha256(f"{lark.__version__}\n{text}".encode()).hexdigest()


def build_parser(text: str, postlex: PostLex | None) -> Lark:
    """Build the parser of a grammar and verify that no text has two readings."""
    return Lark(
        text,
        parser="lalr",
        start="declaration",
        strict=True,
        propagate_positions=True,
        maybe_placeholders=True,
        postlex=postlex,
    )


def _numbered(row: dict[str, Any]) -> dict[int, Any]:
    """Convert a row's keys back to numbers; JSON has text keys only."""
    return {int(number): value for number, value in row.items()}


@dataclass(frozen=True, slots=True)
class _Reduction:
    """How a rule's symbols become a node.

    `keep` states for each kept symbol whether it is a list to expand, and how many absent symbols
    precede it; `rest` counts those after the last. Without `make` the kept symbols are passed on:
    the only one (`alone`), or all as a list.
    """

    size: int
    origin: str
    keep: tuple[tuple[int, bool, int], ...]
    rest: int
    make: Callable[..., Any] | None
    alone: bool


@cache
def _reduction(rule: Rule) -> _Reduction:
    options, symbols = rule.options, rule.expansion
    absent = [0] * (len(symbols) + 1)
    if options.empty_indices:
        marks = "".join(str(int(bit)) for bit in options.empty_indices)
        absent = [len(ones) for ones in marks.split("0")]
    keep, before = [], 0
    for index, symbol in enumerate(symbols):
        before += absent[index]
        if options.keep_all_tokens or not getattr(symbol, "filter_out", False):
            opened = not symbol.is_term and symbol.name.startswith("_")
            keep.append((index, opened, before))
            before = 0
    rest = before + absent[len(symbols)]
    name = str(rule.alias or rule.origin.name)
    plain = len(keep) == 1 and not keep[0][1] and not keep[0][2] and not rest
    alone = plain and options.expand1 and not rule.alias
    listed = name.startswith("_")
    make = None if alone or listed else getattr(DeclarationBuilder, name)
    return _Reduction(len(symbols), str(rule.origin.name), tuple(keep), rest, make, alone)


@dataclass(frozen=True, slots=True)
class _Scanner:
    """The tokens that may come in a state: their pattern, and which names are words."""

    scan: _Scan
    words: Mapping[str, str]


class _Scanners(dict[int, _Scanner]):
    """State -> its scanner, made when it is first needed: few files come to all states."""

    def __init__(
        self, terminals: Iterable[TerminalDef], steps: Mapping[int, Mapping[str, Any]]
    ) -> None:
        super().__init__()
        self._terminals = {terminal.name: terminal for terminal in terminals}
        self._steps = steps
        self._made: dict[frozenset[str], _Scanner] = {}

    def __missing__(self, state: int) -> _Scanner:
        names = frozenset(name for name in self._steps[state] if name in self._terminals)
        if names not in self._made:
            self._made[names] = _scanner([self._terminals[name] for name in names])
        self[state] = self._made[names]
        return self[state]


class _Run:
    """One run over the tables: the states, and each state's value and place."""

    __slots__ = ("builder", "spans", "states", "steps", "values")

    def __init__(
        self, steps: Mapping[int, Mapping[str, Any]], start: int, builder: DeclarationBuilder
    ) -> None:
        self.steps, self.builder = steps, builder
        self.states, self.values, self.spans = [start], list[Any](), list[_Place]()

    def take(self, name: str, token: str, span: _Place) -> bool:
        """Take a token; return False if it may not occur here."""
        states, steps = self.states, self.steps
        while (step := steps[states[-1]].get(name)).__class__ is _Reduction:
            self._reduce(step)
        if step is None:
            return False
        states.append(step)
        self.values.append(token)
        self.spans.append(span)
        return True

    def end(self, last: int) -> Any:
        """Return the node of all tokens, or None where tokens are missing."""
        states, steps = self.states, self.steps
        while (step := steps[states[-1]].get("$END")).__class__ is _Reduction:
            self._reduce(step)
            if states[-1] == last:
                return self.values[-1]
        return None

    def _reduce(self, step: _Reduction) -> None:
        size, values, spans, states = step.size, self.values, self.spans, self.states
        parts = values[-size:]
        first, last = spans[-size], spans[-1]
        span = (first[0], first[1], last[2], last[3])
        del values[-size:], spans[-size:], states[-size:]
        states.append(self.steps[states[-1]][step.origin])
        spans.append(span)
        if step.alone:
            values.append(parts[step.keep[0][0]])
            return
        kept: list[Any] = []
        for index, opened, absent in step.keep:
            if absent:
                kept += [None] * absent
            if opened:
                kept += parts[index]
            else:
                kept.append(parts[index])
        if step.rest:
            kept += [None] * step.rest
        make = step.make
        values.append(make(self.builder, self.builder.span(span), *kept) if make else kept)


def _glued(text: str, at: int) -> bool:
    """Check whether two words touch here."""
    if not at:
        return False
    before, this = text[at - 1], text[at]
    return (before.isalnum() or before == "_") and (this.isalnum() or this == "_")


def _taken(name: str, token: str) -> bool:
    """Check whether a name is a word of the language."""
    return name == "NAME" and token in RESERVED


def _words(kind: str) -> str:
    """Return the action as written."""
    said = {"credit_and_new": "credit note and new", "look_up": "look up first", "try_again": "try"}
    return said.get(kind, kind.replace("_", " "))


def _scanner(found: Sequence[TerminalDef]) -> _Scanner:
    name = next((t for t in found if t.name == "NAME"), None)
    words = [t for t in found if name and t.pattern.type == "str" and _fits(name, t)]
    said = sorted((t for t in found if t not in words), key=_first)
    pattern = "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in said)
    scan = re.compile(f" *(?:{pattern or '(?!)'})").match
    return _Scanner(scan, {t.pattern.value: t.name for t in words})


def _fits(name: TerminalDef, word: TerminalDef) -> bool:
    return re.fullmatch(name.pattern.to_regexp(), word.pattern.value) is not None


def _first(terminal: TerminalDef) -> tuple[int, int, int, str]:
    """Return the order in which Lark tries the tokens of a state."""
    pattern = terminal.pattern
    return -terminal.priority, -pattern.max_width, -len(pattern.value), terminal.name


def parse(
    sources: Mapping[str, str], read: Callable[[Block, str], list[Any]] = parse_declaration
) -> tuple[nodes.Ruleset, tuple[Problem, ...]]:
    """Return the ruleset of all files and the problems of everything that could not be read.

    `sources`: path -> text. `read` parses one declaration, for a caller that caches some.
    """
    found: list[Any] = []
    problems: list[Problem] = []
    for file, text in sources.items():
        for block in split_blocks(normalize_text(text)):
            for item in read(block, file):
                (problems if isinstance(item, Problem) else found).append(item)
    return build_ruleset(found), tuple(sorted(problems, key=lambda problem: problem.span))


def write_tables(folder: Path) -> None:
    """Put the tables of the grammar of now beside it."""
    text = _grammar()
    data, memo = build_parser(text, None).memo_serialize([TerminalDef, Rule])
    data["options"] = {name: v for name, v in data["options"].items() if name not in _LATER}
    told = json.dumps({"of": _name(text), "data": data, "memo": memo})
    (folder / _FILE).write_bytes(zlib.compress(told.encode("ascii"), 9))
