"""Check whether rule files may be published: parsing, checks, CSV files, tests and coverage."""

import time
from collections.abc import Mapping, Sequence
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
from holding.connections.master_data import CUSTOM_FIELD, MODE, ROUNDING, load_listed
from holding.db.kept_plans import KEPT
from holding.db.models import Cause, Company, Connection, Snapshot, SnapshotItem, Team
from holding.db.refusal import Refusal
from holding.programs.known_schemas import schemas
from holding.programs.world import program, target_connections, way_of
from rules.checker.all_checks import collect_findings
from rules.checker.places import Memory
from rules.documents.rounding import METHOD_LABELS, rounding_cause_key
from rules.facts import Seeds, load_seeds
from rules.program import compile_ruleset, hash_files
from rules.testing.runner import TestReport, all_parts, coverage, run_tests
from rules.types.symbol_table import Schemas
from rules.values.canonical import sha256_hex

RULES: Final = ".rules"

NO_FILE: Final = "MAP10"  # the checker's code for a CSV file that was not given

SETTING: Final = "rounding_mode"

_ADD_FIELD: Final = (
    "An administrator of the accounting system adds the custom field there; then test the"
    " connection. Or leave the field out of the rules."
)

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
    """The refusal of rule files: problems in them and their CSV files, and failed tests."""

    problems: tuple[Problem, ...] = ()
    failed_tests: tuple[str, ...] = ()


def rule_sources(files: Mapping[str, str]) -> dict[str, str]:
    """Return the rule files, without the CSV files."""
    return {path: text for path, text in files.items() if path.endswith(RULES)}


