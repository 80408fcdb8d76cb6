"""Show the published rules to users: the rule book, its version, and each rule's history."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from grammar.nodes import Ruleset
from grammar.parsing.parser import parse
from grammar.text.problem import Span
from holding.db.bulk import Columns, of
from holding.db.models import Company, Evaluation, Person, RuleFile, RulesetVersion
from holding.programs import world
from holding.rulesets.admission import MOST, Finding, finding_of, inspect_without_tests
from holding.rulesets.publication import files_of
from rules.program import Program
from rules.rulebook.book import Book, Proofs, build_book
from rules.rulebook.hold_catalogue import Reason, catalogue

AROUND = 4


@dataclass(frozen=True, slots=True)
class Judged:
    """The rule version and content version of an evaluation."""

    evaluation_id: int
    ruleset_no: int
    ruleset_hash: str
    ruleset_version_id: int
    at: datetime
    version_id: int
    hash: str


JUDGED = Columns(
    Judged(
        evaluation_id=of(Evaluation.id),
        ruleset_no=of(RulesetVersion.no),
        ruleset_hash=of(RulesetVersion.hash),
        ruleset_version_id=of(RulesetVersion.id),
        at=of(Evaluation.at),
        version_id=of(Evaluation.version_id),
        hash=of(Evaluation.hash),
    ),
    {"ruleset_no": "ruleset_version.no", "ruleset_hash": "ruleset_version.hash"},
)

LOOKED_BACK = 20
"""How many earlier versions are searched for a rule's first day."""

_PROOF = frozenset({"samples", "tests"})

_author, _publisher = aliased(Person, name="author"), aliased(Person, name="publisher")


@dataclass(frozen=True, slots=True)
class VersionInForce:
    """The current version of the rules."""

    version_id: int
    no: int
    hash: str
    published_at: datetime
    author: str | None
    publisher: str | None


VERSION_IN_FORCE = Columns(
    VersionInForce(
        version_id=of(RulesetVersion.id),
        no=of(RulesetVersion.no),
        hash=of(RulesetVersion.hash),
        published_at=of(RulesetVersion.published_at),
        author=of(_author.name),
        publisher=of(_publisher.name),
    ),
    {
        "version_id": "ruleset_version.id",
        "author": "author.name",
        "publisher": "publisher.name",
    },
)


@dataclass(frozen=True, slots=True)
class Published:
    """A published version of the rules, current or not."""

    version_id: int
    no: int
    hash: str


PUBLISHED = Columns(
    Published(
        version_id=of(RulesetVersion.id),
        no=of(RulesetVersion.no),
        hash=of(RulesetVersion.hash),
    ),
    {"version_id": "ruleset_version.id"},
)


@dataclass(frozen=True, slots=True)
class Since:
    """The version in which a rule got its current form; `before`: that one or an earlier one."""

    no: int
    at: datetime
    before: bool


class History:
    """Since when each declaration of the current rules has its current form."""

    def __init__(self, stands: Mapping[Span, Since]) -> None:
        self._stands = stands

    def of(self, span: Span) -> Since | None:
        """Return the start of the declaration that contains this place."""
        for declaration, since in self._stands.items():
            if (
                declaration.file == span.file
                and declaration.line <= span.line <= declaration.end_line
            ):
                return since
        return None


_histories: OrderedDict[Hashable, History] = OrderedDict()


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One line of a rule file; the deciding one is lit."""

    number: int
    text: str
    lit: bool


def load_judged(session: Session, evaluation_id: int) -> Judged | None:
    """Return the rule version and time of an evaluation."""
    result = session.execute(
        JUDGED.select()
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Evaluation.id == evaluation_id)
    )
    return JUDGED.first(result)


def excerpt(session: Session, ruleset_version_id: int, place: str) -> tuple[CodeLine, ...]:
    """Return the lines around FILE:LINE."""
    path, _, number = place.rpartition(":")
    text = files_of(session, ruleset_version_id).get(path)
    if text is None or not number.isdigit():
        return ()
    lit = int(number)
    lines = text.split("\n")
    first, last = max(1, lit - AROUND), min(len(lines), lit + AROUND)
    return tuple(CodeLine(n, lines[n - 1], n == lit) for n in range(first, last + 1))


def version_in_force(session: Session, company_id: int) -> VersionInForce | None:
    """Return the current version, or None if nothing is published."""
    result = session.execute(
        VERSION_IN_FORCE.select()
        .join(Company, Company.ruleset_version_id == RulesetVersion.id)
        .outerjoin(_author, _author.id == RulesetVersion.author_id)
        .outerjoin(_publisher, _publisher.id == RulesetVersion.published_by_id)
        .where(Company.id == company_id)
    )
    return VERSION_IN_FORCE.first(result)


def load_published(session: Session, company_id: int, no: int) -> Published | None:
    """Return the company's version with this number."""
    conditions = RulesetVersion.company_id == company_id, RulesetVersion.no == no
    return PUBLISHED.first(session.execute(PUBLISHED.select().where(*conditions)))


