"""One record against rule files, with the entries of those files only: no database, no network.

Here: try_record. Targets are taken as open, with no other records known. Not here: reading files or
printing (the command line does both).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from grammar.nodes import Ruleset
from grammar.problem import Problem
from rules.compile import Program, compile_ruleset, hash_of
from rules.facts import Facts, Subject, TargetState
from rules.outcome import Outcome
from rules.schema import Schemas
from rules.seeds import seeds


@dataclass(frozen=True, slots=True)
class Tried:
    """What came out, the program that said it, and what was wrong with the CSV files."""

    outcome: Outcome
    program: Program
    problems: tuple[Problem, ...]


def try_record(
    ruleset: Ruleset,
    sources: Mapping[str, str],
    *,
    files: Mapping[str, str],
    body: Mapping[str, object],
    kind: str,
    now: datetime,
    schemas: Schemas | None = None,
) -> Tried:
    """Judge one body as a record of `kind`; `files` are CSV texts by path."""
    program = compile_ruleset(ruleset, hash=hash_of(sources), schemas=schemas)
    found = seeds(ruleset, files)
    targets = {t.name: TargetState(known=True) for t in ruleset.targets}
    source = next((r.source for r in ruleset.records if r.name == kind), None) or ""
    subject = Subject(kind, source, body, 1)
    outcome = program.evaluate(subject, Facts(now), found.world(0, targets), now)
    return Tried(outcome, program, tuple(found.problems))


def kinds_of(ruleset: Ruleset) -> tuple[str, ...]:
    """The record kinds that the rules judge, for a caller that must choose one."""
    return tuple(r.name for r in ruleset.records if r.source)
