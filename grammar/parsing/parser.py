"""Text of the rules language in, nodes and problems out.

Each declaration is cut out (`text/vocabulary.py`) and read alone, so that every broken one gives
its own problem and the good ones still stand. What is right is read quickly; for the rest Lark
itself says what is wrong. `parse` raises on no text at all. Nobody else knows Lark, but for its
tables (`parser_tables.py`, `quick_parser.py`).
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.lark import PostLex

from grammar import nodes
from grammar.advice.foreign_syntax import habits
from grammar.advice.hints import DECLARED, clipped, did_you_mean
from grammar.advice.stumbles import Stumble
from grammar.advice.syntax_errors import Explainer
from grammar.parsing.build_expressions import NoValueError
from grammar.parsing.builder import DeclarationBuilder, ruleset
from grammar.parsing.parser_tables import parser
from grammar.parsing.quick_parser import Quick
from grammar.parsing.table_checks import faults
from grammar.text import vocabulary
from grammar.text.problem import Problem, Span
from grammar.text.vocabulary import Block, blocks, clean, is_idle

LANGUAGE = "1"
"""The version of the language that this program speaks."""

DEPTH = 60
"""How deep an expression may be nested; everything that walks a tree relies on it."""


class _GluedError(Exception):
    """Two words with nothing between them."""

    def __init__(self, token: Token) -> None:
        super().__init__(str(token))
        self.token = token


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


@cache
def _machine() -> tuple[Lark, Explainer]:
    """The parser and the explainer, made once a process."""
    lark = parser(_WholeWords())
    spelled = {t.name: t.pattern.value for t in lark.terminals if t.pattern.type == "str"}
    return lark, Explainer(spelled)


@cache
def _quick() -> Quick:
    """The same parser without a word for mistakes, made once a process."""
    return Quick(_machine()[0])


def declaration(block: Block, file: str) -> list[Any]:
    """The node of a block (`language` has none), or its problems."""
    return list(_declaration(block, file))


def parse(
    sources: Mapping[str, str], read: Callable[[Block, str], list[Any]] = declaration
) -> tuple[nodes.Ruleset, tuple[Problem, ...]]:
    """The ruleset of all files (path -> text), and what is wrong with the rest of them.

    `read` is how a declaration is read, for a caller that remembers some.
    """
    found: list[Any] = []
    problems: list[Problem] = []
    for file, text in sources.items():
        for block in blocks(clean(text)):
            for item in read(block, file):
                (problems if isinstance(item, Problem) else found).append(item)
    return ruleset(found), tuple(sorted(problems, key=lambda problem: problem.span))


def fitting(begun: str) -> frozenset[str]:
    """What may stand behind the beginning of a declaration: words and signs as they are written,
    kinds of tokens by their names in the grammar. Empty behind a mistake.
    """
    lark, explainer = _machine()
    try:
        begin = lark.parse_interactive(begun)
        begin.exhaust_lexer()
        accepted: Collection[str] = begin.accepts()  # type: ignore[no-untyped-call]
    except (UnexpectedInput, _GluedError):
        return frozenset()
    return frozenset(explainer.spellings.get(name, name) for name in accepted)


def _declaration(block: Block, file: str) -> Iterator[Any]:
    problems = [*habits(block, file)] or [*_layout(block, file)]
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


def _quickly(block: Block, file: str) -> Any:
    """The node of a declaration that is right, if it is."""
    try:
        return _quick().read(block.text, DeclarationBuilder(file, block.first))
    except NoValueError:
        return None


def _sound(node: Any) -> Iterator[Any]:
    """A node, unless something is wrong with it as a whole."""
    if isinstance(node, tuple):
        yield from _language(*node)
    else:
        yield from list(faults(node)) or [node]


def _layout(block: Block, file: str) -> Iterator[Problem]:
    """What is wrong before the grammar is asked: the first word of the lines."""
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
    """The first line that is not indented, or starts a declaration too far right."""
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


def _checked(tree: Tree[Token], block: Block, file: str) -> Iterator[Any]:
    """The node of a tree that parsed, unless a word or a value in it is none."""
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


def _instead(block: Block, token: Token) -> str:
    """What to write in place of a reserved word that stands where a name does."""
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


def _language(number: str, span: Span) -> Iterator[Problem]:
    if number != LANGUAGE:
        message = f"this version speaks language {LANGUAGE}, the file is written in {number}"
        yield Problem("SYN41", message, f"write language {LANGUAGE}", span)


def _built(item: Any, builder: DeclarationBuilder) -> Any:
    """Children first, then the method that has the name of the rule."""
    if not isinstance(item, Tree):
        return item
    children = [_built(child, builder) for child in item.children]
    return getattr(builder, item.data)(builder.place(item.meta), *children)


def _too_deep(tree: Tree[Token]) -> Any:
    """The positions of the first node below the depth that is allowed."""
    level: list[Tree[Token]] = [tree]
    for _ in range(DEPTH):
        level = [child for node in level for child in node.children if isinstance(child, Tree)]
        if not level:
            return None
    return level[0].meta


def _stumble(error: UnexpectedInput | _GluedError, block: Block) -> Stumble:
    """What Lark says, in our terms."""
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


def _cut(text: str, at: int) -> int:
    """How many letters of its word stand before a place that the lexer came to inside it."""
    before = re.search(r"[a-z]\w*$", text[max(0, at - 80) : at], re.ASCII)
    return len(before.group()) if before and re.match(r"\w", text[at : at + 1], re.ASCII) else 0


def _at(kind: str, token: Token, expected: frozenset[str]) -> Stumble:
    return Stumble(kind, token.line or 1, token.column or 1, token.type, str(token), expected)
