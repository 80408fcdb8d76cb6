"""Check whether rule files may be published: parsing, checks, CSV files, tests and coverage."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors import registry
from grammar import nodes
from grammar.nodes import Ruleset
from grammar.parsing.incremental import Reader
from grammar.parsing.parser import parse
from grammar.text.problem import Correction, Problem, find_correction, show
from holding.connections.master_data import MODE, ROUNDING
from holding.db.models import Cause, Company, Connection, Snapshot, SnapshotItem, Team
from holding.db.refusal import Refusal
from holding.db.together import KEPT
from holding.programs.world import program, schemas, target_connections, way_of
from rules.checker.all_checks import collect_findings
from rules.checker.places import Memory
from rules.documents.rounding import WAYS, rounding_cause_key
from rules.facts import Seeds, load_seeds
from rules.program import compile_ruleset, hash_files
from rules.testing.runner import TestReport, all_parts, coverage, run_tests
from rules.types.symbol_table import Schemas
from rules.values.canonical import sha256_hex

RULES: Final = ".rules"

NO_FILE: Final = "MAP10"  # the checker's code for a CSV file that was not given

SETTING: Final = "rounding_mode"

_HELD = select(Cause.id, Cause.records).where(
    Cause.company_id == bindparam("company"), Cause.key == bindparam("key"), Cause.records > 0
)

_TEAM = select(Team.shown).where(
    Team.company_id == bindparam("company"), Team.name == bindparam("name")
)

_TOLD = (
    select(SnapshotItem.body)
    .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
    .where(Snapshot.connection_id == bindparam("connection"), Snapshot.kind == ROUNDING)
    .where(SnapshotItem.code == MODE, SnapshotItem.to_revision.is_(None))
    .execution_options(**KEPT)
)

MOST: Final = 100  # findings, and tests, that are told one by one


@dataclass(frozen=True, slots=True)
class RulesRefusal(Refusal):
    """Rule files that were not taken: problems in them and in their CSV files, failed tests."""

    problems: tuple[Problem, ...] = ()
    failed_tests: tuple[str, ...] = ()


def rule_sources(files: Mapping[str, str]) -> dict[str, str]:
    """The files that hold rules, without the CSV files beside them."""
    return {path: text for path, text in files.items() if path.endswith(RULES)}


def examine(files: Mapping[str, str]) -> tuple[Ruleset, Seeds] | RulesRefusal:
    """Parse, check and test rule files; the ruleset and its rows, or everything wrong with them."""
    found = inspect(files)
    if found.tests is None or found.tests.failed:
        return _refused(found)
    return found.ruleset, found.rows


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a look at rule files found; tests run only where no error stands before them.

    `unread`: a declaration could not even be read.
    """

    ruleset: Ruleset
    rows: Seeds
    problems: tuple[Problem, ...]
    tests: TestReport | None
    unread: bool

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The findings that keep the files from coming into force."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def _refused(found: Inspection) -> RulesRefusal:
    errors = [f"{problem.span}: {problem.message}" for problem in found.errors]
    results = found.tests.failed if found.tests else ()
    failed = tuple(f"{result.title}: {result.message}" for result in results)
    told = [*errors, *failed]
    return refused(told, len(told), problems=found.problems, failed_tests=failed)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of one draft from one look at it to the next; it changes no finding, and
    may be given up at any time.
    """

    reader: Reader = field(default_factory=Reader)
    memory: Memory = field(default_factory=Memory)


def inspect(files: Mapping[str, str], seen: Seen | None = None) -> Inspection:
    """Everything a publisher would be told of these files, good and bad."""
    if seen is not None:
        return _tested(_looked(files, schemas(), seen), files, schemas())
    return _inspected(tuple(sorted(files.items())), schemas())


def _tested(looked: Inspection, files: Mapping[str, str], known: Schemas) -> Inspection:
    sources = rule_sources(files)
    if not sources or looked.errors:
        return looked
    program = compile_ruleset(looked.ruleset, hash=hash_files(sources), schemas=known)
    return replace(looked, tests=run_tests(looked.ruleset, program))


def _looked(files: Mapping[str, str], known: Schemas, seen: Seen | None = None) -> Inspection:
    """One look; files in the order of their paths, whoever asks."""
    files = dict(sorted(files.items()))
    sources = rule_sources(files)
    ruleset, syntax = seen.reader.parse(sources) if seen else parse(sources)
    rows, memory = load_seeds(ruleset, files), seen.memory if seen else None
    found = collect_findings(ruleset, sources, syntax, rows, known, in_force=True, memory=memory)
    unread = any(problem.severity == "error" for problem in syntax)
    return Inspection(ruleset, rows, tuple(map(_needed, found)), tests=None, unread=unread)


def _needed(problem: Problem) -> Problem:
    """A CSV file left out is a warning while trying rules; to publish without it is a mistake."""
    return replace(problem, severity="error") if problem.code == NO_FILE else problem


@lru_cache(maxsize=4)
def _inspected(given: tuple[tuple[str, str], ...], known: Schemas) -> Inspection:
    """Kept, because what is published is what was pushed a moment ago."""
    return _tested(_checked(given, known), dict(given), known)


@lru_cache(maxsize=4)
def _checked(given: tuple[tuple[str, str], ...], known: Schemas) -> Inspection:
    return _looked(dict(given), known)


def checked(files: Mapping[str, str], seen: Seen | None = None) -> Inspection:
    """The same without their tests."""
    if seen is not None:
        return _looked(files, schemas(), seen)
    return _checked(tuple(sorted(files.items())), schemas())


def refused(
    told: Sequence[str],
    times: int,
    *,
    problems: tuple[Problem, ...] = (),
    failed_tests: tuple[str, ...] = (),
) -> RulesRefusal:
    """The refusal of files in which so many things are wrong, of which these are the first."""
    finding = told[0] if told else "There is no .rules file among the files."
    return RulesRefusal(
        code="rules.refused",
        message=f"The rules were not taken: {finding}",
        hint=f"{times - 1} more." if times > 1 else "",
        status=422,
        problems=problems,
        failed_tests=failed_tests,
    )


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A target that told of another way than the rules in force say: what both say, in the words of
    the rules, the team that looks after it, and the cause of what is held for it (None: nothing).
    """

    target: str
    there: str
    here: str
    team: str
    cause_id: int | None
    records: int


