"""Compile a checked syntax tree into a `Program`, the only entry for running rules.

This is the only module of the product that executes generated code (`made`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import lru_cache
from types import CodeType
from typing import Any
from zoneinfo import ZoneInfo

from grammar.nodes import Approve, Daily, Post, Reversal, Ruleset
from grammar.text.problem import Span
from rules.codegen.generator import Generated
from rules.codegen.source_text import FUNCTION, Source
from rules.decisions.decision_tables import RetryAnswer, RetryProgram
from rules.decisions.judge_record import ENGINE, Engine, EvaluationInput, KindProgram, Restated
from rules.decisions.posted_documents import OVERBILLED
from rules.expressions.checks import SharedRead
from rules.expressions.compiler import CheckGroup, Interpreter
from rules.expressions.lists import BILL_RULE as BILL
from rules.expressions.lists import checks_reading_links, family_keys, reads_links
from rules.expressions.run import BRIEF, Run
from rules.facts import Facts, Subject, World
from rules.outcomes import Glance, Outcome, Rule, RuleNumbers
from rules.types.symbol_table import Families, Index, Schemas
from rules.values.canonical import dumps, sha256_hex
from rules.values.wording import format_expression

_LONG = 2000

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


@dataclass(frozen=True, slots=True)
class Route:
    """Describe one route from a record kind to a target document."""

    record: str
    source: str
    target: str
    document: str
    name: str
    timing: str  # immediately | daily
    at: time | None
    after: str | None
    number: str
    reverses: str = ""  # the route whose postings it reverses
    theirs: tuple[str, ...] = ()  # fields that are maintained in the target
    in_parts: bool = False  # whether it bills each delivery separately


class Program:
    """Run a compiled rule set. Immutable, pure, safe to share between threads."""

    def __init__(
        self,
        ruleset: Ruleset,
        hash_: str,
        schemas: Schemas | None,
        engine: Engine,
    ) -> None:
        index = Index(ruleset)
        self._index, self._schemas = index, schemas
        self.ruleset = ruleset
        self._families = Families(index)
        self._of_links: dict[str, frozenset[str]] = {}
        self._approvals = {
            approval.span: _approval_subject(approval) for approval in ruleset.approvals
        }
        self.hash = hash_
        self.roles: tuple[str, ...] = tuple(index.roles)
        self._numbers = RuleNumbers(ruleset)
        self.rules: tuple[Rule, ...] = self._numbers.rules
        self._kinds = {
            r.name: KindProgram(index, r.name, schemas, engine=engine, numbers=self._numbers)
            for r in ruleset.records
            if r.source
        }
        self.records: tuple[str, ...] = tuple(self._kinds)
        self._retries = {r.target: RetryProgram(index, r) for r in ruleset.retries}
        self.routes: tuple[Route, ...] = tuple(
            _route(p.post, k) for k in self._kinds.values() for p in k.routes
        ) + tuple(
            _reversal(r, k)
            for name, k in self._kinds.items()
            for r in ruleset.reversals
            if r.record == name
        )

    def makes_e_invoice(self, route: Route) -> bool:
        """Check whether the target makes an e-Invoice of such a document, by its usual settings."""
        schemas = self._schemas
        schema = schemas.document(route.target, route.document) if schemas else None
        return bool(getattr(schema, "e_invoice", ""))

    def retry(self, target: str, error_class: str, tries: int) -> RetryAnswer | None:
        """Return the answer to a target's error after `tries` tries, or None without a matching
        row.
        """
        retries = self._retries.get(target)
        return retries.answer(error_class, tries) if retries else None

    def zone(self, kind: str) -> ZoneInfo:
        """Return the time zone of the record kind's source."""
        return self._kinds[kind].zone

    def link_keys(self, body: Mapping[str, object], kind: str) -> tuple[tuple[str, str], ...]:
        """Return the names and values that identify this record as a possible duplicate."""
        kind_program = self._kinds.get(kind)
        return kind_program.link_keys(body) if kind_program else ()

    def family_keys(
        self, body: Mapping[str, object], kind: str
    ) -> tuple[tuple[str, str, str], ...]:
        """Return how links find this record: (name, value, required kind or blank), see
        rules/expressions/lists.py.
        """
        return tuple(family_keys(self._index, body, kind))

    def asked_of_links(self, kind: str) -> frozenset[str]:
        """Return the rules of a kind whose findings depend on other records.

        A release of such a rule holds for the other records as they were at that time.
        """
        if kind not in self._of_links:
            posts = self._index.posts.get(kind, ())
            bills = tuple(post.bill.expr for post in posts if post.bill is not None)
            check_names, bills_links = (
                checks_reading_links(self._index, kind),
                reads_links(self._index, kind, bills),
            )
            self._of_links[kind] = check_names | {OVERBILLED, BILL} if bills_links else check_names
        return self._of_links[kind]

    def approval_at(self, span: Span) -> str:
        """Return the record kind, route and condition of the approval that is declared at this
        span.

        All approvals by one team share one rule name.
        """
        return self._approvals[span]

    def family(self, body: Mapping[str, object], kind: str) -> tuple[str, str] | None:
        """Return the record's family as (kind, key), or None if it has no shared family."""
        return self._families.of(body, kind)

    def evaluate(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        """Judge one version of one record under all its routes.

        A kind that the rules do not know has no decisions; its caller shows it as waiting.
        """
        kind_program = self._kinds.get(subject.kind)
        return kind_program.judge(subject, facts, world, now) if kind_program else _NOTHING

    def decision(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Outcome:
        """Judge the record like `evaluate`, with a shorter description.

        Decisions and head are equal to the result of `evaluate`. The verdicts include at least all
        that did not pass, and gates that release a record early; lineage is empty; entries are
        included if a result depends on them.
        """
        kind_program = self._kinds.get(subject.kind)
        return kind_program.judge(subject, facts, world, now, BRIEF) if kind_program else _NOTHING

    def decisions(self, inputs: Sequence[EvaluationInput]) -> list[Outcome | Exception]:
        """Return the outcome of `decision` for each input, or its exception. Faster for many than
        one call each.
        """
        places_by_kind: dict[str, list[int]] = {}
        for place, evaluation in enumerate(inputs):
            places_by_kind.setdefault(evaluation[0].kind, []).append(place)
        outcomes: list[Outcome | Exception] = [_NOTHING] * len(inputs)
        for kind, places in places_by_kind.items():
            if program := self._kinds.get(kind):
                judged = program.judge_all([inputs[place] for place in places], BRIEF)
                for place, outcome in zip(places, judged, strict=True):
                    outcomes[place] = outcome
        return outcomes

    def glance(
        self,
        subject: Subject,
        facts: Facts,
        world: World,
        now: datetime,
        shared: SharedRead | None = None,
    ) -> Glance:
        """Return states, amount and bits of the numbered `rules`, equal to the result of
        `evaluate`.

        `shared` is the state that another program's glance at this record shares
        (rules/expressions/checks.py).
        """
        kind_program = self._kinds.get(subject.kind)
        return (
            kind_program.glance(subject, facts, world, now, shared)
            if kind_program
            else Glance((), None)
        )

    def read(self, subject: Subject, shared: SharedRead) -> None:
        """Read a record for the glances that share it. Otherwise the first glance reads it."""
        if kind_program := self._kinds.get(subject.kind):
            kind_program.read(subject, shared)

    def restated(
        self, subject: Subject, facts: Facts, world: World, now: datetime
    ) -> tuple[Restated, ...]:
        """Return the record's posted documents as the current rules would create them."""
        kind_program = self._kinds.get(subject.kind)
        return kind_program.restated(subject, facts, world, now) if kind_program else ()

    def opened(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Run:
        """Return the record read and typed, for the functions of `together`, for one evaluation."""
        return self._kinds[subject.kind].opened(subject, facts, world, now)

    def together(self, kind: str) -> CheckGroup | None:
        """Return the checks of a record kind that are equal for all its routes, as plain functions.

        They raise if numbers leave their bounds; evaluate and glance handle that.
        """
        return self._kinds[kind].common


def compile_ruleset(
    ruleset: Ruleset,
    *,
    hash: str,  # noqa: A002
    schemas: Schemas | None = None,
) -> Program:
    """Return the program of a checked rule set; `hash` identifies its sources."""
    return Program(ruleset, hash, schemas, generated_engine)


def compile_interpreted(
    ruleset: Ruleset,
    *,
    hash: str,  # noqa: A002
    schemas: Schemas | None = None,
) -> Program:
    """Return a program that the reference interpreter runs, to verify generated code against.

    Its results are byte for byte equal to the results of compile_ruleset's program.
    """
    return Program(ruleset, hash, schemas, Interpreter)


def generated_engine(index: Index, record: str, zone: ZoneInfo) -> Generated:
    """Return the engine that runs rules as generated Python."""
    return Generated(index, record, zone, build_function)


def build_function(source: Source) -> Callable[..., Any]:
    """Return the function of a generated source. It sees only the names of its table."""
    space: dict[str, Any] = {**source.names, "__builtins__": {}}
    code = _cached_code if len(source.text) < _LONG else _code
    exec(code(source.text), space)  # noqa: S102
    function: Callable[..., Any] = space[FUNCTION]
    return function


def _code(text: str) -> CodeType:
    return compile(text, "<rules>", "exec", dont_inherit=True)


_cached_code = lru_cache(maxsize=4096)(_code)
"""Code by its text: values are in tables, so many short texts are equal."""


def hash_files(sources: Mapping[str, str]) -> str:
    """Return the hash of rule files: path and text of each, in path order."""
    return sha256_hex(dumps(dict(sources)))


def _approval_subject(approval: Approve) -> str:
    subject = f"{approval.record} for {approval.route}" if approval.route else approval.record
    return (
        subject if approval.when is None else f"{subject} when {format_expression(approval.when)}"
    )


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
        theirs=post.they_own,
        in_parts=post.bill is not None,
    )


def _reversal(reversal: Reversal, kind: KindProgram) -> Route:
    return Route(
        record=reversal.record,
        source=kind.source,
        target=reversal.route.target,
        document=reversal.route.document,
        name=str(reversal.route),
        timing="immediately",
        at=None,
        after=None,
        number=reversal.number,
        reverses=str(reversal.reversing),
        theirs=reversal.they_own,
    )
