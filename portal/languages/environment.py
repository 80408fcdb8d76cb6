"""A Jinja environment that finds the messages of a template and compiles it per language."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from flask.templating import Environment
from jinja2 import nodes

from portal.languages.markup import (
    Atom,
    Choice,
    Cut,
    Reader,
    Solid,
    Tag,
    Text,
    Value,
    has_letters,
    plain_text,
    template_data,
)
from portal.languages.wording import (
    MARK,
    Expressions,
    collapse_spaces,
    escape_percent,
    name_value,
    split_placeholders,
)

INDENTED: Final = re.compile(r"(?<![%#]})\n[ \t]+|(?<=[%#]}\n)[ \t]+")
"""The line break behind a tag of the template is no part of the page: there a blank stays."""

BRANDS: Final = frozenset({"Clearpost", "x", "v"})

ENTITY: Final = re.compile(r"&#?\w+;")

VARIANTS: Final = 8  # so many wholes at most are made of one sentence with conditions

STOPS: Final = ".:;!?…)"

GOES_ON: Final = ",;.(:–"


class LanguageEnvironment(Environment):
    """The environment of Flask; one made by `speaking` has the texts of another language."""

    say: Callable[[str], str] | None = None
    between: Callable[[str], str] = staticmethod(str)
    """What becomes of the stops and blanks between two messages."""

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Without the indentation of lines: a list of 50 rows would carry 7 KB of it."""
        whole = super().preprocess(source, name, filename)
        if not (name or "").endswith(".html"):
            return whole
        return INDENTED.sub(lambda found: "\n" if found[0][0] == "\n" else " ", whole)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        if self.say is None:
            return tree
        made = Sentences(self.say, self.between).template(tree)
        made.set_environment(self)
        return made

    def speaking(
        self,
        say: Callable[[str], str],
        *,
        filters: Mapping[str, Callable[..., object]],
        known: Mapping[str, object],
        between: Callable[[str], str] = str,
    ) -> "LanguageEnvironment":
        """This environment in another language, with its own filters and globals beside ours."""
        made: LanguageEnvironment = self.overlay()
        made.say = say
        made.between = between
        made.bytecode_cache = None  # it keeps one code for each template
        made.filters = {**self.filters, **filters}
        made.globals = {**self.globals, **known}
        made.globals["ui"] = made.get_template("_macros/ui.html").module
        return made


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
        for run in split_runs(self._settled(cut_unbalanced(atoms), quoted=quoted)):
            if isinstance(run, Cut):
                made += run.parts
            else:
                made += self._run(run, quoted=quoted)
        return made

    def _settled(self, atoms: Sequence[Atom], *, quoted: bool) -> list[Atom]:
        """The pieces with every choice cut that is no part of a sentence."""
        found: list[Atom] = []
        for one in atoms:
            if isinstance(one, Choice) and not fits_in_sentence(one):
                found.append(self._apart(one, quoted=quoted))
            else:
                found.append(one)
        return cut_unbalanced(found)

    def _apart(self, choice: Choice, *, quoted: bool) -> Cut:
        """A choice whose branches stand for themselves."""
        bodies = [self.finished(branch, quoted) for branch in choice.branches]
        return Cut((_if(choice.tests, bodies),))

    def _run(self, run: list[Atom], *, quoted: bool) -> list[nodes.Node]:
        """The statements of pieces without a cut."""
        if not has_words(run):
            return self._silent(run, quoted=quoted)
        for at, one in enumerate(run):
            if isinstance(one, Choice) and (is_sentence_choice(run, at) or has_many_variants(run)):
                cut: list[Atom] = [*run[:at], self._apart(one, quoted=quoted), *run[at + 1 :]]
                return self.finished(cut, quoted)
        if not is_sentence(run):
            return self._elements(run, quoted=quoted)
        first, last = message_bounds(run)
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
            return [template_data(self._between(one.text))]
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
        whole = collapse_spaces(_message(run, values, marks))
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
        return [template_data(self._between(lead)), *said_of, template_data(self._between(trail))]

    def _said(
        self, said: str, values: dict[str, "Value | Solid"], marks: dict[str, Tag], *, quoted: bool
    ) -> list[nodes.Node]:
        """A translation with its values and its markup in their places."""
        made: list[nodes.Node] = []
        for piece, is_value in split_placeholders(said):
            if is_value:
                if piece in values:
                    made += self._statements(values[piece])
                continue
            end = 0
            for mark in MARK.finditer(piece):
                made.append(template_data(_safe(piece[end : mark.start()], quoted=quoted)))
                end = mark.end()
                if mark[0] in marks:
                    made += marks[mark[0]].parts
            made.append(template_data(_safe(piece[end:], quoted=quoted)))
        return made


