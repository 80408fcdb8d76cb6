"""Read the files of a template; a pair of a source and a target is made from another template."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from grammar.layout.written import format_text

FOLDER: Final = Path(__file__).parent

PAIR: Final = "pair.toml"


@dataclass(frozen=True, slots=True)
class Source:
    """What the rules of a template say about their source: its name, what people call it, the
    fields of an order that it need not have, conditions on such a field, which are left out, and
    the titles of their tests.
    """

    name: str
    title: str
    optional: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    tests_left_out: tuple[str, ...] = ()


SOURCES: Final[Mapping[str, Source]] = {
    "netshop": Source("netshop", "NetShop"),
    "intake": Source("intake", ""),
    "workbook": Source(
        name="workbook",
        title="the file",
        optional=("version",),
        left_out=("    when     paid_at is known\n",),  # people write a status, seldom a moment
        tests_left_out=("a status of payment without a time of payment waits",),
    ),
}
"""The sources whose part of a template can be exchanged."""


def names() -> tuple[str, ...]:
    """Return the words of all templates."""
    found = (one.name for one in FOLDER.iterdir() if (one / "maps").is_dir() or pair_of(one.name))
    return tuple(sorted(found))


def pair_of(word: str) -> tuple[str, str] | None:
    """Return the template that a pair is made from, and its source; None where it has own files."""
    path = FOLDER / word / PAIR
    if not path.is_file():
        return None
    told = tomllib.loads(path.read_text("utf-8"))
    return str(told["like"]), str(told["source"])


@cache
def read_template(word: str) -> Mapping[str, str]:
    """Return path -> text of the rules and mapping files of a template."""
    folder, pair = FOLDER / word, pair_of(word)
    if pair is None:
        return {
            path.relative_to(folder).as_posix(): path.read_text("utf-8")
            for ending in ("*.rules", "*.csv")
            for path in sorted(folder.rglob(ending))
        }
    like, name = pair
    files = read_template(like)
    stated = re.search(r"^source (\w+)$", "\n".join(files.values()), re.MULTILINE)
    if stated is None:
        raise ValueError(like)
    old, new = SOURCES[stated[1]], SOURCES[name]
    return {
        path: _with_source(path, text, old, new) if path.endswith(".rules") else text
        for path, text in files.items()
    }


def _with_source(path: str, text: str, old: Source, new: Source) -> str:
    """Return a file of rules for another source."""
    text = re.sub(rf"^source {old.name}$", f"source {new.name}", text, flags=re.MULTILINE)
    text = re.sub(
        rf"^(record \w+) from {old.name}$", rf"\1 from {new.name}", text, flags=re.MULTILINE
    )
    if old.title:
        text = re.sub(rf"\b{old.title}\b", new.title, text)
    for clause in new.left_out:
        text = text.replace(clause, "")
    for title in new.tests_left_out:
        text = re.sub(rf'^test "{title}"\n(?:[ \t].*\n|\n)*', "", text, flags=re.MULTILINE)
    for field in new.optional:
        blank = rf"^(    {field} +\w+)$"
        text = re.sub(blank, r"\1  optional", text, flags=re.MULTILINE)
    return format_text(text, path)


def write_template(word: str, folder: Path) -> None:
    """Write the files of a template into a folder."""
    for path, text in read_template(word).items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