def examine(files: Mapping[str, str]) -> tuple[Ruleset, Seeds] | RulesRefusal:
    """Parse, check and test rule files; return the rule set and its rows, or all errors."""
    inspection = inspect(files)
    if inspection.tests is None or inspection.tests.failed:
        return _refused(inspection)
    return inspection.ruleset, inspection.rows


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of checking rule files; tests run only without errors.

    `unread`: a declaration could not be parsed.
    """

    ruleset: Ruleset
    rows: Seeds
    problems: tuple[Problem, ...]
    tests: TestReport | None
    unread: bool

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The findings that prevent a publication."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


def _refused(inspection: Inspection) -> RulesRefusal:
    errors = [f"{problem.span}: {problem.message}" for problem in inspection.errors]
    results = inspection.tests.failed if inspection.tests else ()
    failed = tuple(f"{result.title}: {result.message}" for result in results)
    reasons = [*errors, *failed]
    return rules_refusal(reasons, len(reasons), problems=inspection.problems, failed_tests=failed)


@dataclass(frozen=True, slots=True)
class Seen:
    """The parser and checker caches of one draft. They change no finding and may be dropped any
    time.
    """

    reader: Reader = field(default_factory=Reader)
    memory: Memory = field(default_factory=Memory)


def inspect(files: Mapping[str, str], caches: Seen | None = None) -> Inspection:
    """Parse, check and test these files. `caches` hold earlier results of a draft."""
    if caches is not None:
        return _run_tests_if_valid(_check_files(files, schemas(), caches), files, schemas())
    return _inspect_cached(tuple(sorted(files.items())), schemas())


def _run_tests_if_valid(
    looked: Inspection, files: Mapping[str, str], known_schemas: Schemas
) -> Inspection:
    """Return the inspection with the results of its tests, which run only without errors."""
    sources = rule_sources(files)
    if not sources or looked.errors:
        return looked
    program = compile_ruleset(looked.ruleset, hash=hash_files(sources), schemas=known_schemas)
    return replace(looked, tests=run_tests(looked.ruleset, program))


def _check_files(
    files: Mapping[str, str], known_schemas: Schemas, caches: Seen | None = None
) -> Inspection:
    """Parse and check the files, without their tests. `caches` hold earlier results of a draft."""
    files = dict(sorted(files.items()))
    sources = rule_sources(files)
    ruleset, syntax = caches.reader.parse(sources) if caches else parse(sources)
    rows, memory = load_seeds(ruleset, files), caches.memory if caches else None
    problems = collect_findings(
        ruleset, sources, syntax, rows, known_schemas, in_force=True, memory=memory
    )
    unread = any(problem.severity == "error" for problem in syntax)
    return Inspection(
        ruleset, rows, tuple(map(_as_error_if_no_file, problems)), tests=None, unread=unread
    )


def _as_error_if_no_file(problem: Problem) -> Problem:
    """Return the problem, as an error if a CSV file is missing, which is a warning elsewhere."""
    return replace(problem, severity="error") if problem.code == NO_FILE else problem


@lru_cache(maxsize=4)
def _inspect_cached(file_items: tuple[tuple[str, str], ...], known_schemas: Schemas) -> Inspection:
    """Parse, check and test the files. Cached: pushed files are usually published soon after."""
    return _run_tests_if_valid(
        _check_files_cached(file_items, known_schemas), dict(file_items), known_schemas
    )


@lru_cache(maxsize=4)
def _check_files_cached(
    file_items: tuple[tuple[str, str], ...], known_schemas: Schemas
) -> Inspection:
    return _check_files(dict(file_items), known_schemas)


def inspect_without_tests(files: Mapping[str, str], caches: Seen | None = None) -> Inspection:
    """Check rule files without running their tests."""
    if caches is not None:
        return _check_files(files, schemas(), caches)
    return _check_files_cached(tuple(sorted(files.items())), schemas())


def rules_refusal(
    reasons: Sequence[str],
    times: int,
    *,
    problems: tuple[Problem, ...] = (),
    failed_tests: tuple[str, ...] = (),
) -> RulesRefusal:
    """Return the refusal of rule files with `times` errors, naming the first."""
    finding = reasons[0] if reasons else "There is no .rules file among the files."
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
    """A target that reports another rounding than the current rules.

    `there` is the target's method and `here` the rules' method, in words. `team` is responsible.
    `records` are on hold for the cause `cause_id`, None if there is no such cause.
    """

    target: str
    there: str
    here: str
    team: str
    cause_id: int | None
    records: int


def refused_rules(session: Session, company_id: int, ruleset: nodes.Ruleset) -> RulesRefusal | None:
    """Refuse rules whose rounding of a target differs from its connection, and rules that fill
    custom fields that the target does not have.
    """
    connections = target_connections(session, company_id)
    routes: tuple[nodes.Post | nodes.Reversal, ...] = (*ruleset.posts, *ruleset.reversals)
    missing = [
        words
        for post in routes
        if (connection := connections.get(post.route.target)) is not None
        for words in _missing_fields(session, connection, post)
    ]
    if missing:
        reasons = list(dict.fromkeys(missing))
        return replace(rules_refusal(reasons, len(reasons)), hint=_ADD_FIELD)
    problems = []
    for target in ruleset.targets:
        connection = connections.get(target.name)
        declared_rounding = (
            _declared(connection.connector, connection.settings) if connection else None
        )
        if connection is not None and declared_rounding not in (None, target.rounding):
            problems.append(_problem(target, connection, METHOD_LABELS[str(declared_rounding)]))
    if not problems:
        return None
    reasons = [f"{problem.span}: {problem.message}" for problem in problems]
    return replace(
        rules_refusal(reasons, len(reasons), problems=tuple(problems)), hint=problems[0].hint
    )


def _missing_fields(
    session: Session, connection: Connection, post: nodes.Post | nodes.Reversal
) -> list[str]:
    """Return a sentence for each custom field that a route fills and the target does not have.

    Nothing is refused before the target listed its fields.
    """
    target = registry.targets().get(connection.connector)
    documents = target.documents if target else ()
    header = next(
        (document.header for document in documents if document.name == post.route.document), ()
    )
    custom = {field.name: field.custom for field in header if field.custom}
    filled = [
        filled_field
        for filled_field in post.fields
        if filled_field.name in custom and not _is_blank(filled_field.expr)
    ]
    listed = load_listed(session, connection.id, [CUSTOM_FIELD]) if filled else {}
    if CUSTOM_FIELD not in listed:
        return []
    names = {str(body.get("name", "")) for body in listed[CUSTOM_FIELD].values()}
    return [
        f"{filled_field.span}: {post.route} fills {filled_field.name}, and {connection.name} has"
        " no custom field"
        f" {custom[filled_field.name]}. It has: {', '.join(sorted(names)) or 'none'}."
        for filled_field in filled
        if custom[filled_field.name] not in names
    ]


def _is_blank(expr: nodes.Expr) -> bool:
    return isinstance(expr, nodes.Literal) and expr.value == ""


def _declared(connector: str, settings: Mapping[str, Any]) -> str | None:
    target = registry.targets().get(connector)
    return way_of({MODE: target.rounding(settings)}) if target else None


def _problem(target: nodes.Target, connection: Connection, connection_method: str) -> Problem:
    rules_method = METHOD_LABELS[target.rounding]
    return Problem(
        code="RND03",
        message=f"These rules say that {target.name} rounds {rules_method}, and the connection"
        f" {connection.name} rounds {connection_method}.",
        hint=f"Write rounding {connection_method} to {target.places}; or, where {connection.name}"
        " really rounds"
        f" {rules_method}, set {SETTING} of the connection first.",
        span=target.span,
    )


def settings_refusal(
    session: Session, connection: Connection, settings: Mapping[str, Any]
) -> Refusal | None:
    """Refuse settings of a connection that contradict the rules; it need not be stored yet."""
    if connection.side != "target" or (refusal := _unusable(connection, settings)):
        return refusal if connection.side == "target" else None
    rounding = _declared(connection.connector, settings)
    declared = _current_target(session, connection)
    if (
        declared is None
        or rounding in (None, declared.rounding)
        or rounding == reported_way(session, connection)
    ):
        return None
    rules_method, connection_method = METHOD_LABELS[declared.rounding], METHOD_LABELS[str(rounding)]
    return Refusal(
        code="connection.rounding",
        message=f"The rules in force say that {declared.name} rounds {rules_method}, and"
        f" {connection.name}"
        f" would round {connection_method}.",
        hint=f"Test {connection.name}: once it tells that it rounds {connection_method}, it can be"
        " set so, and"
        f" what is to be sent waits for rules that say rounding {connection_method}.",
        status=409,
    )


def _unusable(connection: Connection, settings: Mapping[str, Any]) -> Refusal | None:
    """Refuse a rounding setting that the connector ignores."""
    chosen = settings.get(SETTING, "")
    target = registry.targets().get(connection.connector)
    if target is None or chosen == "" or target.rounding(settings) == chosen:
        return None
    words = f"{SETTING} is “{chosen}”, which is no way in which {connection.connector} can round."
    hint = (
        f"It rounds {METHOD_LABELS[str(_declared(connection.connector, {}))]} without the setting."
    )
    return Refusal("connection.setting", words, hint, 422)


def _current_target(session: Session, connection: Connection) -> nodes.Target | None:
    """Return the current rules' declaration of this connection's target, or None."""
    version = session.get_one(Company, connection.company_id).ruleset_version_id
    if version is None:
        return None
    connections = target_connections(session, connection.company_id)
    target_names = {word for word, row in connections.items() if row.id == connection.id}
    if connection.id is None:
        target_names = {connection.name, connection.connector} - connections.keys()
    targets = program(session, version).ruleset.targets
    return next((target for target in targets if target.name in target_names), None)


def find_disagreement(session: Session, connection_id: int) -> Disagreement | None:
    """Return the difference between the target's reported rounding and the current rules, or None.

    Such a difference stops sending.
    """
    connection = session.get_one(Connection, connection_id)
    reported = reported_way(session, connection)
    declared = _current_target(session, connection) if reported else None
    if declared is None or reported == declared.rounding:
        return None
    key = {"company": connection.company_id, "key": rounding_cause_key(declared.name)}
    cause = session.execute(_HELD, key).one_or_none()
    team = session.scalar(
        _TEAM, {"company": connection.company_id, "name": declared.tolerance_action.role or ""}
    )
    return Disagreement(
        target=declared.name,
        there=METHOD_LABELS.get(str(reported), str(reported)),
        here=METHOD_LABELS[declared.rounding],
        team=team or "",
        cause_id=cause.id if cause else None,
        records=cause.records if cause else 0,
    )


def reported_way(session: Session, connection: Connection) -> str | None:
    """Return the rounding that a target last reported, in the rules' words, or None."""
    if connection.id is None:
        return None
    item = session.scalar(_TOLD, {"connection": connection.id})
    return way_of(item) or None


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem in the rule files, with its texts and place for a page.

    `message` describes it, `hint` is the next step, and `shown` is the source line with the problem
    marked below it. `line`, `column` and `end` (exclusive column) locate the part on its first
    line; `end` is 0 if the problem spans several lines.
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
        """Whether it prevents a publication; otherwise it is a warning."""
        return self.severity == "error"

    @property
    def at(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of one test."""

    title: str
    passed: bool
    message: str
    place: str


@dataclass(frozen=True, slots=True)
class Report:
    """The check of the files with this hash.

    `findings` and `tests` are the first ones, errors and failures first; the counts cover all.
    `ran` is None if errors or the caller prevented the tests.
    """

    hash: str
    errors: int
    warnings: int
    findings: tuple[Finding, ...]
    ran: int | None
    failed: int
    tests: tuple[Ran, ...]

    def refusal(self) -> RulesRefusal | None:
        """Return why these files cannot be published."""
        wrong = [
            f"{finding.place}: {finding.message}" for finding in self.findings if finding.is_error
        ]
        wrong += [f"{result.title}: {result.message}" for result in self.tests if not result.passed]
        if self.ran is not None and not self.failed:
            return None
        return rules_refusal(wrong, self.errors + self.failed)


@dataclass(frozen=True, slots=True)
class Unproved:
    """A part of the rules that can break without a failing test."""

    name: str
    file: str
    line: int

    @property
    def at(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Results of breaking single parts of the rules.

    `proved` parts made a test fail, `left` parts were not measured, and `open` are the first
    unproved ones.
    """

    measured: int
    proved: int
    left: int
    open: tuple[Unproved, ...]

    def plus(self, more: "Coverage") -> "Coverage":
        """Combine with a measurement that continued after this one."""
        return Coverage(
            measured=self.measured + more.measured,
            proved=self.proved + more.proved,
            left=more.left,
            open=(*self.open, *more.open)[:MOST],
        )


def measure_coverage(files: Mapping[str, str], seconds: float, *, after: int = 0) -> Coverage:
    """Measure how many parts of these rules the tests prove, by breaking one at a time.

    Runs for some seconds, from the part number `after`, at least one part. Rules with an error are
    not measured.
    """
    inspection = inspect(files)
    rule_parts = all_parts(inspection.ruleset)[after:] if inspection.tests else ()
    until, measured = time.monotonic() + seconds, []
    for proof in coverage(inspection.ruleset, rule_parts, schemas()):
        measured.append(proof)
        if time.monotonic() >= until:
            break
    unproved = [proof.part for proof in measured if not proof.by]
    return Coverage(
        measured=len(measured),
        proved=len(measured) - len(unproved),
        left=len(rule_parts) - len(measured),
        open=tuple(
            Unproved(proof.name, proof.span.file, proof.span.line) for proof in unproved[:MOST]
        ),
    )


def report(files: Mapping[str, str], *, tests: bool = True, caches: Seen | None = None) -> Report:
    """Check rule files with their CSV files, and run their tests last if `tests` is set.

    `caches` spare the work for unchanged parts.
    """
    inspection = inspect(files, caches) if tests else inspect_without_tests(files, caches)
    problems = sorted(inspection.problems, key=lambda problem: problem.severity != "error")
    results = inspection.tests.results if inspection.tests else ()
    first = sorted(results, key=lambda result: result.passed)[:MOST]
    errors = len(inspection.errors)
    return Report(
        hash=fingerprint(files),
        errors=errors,
        warnings=len(problems) - errors,
        findings=tuple(finding_of(problem, files) for problem in problems[:MOST]),
        ran=len(results) if inspection.tests else None,
        failed=len(inspection.tests.failed) if inspection.tests else 0,
        tests=tuple(
            Ran(result.title, result.passed, result.message, _place(result.span))
            for result in first
        ),
    )


def _place(span: object) -> str:
    return str(span).rpartition(":")[0]


def fingerprint(files: Mapping[str, str]) -> str:
    """Return a hash of the files' exact contents, which identifies a report."""
    return sha256_hex("\0".join(text for pair in sorted(files.items()) for text in pair))


def finding_of(problem: Problem, files: Mapping[str, str]) -> Finding:
    """Return a problem of these files as a finding."""
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