def refused_rules(
    session: Session, company_id: int, targets: Iterable[nodes.Target]
) -> RulesRefusal | None:
    """Why rules are not taken that say otherwise of a target than its connection declares."""
    connections = target_connections(session, company_id)
    found = []
    for target in targets:
        connection = connections.get(target.name)
        way = _declared(connection.connector, connection.settings) if connection else None
        if connection is not None and way not in (None, target.rounding):
            found.append(_problem(target, connection, WAYS[str(way)]))
    if not found:
        return None
    told = [f"{problem.span}: {problem.message}" for problem in found]
    return replace(refused(told, len(told), problems=tuple(found)), hint=found[0].hint)


def _declared(connector: str, settings: Mapping[str, Any]) -> str | None:
    target = registry.targets().get(connector)
    return way_of({MODE: target.rounding(settings)}) if target else None


def _problem(target: nodes.Target, connection: Connection, there: str) -> Problem:
    here = WAYS[target.rounding]
    return Problem(
        code="RND03",
        message=f"These rules say that {target.name} rounds {here}, and the connection"
        f" {connection.name} rounds {there}.",
        hint=f"Write rounding {there} to {target.places}; or, where {connection.name} really rounds"
        f" {here}, set {SETTING} of the connection first.",
        span=target.span,
    )


def refusal(
    session: Session, connection: Connection, settings: Mapping[str, Any]
) -> Refusal | None:
    """Why a connection cannot have these settings; it need not be stored yet."""
    if connection.side != "target" or (given := _unusable(connection, settings)):
        return given if connection.side == "target" else None
    way = _declared(connection.connector, settings)
    ours = _in_force(session, connection)
    if ours is None or way in (None, ours.rounding) or way == told(session, connection):
        return None
    here, there = WAYS[ours.rounding], WAYS[str(way)]
    return Refusal(
        code="connection.rounding",
        message=f"The rules in force say that {ours.name} rounds {here}, and {connection.name}"
        f" would round {there}.",
        hint=f"Test {connection.name}: once it tells that it rounds {there}, it can be set so, and"
        f" what is to be sent waits for rules that say rounding {there}.",
        status=409,
    )


def _unusable(connection: Connection, settings: Mapping[str, Any]) -> Refusal | None:
    """A setting that says nothing to this connector would only look like one."""
    wanted = settings.get(SETTING, "")
    target = registry.targets().get(connection.connector)
    if target is None or wanted == "" or target.rounding(settings) == wanted:
        return None
    words = f"{SETTING} is “{wanted}”, which is no way in which {connection.connector} can round."
    hint = f"It rounds {WAYS[str(_declared(connection.connector, {}))]} without the setting."
    return Refusal("connection.setting", words, hint, 422)


def _in_force(session: Session, connection: Connection) -> nodes.Target | None:
    """What the rules in force say of the target that this connection is."""
    version = session.get_one(Company, connection.company_id).ruleset_version_id
    if version is None:
        return None
    known = target_connections(session, connection.company_id)
    mine = {word for word, row in known.items() if row.id == connection.id}
    if connection.id is None:
        mine = {connection.name, connection.connector} - known.keys()
    targets = program(session, version).ruleset.targets
    return next((target for target in targets if target.name in mine), None)


def disagreement(session: Session, connection_id: int) -> Disagreement | None:
    """Where a target and the rules in force do not say the same, so that nothing is sent there."""
    connection = session.get_one(Connection, connection_id)
    way = told(session, connection)
    ours = _in_force(session, connection) if way else None
    if ours is None or way == ours.rounding:
        return None
    key = {"company": connection.company_id, "key": rounding_cause_key(ours.name)}
    cause = session.execute(_HELD, key).one_or_none()
    team = session.scalar(
        _TEAM, {"company": connection.company_id, "name": ours.tolerance_action.role or ""}
    )
    return Disagreement(
        target=ours.name,
        there=WAYS.get(str(way), str(way)),
        here=WAYS[ours.rounding],
        team=team or "",
        cause_id=cause.id if cause else None,
        records=cause.records if cause else 0,
    )


