"""A page as a tree: the words of a part, the fields of a form, the seven answers.

Here: a small tree of elements and questions to it. Not here: getting pages (product.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"input", "meta", "link", "br", "hr", "img", "col"})


@dataclass
class Part:
    """An element with what stands in it."""

    tag: str
    attributes: dict[str, str]
    inside: list["Part | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All words in it, with single spaces."""
        return " ".join(self.raw.split())

    @property
    def raw(self) -> str:
        """All words in it, as they are."""
        return "".join(self._words())

    def all(self, tag: str = "", **wanted: str) -> list["Part"]:
        """Every element below with this tag and these attributes; `cls` is one of its classes."""
        return [part for part in self._parts() if part.fits(tag, wanted)]

    def one(self, tag: str = "", **wanted: str) -> "Part":
        """The first such element; its absence fails the test."""
        found = self.all(tag, **wanted)
        assert found, f"no {tag} {wanted} in: {self.text[:1500]}"
        return found[0]

    def fits(self, tag: str, wanted: dict[str, str]) -> bool:
        """Whether this is such an element."""
        mine = self.attributes
        classes = mine.get("class", "").split()
        return (not tag or self.tag == tag) and all(
            value in classes if name == "cls" else mine.get(name) == value
            for name, value in wanted.items()
        )

    def fields(self) -> dict[str, str]:
        """What this form would send if nobody touched it."""
        return {
            part.attributes["name"]: part.attributes.get("value", "")
            for part in self.all("input")
            if "name" in part.attributes
            and part.attributes.get("type") not in ("radio", "checkbox", "submit")
        }

    def form_of(self, button: str) -> "Part":
        """The form that the button with this id sends."""
        found = [form for form in self.all("form") if form.all("button", id=button)]
        assert found, f"no button {button} in: {self.text[:1500]}"
        return found[0]

    def _words(self) -> Iterator[str]:
        for each in self.inside:
            if isinstance(each, str):
                yield each
            elif each.tag not in ("script", "style"):
                yield from each._words()

    def _parts(self) -> Iterator["Part"]:
        for each in self.inside:
            if isinstance(each, Part):
                yield each
                yield from each._parts()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open = [Part("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        part = Part(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(part)
        if tag not in VOID:
            self.open.append(part)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inside.append(Part(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        places = [place for place, part in enumerate(self.open) if part.tag == tag]
        if places:
            del self.open[places[-1] :]

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def read(page: str) -> Part:
    """The tree of a page."""
    reader = _Reader()
    reader.feed(re.sub(r">\s+<", "> <", page))
    return reader.open[0]


def state(page: Part) -> str:
    """The state in the head of a record page."""
    return page.one("p", cls="state").one("span", cls="chip").text


def answers(page: Part) -> dict[int, str]:
    """The seven answers of a record page, by number."""
    return {no: page.one("li", id=f"answer_{no}").one("span", cls="a").text for no in range(1, 8)}


def short(page: Part, no: int) -> tuple[str, str]:
    """The word of a short answer of a record page, and what is said after it."""
    line = page.one("li", id=f"answer_{no}").one("summary")
    return line.one("b", cls="mark").text, line.one("span", cls="say").text


def proofs(page: Part, no: int) -> list[str]:
    """What an answer names as its proofs, with what only a screen reader says."""
    return [link.text for link in page.one("li", id=f"answer_{no}").one("p", cls="links").all("a")]


def hold_links(page: Part) -> list[str]:
    """The addresses of a record's open holds, its first one first."""
    ids = [(a.attributes.get("id", ""), a.attributes.get("href", "")) for a in page.all("a")]
    return [href for name, href in ids if name == "facereview" or name.startswith("hold_")]


def holds_of(page: Part) -> set[str]:
    """Where the open holds of a record are looked at."""
    found = {a.attributes["href"] for a in page.all("a")}
    return {one for one in found if re.search(r"/holding/\d+$", one)}