def _if(tests: Sequence[nodes.Expr], bodies: Sequence[list[nodes.Node]]) -> nodes.If:
    *branches, other = bodies
    first, *others = [
        nodes.If(test, body, [], []) for test, body in zip(tests, branches, strict=True)
    ]
    return nodes.If(first.test, first.body, others, other)


def _message(run: Sequence[Atom], values: dict[str, Value | Solid], marks: dict[str, Tag]) -> str:
    """The message of pieces; the values and marks it names are put down."""
    told: list[str] = []
    names: dict[str, nodes.Expr] = {}
    open_marks: list[str] = []
    for one in run:
        if isinstance(one, Text):
            told.append(escape_percent(one.text))
        elif isinstance(one, Value):
            name = name_value(one.node, names)
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
    return "".join(piece for piece, is_value in split_placeholders(message) if not is_value)


def _safe(text: str, *, quoted: bool) -> str:
    found = text.replace("<", "&lt;").replace(">", "&gt;")
    return found.replace('"', "&quot;") if quoted else found


def cut_unbalanced(atoms: Sequence[Atom]) -> list[Atom]:
    """The pieces with every tag cut that has no partner between the cuts around it."""
    found = list(atoms)
    open_tags: list[int] = []
    for at, one in enumerate(found):
        if isinstance(one, Cut):
            _cut(found, open_tags)
            open_tags = []
        elif isinstance(one, Tag) and not one.ends:
            open_tags.append(at)
        elif isinstance(one, Tag):
            if open_tags and _name(found[open_tags[-1]]) == one.name:
                open_tags.pop()
            else:
                _cut(found, [at])
    _cut(found, open_tags)
    return found if found == list(atoms) else cut_unbalanced(found)


def _cut(found: list[Atom], places: Sequence[int]) -> None:
    for at in places:
        one = found[at]
        if isinstance(one, Tag):
            found[at] = Cut(one.parts)


def _name(one: Atom) -> str:
    return one.name if isinstance(one, Tag) else ""


def split_runs(atoms: Sequence[Atom]) -> list[Cut | list[Atom]]:
    """The cuts, and what stands between two of them."""
    found: list[Cut | list[Atom]] = []
    for one in atoms:
        if isinstance(one, Cut):
            found.append(one)
        elif found and isinstance(found[-1], list):
            found[-1].append(one)
        else:
            found.append([one])
    return found


def fits_in_sentence(choice: Choice) -> bool:
    """Whether each branch can stand inside a sentence."""
    return all(
        not any(isinstance(one, Cut) for one in cut_unbalanced(branch))
        and all(fits_in_sentence(one) for one in branch if isinstance(one, Choice))
        for branch in choice.branches
    )


def has_words(run: Sequence[Atom]) -> bool:
    """Whether there is a word in it."""
    return has_letters(tuple(run))


def is_sentence(run: Sequence[Atom]) -> bool:
    """Whether words stand outside of its elements."""
    depth = 0
    for one in run:
        if isinstance(one, Tag):
            depth += -1 if one.ends else 1
        elif depth == 0 and isinstance(one, Choice):
            if any(map(is_sentence, one.branches)):
                return True
        elif depth == 0 and has_letters((one,)):
            return True
    return False


def is_sentence_choice(run: Sequence[Atom], at: int) -> bool:
    """Whether a choice begins and ends where a sentence does."""
    choice = run[at]
    if not isinstance(choice, Choice):
        return False
    left = plain_text(tuple(run[:at])).rstrip()
    right = plain_text(tuple(run[at + 1 :])).lstrip()
    told = [text for branch in choice.branches if (text := plain_text(branch).strip())]
    begins = not left or left[-1] in STOPS or all(text[0] in GOES_ON for text in told)
    ends = (
        not right
        or right[0] in GOES_ON
        or right[0].isupper()
        or all(text[-1] in STOPS for text in told)
    )
    return begins and ends


def has_many_variants(run: Sequence[Atom]) -> bool:
    """Whether its conditions make more wholes of it than a translator should get."""
    count = 1
    for one in run:
        if isinstance(one, Choice):
            count *= _ways(one)
    return count > VARIANTS


def _ways(choice: Choice) -> int:
    total = 0
    for branch in choice.branches:
        count = 1
        for one in branch:
            if isinstance(one, Choice):
                count *= _ways(one)
        total += count
    return total


def message_bounds(run: Sequence[Atom]) -> tuple[int, int]:
    """Where the message begins and ends: text without a letter at its edges is none of it."""
    first, last = 0, len(run)
    while first < last and isinstance(one := run[first], Text) and not has_letters((one,)):
        first += 1
    return first, last
