"""Judging: one record under all its routes.

Here: KindProgram: reads a body, asks each route, and puts the outcome together. Total: whatever the
body holds, the answer is an Outcome. Not here: what the rules mean (routes.py and below).
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from grammar import nodes as n
from rules.decisions.document_rules import Shared
from rules.decisions.duplicates import DuplicateProgram
from rules.decisions.fast_path import KindGlances
from rules.decisions.restated import Restated, restate
from rules.decisions.routes import RouteProgram
from rules.decisions.timing import followed_first, next_midnight, who_decides
from rules.decisions.verdict import Judged
from rules.decisions.waits import until
from rules.documents.unit_proofs import ProofProgram, line_exprs
from rules.expressions.checks import numbered
from rules.expressions.compiler import Compiler
from rules.expressions.conditions import Operand
from rules.expressions.record_reading import MOST_LINES, Content, Reader
from rules.expressions.run import RetreatError, Run
from rules.expressions.shared_reads import Once
from rules.facts.world import Facts, Subject, World
from rules.outcomes.findings import keep
from rules.outcomes.outcome import Decision, Outcome
from rules.outcomes.summary import Glance, Numbers
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index, Scope
from rules.values.kinds import clean
from rules.values.numbers import CONTEXT
from rules.values.posting_states import PostingState
from rules.values.unknown import Gap, Unknown, limit_gap
from rules.values.wording import NotExactError

ENGINE = "interpreter-1"
"""The meaning that answered, whichever way it was run: it changes only if an answer could."""
_NOW_HOLDS = timedelta(minutes=15)
Engine = Callable[[Index, str, ZoneInfo], Compiler]
"""What compiles the expressions of a record kind, in a zone."""
_OPEN = frozenset({"ready", "waiting", "held"})


Asked = tuple[Subject, Facts, World, datetime]


class KindProgram:
    """Everything the rules say of one record kind."""

    def __init__(
        self,
        index: Index,
        record: str,
        schemas: Schemas | None,
        *,
        engine: Engine,
        numbers: Numbers,
    ) -> None:
        declared = index.records[record]
        source = index.sources.get(declared.source or "")
        self.source = source.name if source else ""
        self.currency = source.currency if source else ""
        self.zone = ZoneInfo(source.zone if source else "UTC")
        self.compiler = engine(index, record, self.zone)
        self.reader = Reader(index, record, self.compiler.rows)
        checks = numbered(
            self.compiler,
            [c for c in index.ruleset.checks if any(w.name == record for w in c.records)],
            numbers,
        )
        everywhere = [c for c in checks if c.everywhere]
        self.common = self.compiler.together(everywhere)
        posts = index.posts.get(record, [])
        proofs = ProofProgram(self.compiler, line_exprs(index, record, posts))
        self.routes = [
            RouteProgram(self.compiler, p, checks, self.common, proofs, schemas) for p in posts
        ]
        self.in_order = followed_first(self.routes)
        self.duplicates = _unique_declarations(self.routes)
        self.numbers = numbers
        self.glances = KindGlances(
            self.compiler,
            self.routes,
            checks=everywhere,
            common=self.common,
            proofs=proofs,
            numbers=numbers,
        )
        self.key = index.marked(record, "key")
        self.dated = index.marked(record, "dated")
        self.status = self.reader.status
        self.party = self._from_routes("party_of")
        self.amount = self._amount(index, record)
        self.span = declared.span

    def judge(
        self, subject: Subject, facts: Facts, world: World, now: datetime, *, whole: bool = True
    ) -> Outcome:
        """The outcome of one version of one record; whole, or without what passed and lineage."""
        asked = (subject, facts, world, now)
        with decimal.localcontext(CONTEXT):
            try:
                return self._outcome(asked, stepwise=self.common is None, whole=whole)
            except RetreatError:
                return self._outcome(asked, stepwise=True)

    def glance(
        self, subject: Subject, facts: Facts, world: World, now: datetime, once: Once | None = None
    ) -> Glance:
        """What the outcome says at a glance: quickly where nothing is missing nor posted.

        `once` is shared with another program that reads this record alike, in the same world.
        """
        asked = (subject, facts, world, now)
        try:
            with decimal.localcontext(CONTEXT):
                content, gaps = (once and once.read) or self._read(subject.body)
                run = self._run(content, facts, world, now)
                if once is not None:
                    once.read, run.once = (content, gaps), once
                    if (carried := self.glances.carried(run, once)) is not None:
                        return carried
                seen = None if gaps or facts.conflicts else self.glances.seen(run)
                amount = self._value_of(run, self.amount) if seen is not None else None
                run.close()
                if once is not None and seen is None:
                    once.forget()
                if seen is None:
                    stepwise = self.common is None
                    outcome = self._outcome(asked, stepwise=stepwise, story=False)
                    found = self.numbers.glance(outcome)
                else:
                    found = Glance(seen, amount)
        except RetreatError:
            return self.numbers.glance(self.judge(*asked))
        if once is not None:
            once.said = (found, self.numbers)
        return found

    def _outcome(
        self, asked: Asked, *, stepwise: bool, story: bool = True, whole: bool = True
    ) -> Outcome:
        subject, facts, world, now = asked
        content, gaps = self._read(subject.body)
        run = self._run(content, facts, world, now)
        run.version, run.stepwise = subject.version, stepwise
        run.story, run.whole = story, whole and story
        passed = [] if whole else self._passed(run, gaps)
        if passed and len(passed) == len(self.routes):
            judged = self.glances.ready(run, content.status_word)
        else:
            run.passed = frozenset(passed)
            judged = self._each(run, gaps, content.status_word)
        if (run.steps < 0 and not stepwise) or (run.long and not run.whole):
            raise RetreatError  # the rule that runs out must be the one that says so
        decisions = [j.decision for j in judged]
        status = run.head.get(self.status)
        outcome = Outcome(
            decisions=tuple(decisions),
            verdicts=tuple(v for j in judged for v in j.verdicts),
            used=run.all_uses(),
            lineage=tuple(entry for j in judged for entry in j.lineage),
            status=status if isinstance(status, str) else "",
            status_word=clean(content.status_word[:200]),
            number=self._number(run),
            party=self._party(run, subject.body),
            doc_date=self._day(run, decisions),
            amount=self._value_of(run, self.amount),
            currency=self._currency(run, decisions),
            valid_until=self._valid_until(run, decisions),
            engine=ENGINE,
        )
        run.close()
        return outcome

    def _each(self, run: Run, gaps: dict[Gap, list[int]], status_word: str) -> list[Judged]:
        """What is decided for each route, in words where it does not simply pass."""
        shared: Shared = {}
        by_route = {}
        for route in self.in_order:
            one = route.decide(run, gaps=gaps, status_word=status_word, shared=shared)
            by_route[route.name] = one
            held = who_decides(one.decision)
            if held:
                run.held[route.name] = held
        return [by_route[route.name] for route in self.routes]

    def _passed(self, run: Run, gaps: dict[Gap, list[int]]) -> list[str]:
        """The routes that are ready, of which no rule has more to tell; documents are kept."""
        if gaps or run.facts.conflicts:
            return []
        run.drafts, ready = {}, PostingState.READY
        seen = self.glances.seen(run) or ()
        return [s.route for s in seen if s.state is ready and not s.fail and not s.unknown]

    def restated(
        self, subject: Subject, facts: Facts, world: World, now: datetime
    ) -> tuple[Restated, ...]:
        """What is posted of one record, made again of the version that is given."""
        with decimal.localcontext(CONTEXT):
            run = self.opened(subject, facts, world, now)
            run.version, run.stepwise = subject.version, True
            run.story = run.whole = False
            found = tuple(one for route in self.routes for one in restate(route, run))
            run.close()
            return found

    def opened(self, subject: Subject, facts: Facts, world: World, now: datetime) -> Run:
        """The record as rules see it, before any of them is asked."""
        content, _ = self._read(subject.body)
        return self._run(content, facts, world, now)

    def link_keys(self, body: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        """The names and values by which records find each other as duplicates."""
        with decimal.localcontext(CONTEXT):
            content, _ = self._read(body)
            moment = datetime(2000, 1, 1, tzinfo=UTC)
            run = self._run(content, Facts(moment), World.build(0, {}, {}, {}), moment)
            found: dict[tuple[str, str], None] = {}
            for duplicate in self.duplicates:
                try:
                    found.update(dict.fromkeys(duplicate.link_keys(run)))
                except (ArithmeticError, TypeError, NotExactError):
                    continue
            for route in self.routes:
                number = route.document.number(run)
                if isinstance(number, str) and number:
                    found[f"doc:{route.name}", number] = None
            return tuple(found)

    def _read(self, body: Mapping[str, object]) -> tuple[Content, dict[Gap, list[int]]]:
        content = self.reader.read(body)
        gaps: dict[Gap, list[int]] = {}
        for gap, line in content.gaps:
            keep(gaps, Unknown(gap), line)
        if content.too_many_lines:
            reason = ArithmeticError(f"it has more than {MOST_LINES} lines")
            gaps = {limit_gap("lines", self.compiler.owner, "lines", reason, self.span): []}
        return content, gaps

    def _run(self, content: Content, facts: Facts, world: World, now: datetime) -> Run:
        today = now.astimezone(self.zone).date()
        run = Run(content=content, facts=facts, world=world, now=now, today=today)
        if world.later:
            day = self.compiler.day_of(run)
            run.world = world.at(day if isinstance(day, date) else today)
        return run

    # ---- the head of the outcome --------------------------------------------------------------

    def _from_routes(self, part: str) -> str:
        found = (getattr(r.document.shape, part) for r in self.routes)
        return next((name for name in found if name), "")

    def _amount(self, index: Index, record: str) -> Operand | None:
        fields = index.fields[record]
        money = [f.name for f in fields.values() if isinstance(f, n.Field) and f.type == "money"]
        named = next((m for m in ("total", "amount") if m in money), money[-1] if money else "")
        name = self._from_routes("amount_of") or named
        if not name:
            return None
        return Operand(self.compiler, n.Name((name,), fields[name].span), Scope(index, record))

    def _value_of(self, run: Run, operand: Operand | None) -> Decimal | None:
        try:
            value: Any = operand.closure(run) if operand else None
        except (ArithmeticError, TypeError, RecursionError):
            return None
        return value if isinstance(value, Decimal) else None

    def _number(self, run: Run) -> str:
        value: Any = run.head.get(self.key.name) if self.key else None
        return "" if value is None or type(value) is Unknown else str(value).strip()

    def _party(self, run: Run, body: Mapping[str, object]) -> str:
        name = body.get(f"{self.party}_name")
        if isinstance(name, str) and name.strip():
            return clean(name.strip()[:200])
        value = run.head.get(self.party)
        return value if isinstance(value, str) else ""

    def _day(self, run: Run, decisions: list[Decision]) -> date | None:
        value: Any = run.head.get(self.dated.name) if self.dated else None
        if isinstance(value, datetime):
            return value.astimezone(self.zone).date()
        if isinstance(value, date):
            return value
        return next((d.document.date for d in decisions if d.document), None)

    def _currency(self, run: Run, decisions: list[Decision]) -> str:
        posted = next((d.document.currency for d in decisions if d.document), "")
        own = run.head.get("currency")
        return posted or (own if isinstance(own, str) else "") or self.currency

    def _valid_until(self, run: Run, decisions: list[Decision]) -> datetime | None:
        moments = until(decisions)
        if any(d.state in _OPEN or d.plan for d in decisions):
            if "today" in run.clock:
                moments.append(next_midnight(run.now, self.zone))
            if "now" in run.clock:
                moments.append(run.now + _NOW_HOLDS)
        return min(moments, default=None)


def _unique_declarations(routes: list[RouteProgram]) -> list[DuplicateProgram]:
    found = {id(d.declared): d for r in routes for d in r.duplicates}
    return list(found.values())
