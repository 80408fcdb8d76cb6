"""From a checked syntax tree to a Program: the one door behind which rules are run.

Here: compile_ruleset, Program, Route, hash_of. Not here: the meaning (interpret.py, judge.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from grammar.nodes import Daily, Post, Ruleset
from rules.canonical import dumps, sha256_hex
from rules.facts import Facts, Subject, World
from rules.index import Index
from rules.judge import ENGINE, KindProgram
from rules.links import family_keys
from rules.outcome import Outcome
from rules.retries import RetryAnswer, RetryProgram
from rules.schema import Schemas


@dataclass(frozen=True, slots=True)
class Route:
    """One way from a record kind to a target document."""

    record: str
    source: str
    target: str
    document: str
    name: str
    timing: str  # immediately | daily
    at: time | None
    after: str | None
    number: str


class Program:
    """A compiled ruleset: immutable, pure, safe to share."""

    def __init__(self, ruleset: Ruleset, hash_: str, schemas: Schemas | None) -> None:
        index = Index(ruleset)
        self._index = index
        self.ruleset = ruleset
        self.hash = hash_
        self.roles: tuple[str, ...] = tuple(index.roles)
        self._kinds = {
            r.name: KindProgram(index, r.name, schemas) for r in ruleset.records if r.source
        }
        self.records: tuple[str, ...] = tuple(self._kinds)
        self._retries = {r.target: RetryProgram(index, r) for r in ruleset.retries}
        self.routes: tuple[Route, ...] = tuple(
            _route(p.post, k) for k in self._kinds.values() for p in k.routes
        )

    def retry(self, target: str, error_class: str, tries: int) -> RetryAnswer | None:
        """What is done when a target answers with an error, after so many tries; None: no row."""
        found = self._retries.get(target)
        return found.answer(error_class, tries) if found else None

    def zone(self, kind: str) -> ZoneInfo:
        """The time zone of the source that a record kind comes from."""
        return self._kinds[kind].zone

    def link_keys(self, body: Mapping[str, object], kind: str) -> tuple[tuple[str, str], ...]:
        """Names and values by which this record is found as somebody's duplicate."""
        found = self._kinds.get(kind)
        return found.link_keys(body) if found else ()

    def family_keys(
        self, body: Mapping[str, object], kind: str
    ) -> tuple[tuple[str, str, str], ...]:
        """How links find this record: (name, value, kind wanted or empty), see rules/links.py."""
        return tuple(family_keys(self._index, body, kind))

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        """Judge one version of one record under all its routes.

        A kind that the rules do not know has no decisions; its caller shows it as waiting.
        """
        found = self._kinds.get(subject.kind)
        return found.judge(subject, facts, world, now) if found else _NOTHING


def compile_ruleset(ruleset: Ruleset, *, hash: str, schemas: Schemas | None = None) -> Program:  # noqa: A002
    """The program of a ruleset that passed the checks; `hash` names its sources."""
    return Program(ruleset, hash, schemas)


def hash_of(sources: Mapping[str, str]) -> str:
    """The hash of rule files: path and text of each, in path order."""
    return sha256_hex(dumps(dict(sources)))


def _route(post: Post, kind: KindProgram) -> Route:
    daily = post.timing if isinstance(post.timing, Daily) else None
    return Route(
        record=post.record,
        source=kind.source,
        target=post.route.target,
        document=post.route.document,
        name=str(post.route),
        timing="daily" if daily else "immediately",
        at=daily.at if daily else None,
        after=str(post.after) if post.after else None,
        number=post.number,
    )


_NOTHING = Outcome(
    decisions=(),
    verdicts=(),
    used=(),
    lineage=(),
    status="",
    status_word="",
    number="",
    party="",
    doc_date=None,
    amount=None,
    currency="",
    valid_until=None,
    engine=ENGINE,
)
