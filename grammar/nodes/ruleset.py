"""All declarations together."""

from dataclasses import dataclass

from grammar.nodes.readiness import Approve, Check, Duplicates, Gate
from grammar.nodes.records import Link, Record
from grammar.nodes.routes import Post, Reversal
from grammar.nodes.stories import Sample, Test
from grammar.nodes.surroundings import Const, Map, Role, Silence, Source, Target, Units
from grammar.nodes.tables import Cancel, Edit, Retry


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All declarations of all files, in the order they were read."""

    roles: tuple[Role, ...] = ()
    consts: tuple[Const, ...] = ()
    sources: tuple[Source, ...] = ()
    targets: tuple[Target, ...] = ()
    records: tuple[Record, ...] = ()
    links: tuple[Link, ...] = ()
    maps: tuple[Map, ...] = ()
    units: tuple[Units, ...] = ()
    gates: tuple[Gate, ...] = ()
    checks: tuple[Check, ...] = ()
    duplicates: tuple[Duplicates, ...] = ()
    approvals: tuple[Approve, ...] = ()
    edits: tuple[Edit, ...] = ()
    cancels: tuple[Cancel, ...] = ()
    retries: tuple[Retry, ...] = ()
    posts: tuple[Post, ...] = ()
    reversals: tuple[Reversal, ...] = ()
    samples: tuple[Sample, ...] = ()
    tests: tuple[Test, ...] = ()
    silences: tuple[Silence, ...] = ()
