"""What the text of a template is made of, once its markup is told from its words.

Here: the pieces. Not here: how they are read (markup.py) and what becomes of them (sentences.py).
"""

from dataclasses import dataclass
from typing import TypeAlias

from jinja2 import nodes


@dataclass(frozen=True, slots=True)
class Text:
    """Words, as they stand in the template."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """What is filled in."""

    node: nodes.Expr


@dataclass(frozen=True, slots=True)
class Tag:
    """The begin or the end of an element inside a sentence; `parts` are its statements."""

    name: str
    parts: tuple[nodes.Node, ...]
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Solid:
    """An element that is one value: code, a moment."""

    name: str
    parts: tuple[nodes.Node, ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """What no sentence reaches across."""

    parts: tuple[nodes.Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several pieces: tests, and as many branches and one more (the else)."""

    tests: tuple[nodes.Expr, ...]
    branches: tuple[tuple["Atom", ...], ...]


Atom: TypeAlias = Text | Value | Tag | Solid | Cut | Choice


def plain(atoms: tuple[Atom, ...]) -> str:
    """The words without markup; a letter stands for each value."""
    told = []
    for one in atoms:
        if isinstance(one, Text):
            told.append(one.text)
        elif isinstance(one, Value | Solid):
            told.append("x")
        elif isinstance(one, Choice):
            told.append(next((plain(each) for each in one.branches if each), ""))
    return "".join(told)


def lettered(atoms: tuple[Atom, ...]) -> bool:
    """Whether there is a word among them."""
    return any(
        (isinstance(one, Text) and any(map(str.isalpha, one.text)))
        or (isinstance(one, Choice) and any(map(lettered, one.branches)))
        for one in atoms
    )
