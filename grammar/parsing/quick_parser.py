"""Reading a declaration that is right, quickly: straight from its text to its node.

Lives here: `Quick`. It runs the tables that Lark made of the grammar, with the same tokens, and
calls the builder at each reduction, so that no tree stands in between. It knows no mistakes:
whatever it does not take is read again by Lark, which says what is wrong (`parser.py`). Not here:
any decision about the language.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from grammar.parsing.builder import DeclarationBuilder
from grammar.text.vocabulary import RESERVED

_Scan: TypeAlias = Callable[[str, int], re.Match[str] | None]
_Place: TypeAlias = tuple[int, int, int, int]
"""First line and column, last line and the column behind it, within the declaration."""

_NESTING = frozenset({"LPAR", "PLUS", "MINUS", "TIMES", "OVER", "NOT", "OTHERWISE", "WHERE"})
_SURE = 16
"""So many of these in one clause can never be nested too deeply: each adds three levels at most."""


@dataclass(frozen=True, slots=True)
class _Scanner:
    """The tokens that may come in a state: their pattern, and which names are words."""

    scan: _Scan
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Reduction:
    """What becomes of the symbols of a rule.

    `keep` says of each kept symbol whether it is a list to be opened, and how many absent ones
    stand before it; `rest` how many behind the last. Without `make` the kept ones go on as they
    are: the only one (`alone`), or all as a list.
    """

    size: int
    origin: str
    keep: tuple[tuple[int, bool, int], ...]
    rest: int
    make: Callable[..., Any] | None
    alone: bool


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


class Quick:
    """The tables of one grammar, ready to run."""

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
        """The node of a declaration, or None where it is not certainly right."""
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


class _Run:
    """One run over the tables: the states, and for each what was made and where it stands."""

    __slots__ = ("builder", "spans", "states", "steps", "values")

    def __init__(
        self, steps: Mapping[int, Mapping[str, Any]], start: int, builder: DeclarationBuilder
    ) -> None:
        self.steps, self.builder = steps, builder
        self.states, self.values, self.spans = [start], list[Any](), list[_Place]()

    def take(self, name: str, token: str, span: _Place) -> bool:
        """Take a token; no where none like it may stand here."""
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
        """What all that was taken makes; None where something is missing."""
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


def _scanner(found: Sequence[TerminalDef]) -> _Scanner:
    name = next((t for t in found if t.name == "NAME"), None)
    words = [t for t in found if name and t.pattern.type == "str" and _fits(name, t)]
    said = sorted((t for t in found if t not in words), key=_first)
    pattern = "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in said)
    scan = re.compile(f" *(?:{pattern or '(?!)'})").match
    return _Scanner(scan, {t.pattern.value: t.name for t in words})


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


def _fits(name: TerminalDef, word: TerminalDef) -> bool:
    return re.fullmatch(name.pattern.to_regexp(), word.pattern.value) is not None


def _first(terminal: TerminalDef) -> tuple[int, int, int, str]:
    """The order in which Lark tries the tokens of a state."""
    pattern = terminal.pattern
    return -terminal.priority, -pattern.max_width, -len(pattern.value), terminal.name


def _glued(text: str, at: int) -> bool:
    """Whether two words touch here."""
    if not at:
        return False
    before, this = text[at - 1], text[at]
    return (before.isalnum() or before == "_") and (this.isalnum() or this == "_")


def _taken(name: str, token: str) -> bool:
    """Whether a name is a word of the language."""
    return name == "NAME" and token in RESERVED