def told(session: Session, connection: Connection) -> str | None:
    """The way that a target told of last, as a word of the rules; None where it tells none."""
    if connection.id is None:
        return None
    item = session.scalar(_TOLD, {"connection": connection.id})
    return way_of(item) or None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: in words, and as it is shown below its line.

    `line`, `column` and `end` (the column behind it) say where it stands in its first line.
    """

    severity: str
    code: str
    place: str
    message: str
    shown: str
    hint: str
    file: str
    line: int
    column: int
    end: int
    correction: Correction | None

    @property
    def is_error(self) -> bool:
        """Whether it stops a publishing; else it is a warning."""
        return self.severity == "error"

    @property
    def at(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one test."""

    title: str
    passed: bool
    message: str
    place: str


@dataclass(frozen=True, slots=True)
class Report:
    """A look at the files with this hash. `findings` are the first, errors before warnings, and
    `tests` the first, failed ones before passed ones; the counts are of all. `ran` is None where
    errors stood before the tests, or the tests were not asked for.
    """

    hash: str
    errors: int
    warnings: int
    findings: tuple[Finding, ...]
    ran: int | None
    failed: int
    tests: tuple[Ran, ...]

    def refusal(self) -> RulesRefusal | None:
        """Why these files do not come into force."""
        wrong = [f"{one.place}: {one.message}" for one in self.findings if one.is_error]
        wrong += [f"{one.title}: {one.message}" for one in self.tests if not one.passed]
        if self.ran is not None and not self.failed:
            return None
        return refused(wrong, self.errors + self.failed)


@dataclass(frozen=True, slots=True)
class Unproved:
    """A part of the rules that may be broken without a test noticing: what it is, and where."""

    name: str
    file: str
    line: int

    @property
    def at(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many parts of the rules were broken, each alone, how many of these a test proves because
    it fails then, and how many parts are left; `open`: the first that no test proves.
    """

    measured: int
    proved: int
    left: int
    open: tuple[Unproved, ...]

    def plus(self, more: "Coverage") -> "Coverage":
        """What was measured of the same rules by both, where the other went on from here."""
        return Coverage(
            measured=self.measured + more.measured,
            proved=self.proved + more.proved,
            left=more.left,
            open=(*self.open, *more.open)[:MOST],
        )


def proved(files: Mapping[str, str], seconds: float, *, after: int = 0) -> Coverage:
    """Break the parts of these rules one at a time, for so many seconds, from the first that was
    not measured yet; one at least. Nothing is measured of rules with an error.
    """
    found = inspect(files)
    each = all_parts(found.ruleset)[after:] if found.tests else ()
    until, told = time.monotonic() + seconds, []
    for one in coverage(found.ruleset, each, schemas()):
        told.append(one)
        if time.monotonic() >= until:
            break
    open_ = [one.part for one in told if not one.by]
    return Coverage(
        measured=len(told),
        proved=len(told) - len(open_),
        left=len(each) - len(told),
        open=tuple(Unproved(one.name, one.span.file, one.span.line) for one in open_[:MOST]),
    )


def report(files: Mapping[str, str], *, tests: bool = True, seen: Seen | None = None) -> Report:
    """Look at rule files, with the CSV files beside them; their tests run last, if at all.

    With what was `seen` of the draft before, what did not change costs nothing.
    """
    found = inspect(files, seen) if tests else checked(files, seen)
    problems = sorted(found.problems, key=lambda problem: problem.severity != "error")
    results = found.tests.results if found.tests else ()
    first = sorted(results, key=lambda result: result.passed)[:MOST]
    errors = len(found.errors)
    return Report(
        hash=fingerprint(files),
        errors=errors,
        warnings=len(problems) - errors,
        findings=tuple(finding_of(problem, files) for problem in problems[:MOST]),
        ran=len(results) if found.tests else None,
        failed=len(found.tests.failed) if found.tests else 0,
        tests=tuple(Ran(one.title, one.passed, one.message, _place(one.span)) for one in first),
    )


def _place(span: object) -> str:
    return str(span).rpartition(":")[0]


def fingerprint(files: Mapping[str, str]) -> str:
    """What a report is known by: the very bytes that it is about."""
    return sha256_hex("\0".join(text for pair in sorted(files.items()) for text in pair))


def finding_of(problem: Problem, files: Mapping[str, str]) -> Finding:
    """A problem of these files as it is shown."""
    span, text = problem.span, files.get(problem.span.file, "")
    return Finding(
        severity=problem.severity,
        code=problem.code,
        place=str(span),
        message=problem.message,
        shown=show(problem, text),
        hint=str(problem.hint),
        file=span.file,
        line=span.line,
        column=span.column,
        end=span.end_column if span.end_line == span.line else 0,
        correction=find_correction(problem, text),
    )
