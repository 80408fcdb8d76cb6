"""From a checked syntax tree to a Program: the one door behind which rules are run.

Here: compile_ruleset, Program, Route, hash_of. Not here: the meaning (interpret.py, judge.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time

from grammar.nodes import Ruleset
from rules.canonical import dumps, sha256_hex
from rules.facts import Facts, Subject, World
from rules.outcome import Outcome
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
        self.ruleset = ruleset
        self.hash = hash_
        self.schemas = schemas
        self.routes: tuple[Route, ...] = ()
        self.records: tuple[str, ...] = ()
        self.roles: tuple[str, ...] = tuple(r.name for r in ruleset.roles)

    def link_keys(self, body: Mapping[str, object], kind: str) -> tuple[tuple[str, str], ...]:
        """Names and values by which this record is found as somebody's duplicate."""
        raise NotImplementedError

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        """Judge one version of one record under all its routes."""
        raise NotImplementedError


def compile_ruleset(ruleset: Ruleset, *, hash: str, schemas: Schemas | None = None) -> Program:  # noqa: A002
    """The program of a ruleset that passed the checks; `hash` names its sources."""
    return Program(ruleset, hash, schemas)


def hash_of(sources: Mapping[str, str]) -> str:
    """The hash of rule files: path and text of each, in path order."""
    return sha256_hex(dumps(dict(sources)))
