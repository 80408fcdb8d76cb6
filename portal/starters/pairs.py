"""Read the files of a template; some are another template with a few files or rules changed."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from grammar.layout.written import format_text
from portal.starters.declarations import leave_out, list_names, merge_declarations

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


@dataclass(frozen=True, slots=True)
class Target:
    """What the rules that all targets share say about one: its name, what people call it, and its
    document types for what was sold and for what went back.
    """

    name: str
    title: str
    sold: str
    given_back: str = ""


TARGETS: Final[Mapping[str, Target]] = {
    target.name: target
    for target in (
        Target("autocount", "AutoCount", "invoice", "credit_note"),
        Target("autocount_aotg", "AutoCount On The Go", "ar_invoice"),
        Target("autocount_excel", "AutoCount", "invoice", "credit_note"),
        Target("quickbooks", "QuickBooks", "invoice", "credit_memo"),
        Target("aiaccount", "AiAccount", "sales_invoice", "sales_refund"),
    )
}
"""The targets whose part of a template can be exchanged."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What `pair.toml` says: the template that it is made from, the source or the target in the
    place of that template's own, and the files, declarations and fields that are left out.

    Files in the folder itself take the place of those with the same path. Those in `changed` have
    only the declarations that differ.
    """

    like: str
    source: str = ""
    target: str = ""
    changed: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def names() -> tuple[str, ...]:
    """Return the words of all templates."""
    found = (one.name for one in FOLDER.iterdir() if (one / "maps").is_dir() or pair_of(one.name))
    return tuple(sorted(found))


def pair_of(word: str) -> Pair | None:
    """Return what a template is made from; None where all of its files are its own."""
    path = FOLDER / word / PAIR
    if not path.is_file():
        return None
    told = tomllib.loads(path.read_text("utf-8"))
    lists = {name: tuple(told.get(name, ())) for name in ("changed", "without")}
    return Pair(**told | lists)


@cache
def read_template(word: str) -> Mapping[str, str]:
    """Return path -> text of the rules and mapping files of a template."""
    folder, pair = FOLDER / word, pair_of(word)
    own = {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for ending in ("*.rules", "*.csv")
        for path in sorted(folder.rglob(ending))
    }
    if pair is None:
        return own
    like, replaced = read_template(pair.like), {*own, *pair.without} - {*pair.changed}
    shared = {path: text for path, text in like.items() if path not in replaced}
    for side in ("source", "target"):
        if new := getattr(pair, side):
            old = _stated(side, pair.like)
            change = _with_source if side == "source" else _with_target
            shared = {path: change(path, text, old, new) for path, text in shared.items()}
    known = {*like}.union(*map(list_names, shared.values()))
    if unknown := {*pair.without} - known:
        raise ValueError(f"{word}: not in {pair.like}: {sorted(unknown)}")
    shared = {path: _change(path, text, own, pair) for path, text in shared.items()}
    return dict(sorted({**own, **shared}.items()))


def _change(path: str, text: str, own: Mapping[str, str], pair: Pair) -> str:
    """Return a shared file as a pair has it: without what it leaves out, and with its changes."""
    if not path.endswith(".rules"):
        return text
    text = leave_out(text, pair.without)
    return format_text(merge_declarations(text, own[path]) if path in own else text, path)


def _stated(side: str, word: str) -> str:
    """Return the name of a template's source or target."""
    text = "\n".join(read_template(word).values())
    stated = re.search(rf"^{side} (\w+)$", text, re.MULTILINE)
    if stated is None:
        raise ValueError(word)
    return stated[1]


def _with_target(path: str, text: str, old_name: str, new_name: str) -> str:
    """Return a file of rules for another target."""
    if not path.endswith(".rules"):
        return text
    old, new = TARGETS[old_name], TARGETS[new_name]
    for document, other in ((old.sold, new.sold), (old.given_back, new.given_back)):
        if not document:
            continue
        text = re.sub(rf"\b{old.name}\.{document}\b", f"{new.name}.{other}", text)
    text = re.sub(rf"^(target|retry) {old.name}$", rf"\1 {new.name}", text, flags=re.MULTILINE)
    return format_text(re.sub(rf"\b{old.title}\b", new.title, text), path)


def _with_source(path: str, text: str, old_name: str, new_name: str) -> str:
    """Return a file of rules for another source."""
    if not path.endswith(".rules"):
        return text
    old, new = SOURCES[old_name], SOURCES[new_name]
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
