"""The sentences of a template as messages, and their translation in the place of the English.

Here: which pieces are one message, its text, its variants where a condition stands in the middle.
Not here: telling markup from words (markup.py) and where a translation comes from.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from jinja2 import nodes

from portal.languages.atoms import Atom, Choice, Cut, Solid, Tag, Text, Value
from portal.languages.expressions import Expressions, named
from portal.languages.markup import Reader, data
from portal.languages.runs import (
    balanced,
    in_sentence,
    many,
    runs,
    sentence,
    speaks,
    stands_apart,
    trimmed,
)
from portal.languages.wording import MARK, compact, placeholder, written

BRANDS: Final = frozenset({"Clearpost", "x", "v"})
ENTITY: Final = re.compile(r"&#?\w+;")


class Sentences:
    """The messages of one template, each said by `say`: English message -> its text."""

    def __init__(self, say: Callable[[str], str], between: Callable[[str], str] = str) -> None:
        """`between` makes something of the text between messages: of stops and blanks."""
        self._say = say
        self._between = between
        self._expressions = Expressions(say, between)

    def template(self, tree: nodes.Template) -> nodes.Template:
        """The template in the language of `say`."""
        tree.body = Reader(self._expressions, self.finished).document(tree.body)
        return tree

    def finished(self, atoms: Sequence[Atom], quoted: bool) -> list[nodes.Node]:
        """The statements of pieces that stand in one body, or in an attribute (`quoted`)."""
        made: list[nodes.Node] = []
        for run in runs(self._settled(balanced(atoms), quoted=quoted)):
            if isinstance(run, Cut):
                made += run.parts
            else:
                made += self._run(run, quoted=quoted)
        return made

    def _settled(self, atoms: Sequence[Atom], *, quoted: bool) -> list[Atom]:
        """The pieces with every choice cut that is no part of a sentence."""
        found: list[Atom] = []
        for one in atoms:
            if isinstance(one, Choice) and not in_sentence(one):
                found.append(self._apart(one, quoted=quoted))
            else:
                found.append(one)
        return balanced(found)

    def _apart(self, choice: Choice, *, quoted: bool) -> Cut:
        """A choice whose branches stand for themselves."""
        bodies = [self.finished(branch, quoted) for branch in choice.branches]
        return Cut((_if(choice.tests, bodies),))

    def _run(self, run: list[Atom], *, quoted: bool) -> list[nodes.Node]:
        """The statements of pieces without a cut."""
        if not speaks(run):
            return self._silent(run, quoted=quoted)
        for at, one in enumerate(run):
            if isinstance(one, Choice) and (stands_apart(run, at) or many(run)):
                cut: list[Atom] = [*run[:at], self._apart(one, quoted=quoted), *run[at + 1 :]]
                return self.finished(cut, quoted)
        if not sentence(run):
            return self._elements(run, quoted=quoted)
        first, last = trimmed(run)
        before = self._silent(run[:first], quoted=quoted)
        after = self._silent(run[last:], quoted=quoted)
        return [*before, *self._variants(run[first:last], quoted=quoted), *after]

    def _silent(self, run: Sequence[Atom], *, quoted: bool) -> list[nodes.Node]:
        made: list[nodes.Node] = []
        for one in run:
            if isinstance(one, Choice):
                made += self._apart(one, quoted=quoted).parts
            else:
                made += self._statements(one)
        return made

    def _elements(self, run: list[Atom], *, quoted: bool) -> list[nodes.Node]:
        """Elements that stand beside each other: each for itself."""
        made: list[nodes.Node] = []
        inside: list[Atom] = []
        depth = 0
        for one in run:
            if isinstance(one, Tag) and depth == one.ends:  # an outermost begin or end
                made += self.finished(inside, quoted)
                made += one.parts
                inside = []
            elif isinstance(one, Choice) and depth == 0:
                made += self.finished(inside, quoted)
                made += self._apart(one, quoted=quoted).parts
                inside = []
            else:
                inside.append(one)
            if isinstance(one, Tag):
                depth += -1 if one.ends else 1
        return [*made, *self._silent(inside, quoted=quoted)]

    def _statements(self, one: Atom) -> list[nodes.Node]:
        if isinstance(one, Text):
            return [data(self._between(one.text))]
        if isinstance(one, Value):
            return [nodes.Output([self._expressions.shown(one.node)])]
        return list(one.parts) if isinstance(one, Tag | Solid | Cut) else []

    def _variants(self, run: list[Atom], *, quoted: bool) -> list[nodes.Node]:
        """The message, or one for each way its conditions may turn out."""
        for at, one in enumerate(run):
            if isinstance(one, Choice):
                bodies = [
                    self._variants([*run[:at], *branch, *run[at + 1 :]], quoted=quoted)
                    for branch in one.branches
                ]
                return [_if(one.tests, bodies)]
        return self._message(run, quoted=quoted)

    def _message(self, run: list[Atom], *, quoted: bool) -> list[nodes.Node]:
        values: dict[str, Value | Solid] = {}
        marks: dict[str, Tag] = {}
        whole = compact(_message(run, values, marks))
        inner = whole.strip()
        if '="' in inner:  # a macro that gives attributes
            return self._silent(run, quoted=quoted)
        if not re.search(r"[^\W\d_]", MARK.sub("", ENTITY.sub("", _words(inner)))) or (
            MARK.sub("", inner).strip() in BRANDS
        ):
            return self._silent(run, quoted=quoted)
        said = self._say(inner)
        lead = whole[: len(whole) - len(whole.lstrip())]
        trail = whole[len(whole.rstrip()) :]
        said_of = self._said(said, values, marks, quoted=quoted)
        return [data(self._between(lead)), *said_of, data(self._between(trail))]

    def _said(
        self, said: str, values: dict[str, "Value | Solid"], marks: dict[str, Tag], *, quoted: bool
    ) -> list[nodes.Node]:
        """A translation with its values and its markup in their places."""
        made: list[nodes.Node] = []
        for piece, is_value in placeholder(said):
            if is_value:
                if piece in values:
                    made += self._statements(values[piece])
                continue
            end = 0
            for mark in MARK.finditer(piece):
                made.append(data(_safe(piece[end : mark.start()], quoted=quoted)))
                end = mark.end()
                if mark[0] in marks:
                    made += marks[mark[0]].parts
            made.append(data(_safe(piece[end:], quoted=quoted)))
        return made


def _message(run: Sequence[Atom], values: dict[str, Value | Solid], marks: dict[str, Tag]) -> str:
    """The message of pieces; the values and marks it names are put down."""
    told: list[str] = []
    names: dict[str, nodes.Expr] = {}
    open_marks: list[str] = []
    for one in run:
        if isinstance(one, Text):
            told.append(written(one.text))
        elif isinstance(one, Value):
            name = named(one.node, names)
            values[name] = one
            told.append(f"%({name})s")
        elif isinstance(one, Solid):
            name = _free(one.name, values)
            values[name] = one
            names[name] = nodes.Const(id(one))
            told.append(f"%({name})s")
        elif isinstance(one, Tag) and one.ends:
            mark = f"</{open_marks.pop()}>"
            marks[mark] = one
            told.append(mark)
        elif isinstance(one, Tag):
            name = _free(one.name, {mark.strip("</>"): 0 for mark in marks})
            open_marks.append(name)
            marks[f"<{name}>"] = one
            told.append(f"<{name}>")
    return "".join(told)


def _free(wanted: str, taken: object) -> str:
    name, count = wanted, 1
    while isinstance(taken, dict) and name in taken:
        count += 1
        name = f"{wanted}{count}"
    return name


def _words(message: str) -> str:
    return "".join(piece for piece, is_value in placeholder(message) if not is_value)


def _safe(text: str, *, quoted: bool) -> str:
    found = text.replace("<", "&lt;").replace(">", "&gt;")
    return found.replace('"', "&quot;") if quoted else found


def _if(tests: Sequence[nodes.Expr], bodies: Sequence[list[nodes.Node]]) -> nodes.If:
    *branches, other = bodies
    first, *others = [
        nodes.If(test, body, [], []) for test, body in zip(tests, branches, strict=True)
    ]
    return nodes.If(first.test, first.body, others, other)
