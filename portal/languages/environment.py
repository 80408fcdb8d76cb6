"""Find the messages of a template and compile it per language."""

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
"""Indentation; a line break next to a template tag leaves one space instead."""

BRANDS: Final = frozenset({"Clearpost", "x", "v"})

ENTITY: Final = re.compile(r"&#?\w+;")

MAX_VARIANTS: Final = 8  # messages from one sentence with conditions

STOPS: Final = ".:;!?…)"

GOES_ON: Final = ",;.(:–"


class LanguageEnvironment(Environment):
    """Extend Flask's environment; `in_language` returns a copy with another language's texts."""

    say: Callable[[str], str] | None = None
    between: Callable[[str], str] = staticmethod(str)
    """Convert the stops and blanks between two messages."""

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """Remove the indentation of lines, which would add kilobytes to long lists."""
        text = super().preprocess(source, name, filename)
        if not (name or "").endswith(".html"):
            return text
        return INDENTED.sub(lambda match: "\n" if match[0][0] == "\n" else " ", text)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        if self.say is None:
            return tree
        translated = Sentences(self.say, self.between).template(tree)
        translated.set_environment(self)
        return translated

    def in_language(
        self,
        say: Callable[[str], str],
        *,
        filters: Mapping[str, Callable[..., object]],
        extra_globals: Mapping[str, object],
        between: Callable[[str], str] = str,
    ) -> "LanguageEnvironment":
        """Return this environment in another language, with additional filters and globals."""
        environment: LanguageEnvironment = self.overlay()
        environment.say = say
        environment.between = between
        environment.bytecode_cache = (
            None  # it stores one code per template name, whatever the language
        )
        environment.filters = {**self.filters, **filters}
        environment.globals = {**self.globals, **extra_globals}
        environment.globals["ui"] = environment.get_template("_macros/ui.html").module
        return environment


