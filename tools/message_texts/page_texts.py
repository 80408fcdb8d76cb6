"""The texts of pages: of templates, of the modules behind them, of help, and names of things.

Here: every message without a context, with the files that it stands in. Not here: what is said in
words of rules and about them (rule_texts.py).
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, nodes

from connectors import registry
from grammar.text.finding_codes import CODES
from holding.access.actors import ROLE_LABELS, any_of
from message_texts.code_texts import counted, of_module
from message_texts.single_words import MONTHS, WORDS
from message_texts.which_modules import ROOT, modules, of_people, source_of
from portal.help.topics import CAUSES, title_of, topics
from portal.languages.environment import Sentences
from portal.languages.wording import escape_percent
from portal.web.filters import kind_of
from rules.comparison.preflight import LISTS
from rules.documents.rounding import METHOD_LABELS
from rules.documents.unusual import NOUNS
from rules.values.wording import readable_term

TEMPLATES = ROOT / "portal" / "templates"
HELP = ROOT / "portal" / "help" / "texts.toml"
ENGLISH_FILES = {"evidence/packet.html", "escalation/file.html"}
"""Handed out as files, in English."""
Found = dict[str | tuple[str, str], set[str]]
"""A message, or (one, many) -> the files that it stands in."""


def messages() -> Found:
    """Every message there is."""
    found: Found = {}

    def put(message: str | tuple[str, str], path: Path) -> None:
        found.setdefault(message, set()).add(path.relative_to(ROOT).as_posix())

    for path in sorted(TEMPLATES.rglob("*.html")):
        if path.relative_to(TEMPLATES).as_posix() not in ENGLISH_FILES:
            for message in of_template(path.read_text("utf-8")):
                put(message, path)
    for path in modules():
        for message in of_module(source_of(path), wholes_of_tables=of_people(path)):
            put(message, path)
    for message in (*WORDS, *(f"{month} %(year)s" for month in MONTHS)):
        put(message, ROOT / "portal" / "web" / "store.py")
    for message in names():
        put(message, ROOT / "rules" / "values" / "wording.py")
    for message in (
        *of_help(HELP.read_text("utf-8")),
        *CAUSES,
        *map(title_of, CODES),
        *of_findings(),
    ):
        put(escape_percent(message), HELP)
    return found


def names() -> set[str]:
    """What kinds of record, documents and their fields are called, lists of codes, and a person of
    a role.
    """
    kinds = [kind for source in registry.sources().values() for kind in source.kinds]
    documents = [
        (name, one) for name, target in registry.targets().items() for one in target.documents
    ]
    found = {readable_term(one.name) for kind in kinds for one in (*kind.fields, *kind.lines)}
    found |= {kind_of(kind.kind) for kind in kinds}
    for name, one in documents:
        found |= {kind_of(one.name), readable_term(f"{name}.{one.name}")}
    found |= {any_of([role]) for role in ROLE_LABELS} | {*NOUNS.values(), *METHOD_LABELS.values()}
    found |= {readable_term(one) for one in _tables()} | {
        one.replace("_", " ") for one in LISTS.values()
    }
    return {escape_percent(one) for one in found if re.search("[A-Za-z]{2}", one)}


def _tables() -> set[str]:
    """The mapping tables of our templates of rules."""
    rules = (ROOT / "portal" / "starters").rglob("*.rules")
    return {
        name for path in rules for name in re.findall(r"(?m)^map (\w+)", path.read_text("utf-8"))
    }


def of_template(source: str) -> list[str | tuple[str, str]]:
    """The messages of one template, those of its counts as (one, many)."""
    listed: list[str | tuple[str, str]] = []

    def say(message: str) -> str:
        listed.append(message)
        return message

    env = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True)
    tree = env.parse(source)
    counts = list(_counts(tree))
    Sentences(say).template(tree)
    return [*listed, *counts]


def _counts(tree: nodes.Template) -> Iterator[tuple[str, str]]:
    for one in tree.find_all(nodes.Filter):
        if one.name == "plural":
            given = [str(each.value) for each in one.args if isinstance(each, nodes.Const)]
            if given:
                yield counted(*given[:2])


def of_help(source: str) -> list[str]:
    """The texts of the help pages."""
    return [text for text in _texts(tomllib.loads(source)) if " " in text]


def of_findings() -> list[str]:
    """The texts of the pages of findings that a record or a document can have."""
    found = (one for one in topics().values() if one.group == "finding" and not one.of_rules)
    return list(dict.fromkeys(text for one in found for text in one.texts))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if not value.startswith("\n"):
            yield value
    elif isinstance(value, list | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)
