"""The templates of rules that a company can begin with, and a draft from one with its answers.

Here: which templates there are, what each asks, and its files with the answers in them. Not here:
checking, storing and publishing a draft (holding/rulesets/publication.py), the page that asks
(portal/onboarding/rule_choice.py).

The rows of the CSV files are samples, and stay behind: a company's own customers and items are
mapped as they come. So are the tests of a template that speak of another approval limit.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from grammar.parsing.parser import parse
from holding.rulesets.admission import inspect, rule_sources
from rules.editing.daily_hours import daily_routes, retimed

FOLDER: Final = Path(__file__).parent
TITLES: Final = {
    "netshop-aiaccount": "Orders to invoices, each as soon as it is paid",
    "netshop-aiaccount-daily": "Orders to invoices and receipts, and commissions, once a day",
    "orders-quickbooks": "Orders, refunds and purchases to QuickBooks",
    "settlements-aiaccount": "Statements of marketplaces to invoices and bills",
}
"""The templates by their folders, with what each is for. That for AutoCount is not among them: it
also posts sales orders and deliveries, which this version does not carry out.
"""
_LIMIT: Final = re.compile(
    r"(?P<before>^const approval_limit\b[^\n]*\n(?:[ \t]+from [^\n]*\n)*?[ \t]+from \S+ = )"
    r"(?P<value>[0-9.]+)(?P<after>[^\n]*\n(?![ \t]+from ))",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template: the systems that it is for, the teams that it names (name, title), and its
    answers as they stand: the approval limit and the hour of its daily run, where it has them.
    """

    word: str
    title: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    teams: tuple[tuple[str, str], ...]
    limit: Decimal | None
    hour: time | None
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """The files of a template with the answers in them; `left_out` are titles of its tests that
    said otherwise.
    """

    files: Mapping[str, str]
    left_out: tuple[str, ...]


@cache
def templates() -> tuple[Template, ...]:
    """All of them."""
    return tuple(_read(word) for word in TITLES)


def answered(template: Template, limit: Decimal | None, hour: time | None) -> Draft:
    """The draft; an answer that a template does not ask for changes nothing."""
    files = dict(template.files)
    if hour is not None and template.hour is not None:
        ruleset, _ = parse(rule_sources(files))
        files = dict(retimed(ruleset, files, dict.fromkeys(daily_routes(ruleset), hour)))
    if limit is None or limit == template.limit:
        return Draft(files, ())
    files = {path: _LIMIT.sub(rf"\g<before>{limit:.2f}\g<after>", files[path]) for path in files}
    return _without_failed(files)


def _without_failed(files: dict[str, str]) -> Draft:
    """The files without the tests that fail in them."""
    found = inspect(files)
    failed = found.tests.failed if found.tests else ()
    titles = {one.title for one in failed}
    lines = {path: text.split("\n") for path, text in files.items()}
    tests = [test for test in found.ruleset.tests if test.title in titles]
    for test in sorted(tests, key=lambda one: -one.span.line):
        end = test.span.line
        text = lines[test.span.file]
        while end < len(text) and (not text[end].strip() or text[end][0] in " \t"):
            end += 1
        del text[test.span.line - 1 : end]
    kept = {path: "\n".join(text).rstrip("\n") + "\n" for path, text in lines.items()}
    return Draft(kept, tuple(test.title for test in tests))


def _read(word: str) -> Template:
    folder = FOLDER / word
    files = {
        str(path.relative_to(folder)): path.read_text("utf-8")
        for ending in ("*.rules", "*.csv")
        for path in sorted(folder.rglob(ending))
    }
    files = {
        path: text.partition("\n")[0] + "\n" if path.endswith(".csv") else text
        for path, text in files.items()
    }
    ruleset, _ = parse(rule_sources(files))
    found = next(filter(None, map(_LIMIT.search, files.values())), None)
    return Template(
        word=word,
        title=TITLES[word],
        sources=tuple(source.name for source in ruleset.sources),
        targets=tuple(target.name for target in ruleset.targets),
        teams=tuple((role.name, role.title) for role in ruleset.roles),
        limit=Decimal(found["value"]) if found else None,
        hour=next(iter(daily_routes(ruleset).values()), None),
        files=files,
    )