class Sentences:
    """Translate the messages of one template with a function: English message -> its text."""

    def __init__(self, say: Callable[[str], str], between: Callable[[str], str] = str) -> None:
        """Store the translation function, and `between`, which converts stops between messages."""
        self._say = say
        self._between = between
        self._expressions = Expressions(say, between)

    def template(self, tree: nodes.Template) -> nodes.Template:
        """Return the translated template."""
        tree.body = Reader(self._expressions, self.finish).document(tree.body)
        return tree

    def finish(self, atoms: Sequence[Atom], quoted: bool) -> list[nodes.Node]:
        """Return the statements of atoms that are in one body, or in an attribute (`quoted`)."""
        statements: list[nodes.Node] = []
        for run in split_runs(self._separate_choices(cut_unbalanced(atoms), quoted=quoted)):
            if isinstance(run, Cut):
                statements += run.parts
            else:
                statements += self._run(run, quoted=quoted)
        return statements

    def _separate_choices(self, atoms: Sequence[Atom], *, quoted: bool) -> list[Atom]:
        """Return the atoms with every choice cut out that cannot be part of a sentence."""
        settled: list[Atom] = []
        for atom in atoms:
            if isinstance(atom, Choice) and not fits_in_sentence(atom):
                settled.append(self._cut_choice(atom, quoted=quoted))
            else:
                settled.append(atom)
        return cut_unbalanced(settled)

    def _cut_choice(self, choice: Choice, *, quoted: bool) -> Cut:
        """Return a choice as a cut whose branches are translated separately."""
        bodies = [self.finish(branch, quoted) for branch in choice.branches]
        return Cut((_if(choice.tests, bodies),))

    def _run(self, run: list[Atom], *, quoted: bool) -> list[nodes.Node]:
        """Return the statements of atoms without a cut."""
        if not has_words(run):
            return self._untranslated(run, quoted=quoted)
        for at, atom in enumerate(run):
            if isinstance(atom, Choice) and (is_sentence_choice(run, at) or has_many_variants(run)):
                separated: list[Atom] = [
                    *run[:at],
                    self._cut_choice(atom, quoted=quoted),
                    *run[at + 1 :],
                ]
                return self.finish(separated, quoted)
        if not is_sentence(run):
            return self._elements(run, quoted=quoted)
        first, last = message_bounds(run)
        before = self._untranslated(run[:first], quoted=quoted)
        after = self._untranslated(run[last:], quoted=quoted)
        return [*before, *self._variants(run[first:last], quoted=quoted), *after]

    def _untranslated(self, run: Sequence[Atom], *, quoted: bool) -> list[nodes.Node]:
        statements: list[nodes.Node] = []
        for atom in run:
            if isinstance(atom, Choice):
                statements += self._cut_choice(atom, quoted=quoted).parts
            else:
                statements += self._statements(atom)
        return statements

    def _elements(self, run: list[Atom], *, quoted: bool) -> list[nodes.Node]:
        """Return the statements of adjacent elements, each translated separately."""
        statements: list[nodes.Node] = []
        inside: list[Atom] = []
        depth = 0
        for atom in run:
            if isinstance(atom, Tag) and depth == atom.ends:  # an outermost begin or end
                statements += self.finish(inside, quoted)
                statements += atom.parts
                inside = []
            elif isinstance(atom, Choice) and depth == 0:
                statements += self.finish(inside, quoted)
                statements += self._cut_choice(atom, quoted=quoted).parts
                inside = []
            else:
                inside.append(atom)
            if isinstance(atom, Tag):
                depth += -1 if atom.ends else 1
        return [*statements, *self._untranslated(inside, quoted=quoted)]

    def _statements(self, atom: Atom) -> list[nodes.Node]:
        if isinstance(atom, Text):
            return [template_data(self._between(atom.text))]
        if isinstance(atom, Value):
            return [nodes.Output([self._expressions.translate_shown(atom.node)])]
        return list(atom.parts) if isinstance(atom, Tag | Solid | Cut) else []

    def _variants(self, run: list[Atom], *, quoted: bool) -> list[nodes.Node]:
        """Return the message, or one message for each combination of its conditions."""
        for at, atom in enumerate(run):
            if isinstance(atom, Choice):
                bodies = [
                    self._variants([*run[:at], *branch, *run[at + 1 :]], quoted=quoted)
                    for branch in atom.branches
                ]
                return [_if(atom.tests, bodies)]
        return self._message(run, quoted=quoted)

    def _message(self, run: list[Atom], *, quoted: bool) -> list[nodes.Node]:
        values: dict[str, Value | Solid] = {}
        marks: dict[str, Tag] = {}
        message = collapse_spaces(_compose_message(run, values, marks))
        inner = message.strip()
        if '="' in inner:  # a macro that yields attributes
            return self._untranslated(run, quoted=quoted)
        if not re.search(r"[^\W\d_]", MARK.sub("", ENTITY.sub("", _message_words(inner)))) or (
            MARK.sub("", inner).strip() in BRANDS
        ):
            return self._untranslated(run, quoted=quoted)
        translation = self._say(inner)
        lead = message[: len(message) - len(message.lstrip())]
        trail = message[len(message.rstrip()) :]
        content = self._translated_nodes(translation, values, marks, quoted=quoted)
        return [template_data(self._between(lead)), *content, template_data(self._between(trail))]

    def _translated_nodes(
        self,
        translation: str,
        values: dict[str, "Value | Solid"],
        marks: dict[str, Tag],
        *,
        quoted: bool,
    ) -> list[nodes.Node]:
        """Return a translation's statements with its values and markup."""
        statements: list[nodes.Node] = []
        for piece, is_value in split_placeholders(translation):
            if is_value:
                if piece in values:
                    statements += self._statements(values[piece])
                continue
            end = 0
            for mark in MARK.finditer(piece):
                statements.append(template_data(_escape(piece[end : mark.start()], quoted=quoted)))
                end = mark.end()
                if mark[0] in marks:
                    statements += marks[mark[0]].parts
            statements.append(template_data(_escape(piece[end:], quoted=quoted)))
        return statements


def _if(tests: Sequence[nodes.Expr], bodies: Sequence[list[nodes.Node]]) -> nodes.If:
    *branches, other = bodies
    first, *others = [
        nodes.If(test, body, [], []) for test, body in zip(tests, branches, strict=True)
    ]
    return nodes.If(first.test, first.body, others, other)


def _compose_message(
    run: Sequence[Atom], values: dict[str, Value | Solid], marks: dict[str, Tag]
) -> str:
    """Return the atoms' message; fill `values` and `marks` with the names it uses."""
    pieces: list[str] = []
    names: dict[str, nodes.Expr] = {}
    open_marks: list[str] = []
    for atom in run:
        if isinstance(atom, Text):
            pieces.append(escape_percent(atom.text))
        elif isinstance(atom, Value):
            name = name_value(atom.node, names)
            values[name] = atom
            pieces.append(f"%({name})s")
        elif isinstance(atom, Solid):
            name = _free_name(atom.name, values)
            values[name] = atom
            names[name] = nodes.Const(id(atom))
            pieces.append(f"%({name})s")
        elif isinstance(atom, Tag) and atom.ends:
            mark = f"</{open_marks.pop()}>"
            marks[mark] = atom
            pieces.append(mark)
        elif isinstance(atom, Tag):
            name = _free_name(atom.name, {mark.strip("</>"): 0 for mark in marks})
            open_marks.append(name)
            marks[f"<{name}>"] = atom
            pieces.append(f"<{name}>")
    return "".join(pieces)


