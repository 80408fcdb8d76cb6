"""Split a template into markup and text."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from jinja2 import nodes
from markupsafe import escape

from portal.languages.wording import Expressions, format_parts, is_markup

INLINE: Final = frozenset(
    {"a", "abbr", "b", "em", "i", "small", "span", "strong", "s", "sub", "sup", "u", "mark"}
)

SOLID: Final = frozenset({"code", "kbd", "time", "samp", "var"})

RAW: Final = frozenset({"script", "style", "pre", "textarea", "svg"})

READ: Final = frozenset({"title", "aria-label", "placeholder", "alt", "data-label"}) | {
    "data-copied", "data-lost", "data-none", "data-some", "data-suggestions", "data-unit"
}  # fmt: skip
"""Attributes that people read or hear, and those whose text static/*.js shows."""

START: Final = re.compile(r"<(/?)([A-Za-z!][\w:-]*)")

VALUE: Final = re.compile(r"([\w:-]+)\s*=\s*([\"'])$")

SEPARATOR: Final = re.compile(r"(\s*·\s*)")


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is written in the template."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """An expression whose value is filled in."""

    node: nodes.Expr


@dataclass(frozen=True, slots=True)
class Tag:
    """The start or the end of an element inside a sentence; `parts` are its statements."""

    name: str
    parts: tuple[nodes.Node, ...]
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Solid:
    """An element that counts as one value, such as code or a time."""

    name: str
    parts: tuple[nodes.Node, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """Markup that ends a sentence."""

    parts: tuple[nodes.Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A condition: its tests, and one branch more than tests (the else)."""

    tests: tuple[nodes.Expr, ...]
    branches: tuple[tuple["Atom", ...], ...]


Atom: TypeAlias = Text | Value | Tag | Solid | Cut | Choice

Finish = Callable[[Sequence[Atom], bool], list[nodes.Node]]
"""Return the statements of atoms that belong together; True means inside an attribute."""


class OddMarkupError(ValueError):
    """Report a condition that begins inside a tag and ends outside, or the reverse."""


class Reader:
    """Read one template and return its statements with translated messages."""

    def __init__(self, expressions: Expressions, finish: Finish) -> None:
        self._expressions = expressions
        self._finish = finish
        self._sink: list[Atom] = []
        self._tag: list[nodes.Node] | None = None  # the open tag's statements
        self._name = ""
        self._ends = False
        self._quote = ""  # the character that ends the attribute's value
        self._attribute: list[Atom] | None = None  # value of an attribute that people read
        self._raw = ""  # element whose content is not translated
        self._depth = 0
        self._kept: list[nodes.Node] = []

    def document(self, body: Iterable[nodes.Node]) -> list[nodes.Node]:
        """Return the statements of a body that is complete in itself."""
        outer, self._sink = self._sink, []
        self.read(body)
        if self._tag is not None:
            raise OddMarkupError(self._name)
        atoms, self._sink = self._sink, outer
        return self._finish(atoms, False)  # noqa: FBT003 - no attribute

    def read(self, body: Iterable[nodes.Node]) -> None:
        """Add these statements to the atoms being read."""
        for node in body:
            if isinstance(node, nodes.Output):
                for piece in node.nodes:
                    if isinstance(piece, nodes.TemplateData):
                        self._text(piece.data)
                    else:
                        self._value(piece)
            else:
                self._statement(node)

    def _value(self, node: nodes.Expr) -> None:
        if self._raw:
            self._kept.append(nodes.Output([node]))
        elif self._attribute is not None:
            self._attribute += self._pieces(node)
        elif self._tag is not None:
            self._tag.append(nodes.Output([node]))
        else:
            self._sink += self._pieces(node)

    def _pieces(self, node: nodes.Expr) -> list[Atom]:
        """Return a value, or the words it is composed of."""
        if isinstance(node, nodes.Const) and isinstance(node.value, str):
            return [Text(str(escape(node.value)))]
        if isinstance(node, nodes.Concat):
            return [piece for part in node.nodes for piece in self._pieces(part)]
        if isinstance(node, nodes.Filter) and (parts := format_parts(node)) is not None:
            return [piece for part in parts for piece in self._pieces(part)]
        if isinstance(node, nodes.CondExpr):
            other = self._pieces(node.expr2) if node.expr2 is not None else []
            choice = Choice((node.test,), (tuple(self._pieces(node.expr1)), tuple(other)))
            return [choice] if has_letters((choice,)) else [Value(node)]
        if is_markup(node):
            return [Cut((nodes.Output([self._expressions.translate(node)]),))]
        return [Value(node)]

    def _statement(self, node: nodes.Node) -> None:
        if self._raw:
            self._kept.append(node)
        elif self._attribute is not None:
            self._attribute.append(self._choice(node))
        elif self._tag is not None:
            for _, body in _bodies(node):
                body[:] = self._inside_tag(body)
            self._tag.append(node)
        elif isinstance(node, nodes.If):
            self._sink.append(self._choice(node))
        else:
            for _, body in _bodies(node):
                body[:] = self.document(body)
            self._expressions.translate_statement(node)
            self._sink.append(Cut((node,)))

    def _inside_tag(self, body: list[nodes.Node]) -> list[nodes.Node]:
        outer, self._tag = self._tag, []
        quote = self._quote
        self.read(body)
        if self._tag is None or self._attribute is not None or self._quote != quote:
            raise OddMarkupError(self._name)
        statements, self._tag = self._tag, outer
        return statements

    def _choice(self, node: nodes.Node) -> Choice:
        if not isinstance(node, nodes.If):
            raise OddMarkupError(self._name)
        tests = tuple(_test(condition) for condition in (node, *node.elif_))
        bodies = [node.body, *(condition.body for condition in node.elif_), node.else_]
        return Choice(tests, tuple(self._branch(body) for body in bodies))

    def _branch(self, body: list[nodes.Node]) -> tuple[Atom, ...]:
        if self._attribute is not None:
            outer, self._attribute = self._attribute, []
            self.read(body)
            if self._attribute is None:
                raise OddMarkupError(self._name)
            attribute_atoms, self._attribute = self._attribute, outer
            return tuple(attribute_atoms)
        sink, self._sink = self._sink, []
        self.read(body)
        if self._tag is not None or self._raw:
            raise OddMarkupError(self._name or self._raw)
        atoms, self._sink = self._sink, sink
        return tuple(atoms)

    def _text(self, text: str) -> None:
        while text:
            if self._raw:
                text = self._until_end(text)
            elif self._attribute is not None:
                text = self._until_quote(text)
            elif self._tag is not None:
                text = self._until_tag_ends(text)
            else:
                text = self._until_tag(text)

    def _until_tag(self, text: str) -> str:
        match = START.search(text)
        words = text if match is None else text[: match.start()]
        for piece in SEPARATOR.split(words):
            if "·" in piece:
                self._sink.append(Cut((template_data(piece),)))
            elif piece:
                self._sink.append(Text(piece))
        if match is None:
            return ""
        self._ends, self._name = bool(match[1]), match[2].lower()
        self._tag = [template_data(match[0])]
        return text[match.end() :]

    def _until_tag_ends(self, text: str) -> str:
        for at, sign in enumerate(text):
            if self._quote:
                if sign == self._quote:
                    self._quote = ""
            elif sign in "\"'":
                self._quote = sign
                attribute = VALUE.search(text[: at + 1])
                if attribute and attribute[1] in READ:
                    self._keep(text[: at + 1])
                    self._attribute = []
                    return text[at + 1 :]
            elif sign == ">":
                self._keep(text[: at + 1])
                self._tag_ended()
                return text[at + 1 :]
        self._keep(text)
        return ""

    def _keep(self, text: str) -> None:
        if self._tag is not None and text:
            self._tag.append(template_data(text))

    def _until_quote(self, text: str) -> str:
        attribute_atoms = self._attribute
        if attribute_atoms is None:
            return text
        words, quote, remainder = text.partition(self._quote)
        if words:
            attribute_atoms.append(Text(words))
        if quote and self._tag is not None:
            self._tag += self._finish(attribute_atoms, True)  # noqa: FBT003 - an attribute
            self._attribute, self._quote = None, ""
            self._keep(quote)
        return remainder

    def _tag_ended(self) -> None:
        parts, self._tag = tuple(self._tag or ()), None
        if self._name in INLINE:
            self._sink.append(Tag(self._name, parts, self._ends))
        elif self._name in SOLID | RAW and not self._ends:
            self._raw, self._depth, self._kept = self._name, 1, list(parts)
        else:
            self._sink.append(Cut(parts))

    def _until_end(self, text: str) -> str:
        for match in re.finditer(rf"<(/?){self._raw}\b", text):
            self._depth += -1 if match[1] else 1
            if self._depth:
                continue
            end = text.index(">", match.end()) + 1
            parts = (*self._kept, template_data(text[:end]))
            name, self._raw = self._raw, ""
            self._sink.append(Solid(name, parts) if name in SOLID else Cut(parts))
            return text[end:]
        self._kept.append(template_data(text))
        return ""


def _bodies(node: nodes.Node) -> list[tuple[str, list[nodes.Node]]]:
    """Return the bodies of a statement, also the bodies of its branches."""
    bodies = []
    for name in ("body", "else_"):
        inner = getattr(node, name, None)
        if isinstance(inner, list):
            bodies.append((name, inner))
    for branch in getattr(node, "elif_", ()):
        bodies += _bodies(branch)
    return bodies


def _test(node: nodes.If) -> nodes.Expr:
    return cast(nodes.Expr, node.test)  # the parser sets an expression


def template_data(text: str) -> nodes.Output:
    """Return a statement that writes this markup."""
    return nodes.Output([nodes.TemplateData(text)])


def plain_text(atoms: tuple[Atom, ...]) -> str:
    """Return the words without markup, with one letter in place of each value."""
    words = []
    for atom in atoms:
        if isinstance(atom, Text):
            words.append(atom.text)
        elif isinstance(atom, Value | Solid):
            words.append("x")
        elif isinstance(atom, Choice):
            words.append(next((plain_text(branch) for branch in atom.branches if branch), ""))
    return "".join(words)


def has_letters(atoms: tuple[Atom, ...]) -> bool:
    """Check whether the atoms contain a letter."""
    return any(
        (isinstance(atom, Text) and any(map(str.isalpha, atom.text)))
        or (isinstance(atom, Choice) and any(map(has_letters, atom.branches)))
        for atom in atoms
    )