def number_of_version(session: Session, company_id: int, version_id: int | None) -> int | None:
    """Return the number of a version of the company."""
    return session.scalar(
        select(RulesetVersion.no).where(
            RulesetVersion.company_id == company_id, RulesetVersion.id == version_id
        )
    )


def read_book(session: Session, version_id: int) -> Book:
    """Return the rule book of a version, with the tests of each rule."""
    return _written(world.program(session, version_id))


@lru_cache(maxsize=world.KEPT)
def _written(program: Program) -> Book:
    return build_book(program.ruleset, proofs=Proofs(program.ruleset, program))


def hold_reasons(session: Session, version_id: int) -> tuple[Reason, ...]:
    """Return every reason for which a version can hold a record."""
    return _reasons(world.program(session, version_id))


@lru_cache(maxsize=world.KEPT)
def _reasons(program: Program) -> tuple[Reason, ...]:
    return catalogue(program.ruleset)


def rule_history(session: Session, company_id: int, version_no: int) -> History:
    """Return since when a version's declarations have their current form."""
    key = (str(session.get_bind().engine.url), company_id, version_no)
    return world.kept(_histories, key, lambda: _history(session, company_id, version_no))


def _history(session: Session, company_id: int, version_no: int) -> History:
    """Walk back from the newest version while a declaration's text is unchanged."""
    versions = session.execute(
        select(RulesetVersion.id, RulesetVersion.no, RulesetVersion.published_at)
        .where(RulesetVersion.company_id == company_id, RulesetVersion.no <= version_no)
        .order_by(RulesetVersion.no.desc())
        .limit(LOOKED_BACK + 1)
    ).all()
    files = _files(session, [row.id for row in versions])
    stands: dict[Span, Since] = {}
    unchanged: dict[object, Span] = {}
    for row in versions:
        declared = dict(_declared(files[row.id]))
        unchanged = (
            {node: span for node, span in unchanged.items() if node in declared}
            if stands
            else declared
        )
        more = row.no > 1 and row is versions[-1]
        stands |= {span: Since(row.no, row.published_at, more) for span in unchanged.values()}
    return History(stands)


def _files(session: Session, version_ids: list[int]) -> dict[int, dict[str, str]]:
    """Return the rule files of versions, by version and path."""
    files_by_version: dict[int, dict[str, str]] = {version_id: {} for version_id in version_ids}
    rows = select(RuleFile).where(
        RuleFile.ruleset_version_id.in_(version_ids), RuleFile.path.endswith(".rules")
    )
    for row in session.scalars(rows):
        files_by_version[row.ruleset_version_id][row.path] = row.body
    return files_by_version


def _declared(files: Mapping[str, str]) -> Iterator[tuple[object, Span]]:
    """Yield every declaration except samples and tests; equal declarations compare equal."""
    for path, text in files.items():
        yield from _declarations(path, text)


@lru_cache(maxsize=256)
def _declarations(path: str, text: str) -> tuple[tuple[object, Span], ...]:
    ruleset, _ = parse({path: text})
    return tuple(
        (node, node.span)
        for part in fields(Ruleset)
        if part.name not in _PROOF
        for node in getattr(ruleset, part.name)
    )


def rule_file(session: Session, version_id: int, path: str) -> str | None:
    """Return the text of one rule file."""
    return session.scalar(
        select(RuleFile.body).where(
            RuleFile.ruleset_version_id == version_id,
            RuleFile.path == path,
            RuleFile.path.endswith(".rules"),
        )
    )


@dataclass(frozen=True, slots=True)
class Later:
    """What the next publication requires: `errors` must be repaired."""

    no: int
    errors: tuple[Finding, ...]


def later_findings(session: Session, version: VersionInForce) -> Later:
    """Return what the next publication of a company's current rules requires."""
    files = files_of(session, version.version_id)
    return Later(
        no=version.no,
        errors=tuple(
            finding_of(problem, files) for problem in inspect_without_tests(files).errors[:MOST]
        ),
    )


def later_findings_of_all(session: Session) -> dict[str, Later]:
    """Return the later findings of every company with published rules, by code."""
    companies = session.execute(select(Company.id, Company.code).order_by(Company.code)).all()
    versions_by_code = {row.code: version_in_force(session, row.id) for row in companies}
    return {
        code: later_findings(session, version)
        for code, version in versions_by_code.items()
        if version is not None
    }