def _free_name(base_name: str, taken: object) -> str:
    name, count = base_name, 1
    while isinstance(taken, dict) and name in taken:
        count += 1
        name = f"{base_name}{count}"
    return name


def _message_words(message: str) -> str:
    return "".join(piece for piece, is_value in split_placeholders(message) if not is_value)


def _escape(text: str, *, quoted: bool) -> str:
    escaped = text.replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace('"', "&quot;") if quoted else escaped


def cut_unbalanced(atoms: Sequence[Atom]) -> list[Atom]:
    """Return the atoms with every tag cut out that has no partner between the cuts around it."""
    cut_atoms = list(atoms)
    open_tags: list[int] = []
    for at, atom in enumerate(cut_atoms):
        if isinstance(atom, Cut):
            _cut_tags(cut_atoms, open_tags)
            open_tags = []
        elif isinstance(atom, Tag) and not atom.ends:
            open_tags.append(at)
        elif isinstance(atom, Tag):
            if open_tags and _tag_name(cut_atoms[open_tags[-1]]) == atom.name:
                open_tags.pop()
            else:
                _cut_tags(cut_atoms, [at])
    _cut_tags(cut_atoms, open_tags)
    return cut_atoms if cut_atoms == list(atoms) else cut_unbalanced(cut_atoms)


def _cut_tags(cut_atoms: list[Atom], places: Sequence[int]) -> None:
    for at in places:
        atom = cut_atoms[at]
        if isinstance(atom, Tag):
            cut_atoms[at] = Cut(atom.parts)


def _tag_name(atom: Atom) -> str:
    return atom.name if isinstance(atom, Tag) else ""


def split_runs(atoms: Sequence[Atom]) -> list[Cut | list[Atom]]:
    """Return the cuts, and the atoms between two cuts as lists."""
    runs: list[Cut | list[Atom]] = []
    for atom in atoms:
        if isinstance(atom, Cut):
            runs.append(atom)
        elif runs and isinstance(runs[-1], list):
            runs[-1].append(atom)
        else:
            runs.append([atom])
    return runs


def fits_in_sentence(choice: Choice) -> bool:
    """Check whether each branch can be part of a sentence."""
    return all(
        not any(isinstance(atom, Cut) for atom in cut_unbalanced(branch))
        and all(fits_in_sentence(atom) for atom in branch if isinstance(atom, Choice))
        for branch in choice.branches
    )


def has_words(run: Sequence[Atom]) -> bool:
    """Check whether the atoms contain a word."""
    return has_letters(tuple(run))


def is_sentence(run: Sequence[Atom]) -> bool:
    """Check whether there are words outside the elements."""
    depth = 0
    for atom in run:
        if isinstance(atom, Tag):
            depth += -1 if atom.ends else 1
        elif depth == 0 and isinstance(atom, Choice):
            if any(map(is_sentence, atom.branches)):
                return True
        elif depth == 0 and has_letters((atom,)):
            return True
    return False


def is_sentence_choice(run: Sequence[Atom], at: int) -> bool:
    """Check whether a choice begins and ends at a sentence boundary."""
    choice = run[at]
    if not isinstance(choice, Choice):
        return False
    left = plain_text(tuple(run[:at])).rstrip()
    right = plain_text(tuple(run[at + 1 :])).lstrip()
    branch_texts = [text for branch in choice.branches if (text := plain_text(branch).strip())]
    begins = not left or left[-1] in STOPS or all(text[0] in GOES_ON for text in branch_texts)
    ends = (
        not right
        or right[0] in GOES_ON
        or right[0].isupper()
        or all(text[-1] in STOPS for text in branch_texts)
    )
    return begins and ends


def has_many_variants(run: Sequence[Atom]) -> bool:
    """Check whether the conditions make more messages than a translator should receive."""
    count = 1
    for atom in run:
        if isinstance(atom, Choice):
            count *= _count_variants(atom)
    return count > MAX_VARIANTS


def _count_variants(choice: Choice) -> int:
    total = 0
    for branch in choice.branches:
        count = 1
        for atom in branch:
            if isinstance(atom, Choice):
                count *= _count_variants(atom)
        total += count
    return total


def message_bounds(run: Sequence[Atom]) -> tuple[int, int]:
    """Return the start and end of the message, without edge text that has no letters."""
    first, last = 0, len(run)
    while first < last and isinstance(atom := run[first], Text) and not has_letters((atom,)):
        first += 1
    return first, last
