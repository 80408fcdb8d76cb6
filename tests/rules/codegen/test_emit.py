"""What a rule file says never becomes code: generated text is numbers and our own names."""

import ast
import io
import keyword
import re
import tokenize
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from grammar import nodes
from rules.codegen.source_text import FUNCTION, SHARED, Page, Source
from rules.expressions.run import Content, Run, StepsError
from rules.facts import Facts, Subject, World
from rules.program import build_function, compile_ruleset
from tests.rules.kedai import INVOICE, decision, judge, order, program_of, world
from tests.rules.random_rules import HOSTILE, Lot, base

ROOT = Path(__file__).parents[3]
OWN = {
    *SHARED,
    FUNCTION,
    "run",
    "head",
    "line",
    "item",
    "lines",
    "spend",
    "root",
    "steps",
    "rows",
    "used",
    "append",
    "number",
    "fail",
    "unknown",
    "reason",
    "limit",
    "astimezone",
    "date",
    "get",
    "num",
    "row",
    "memo",
    "to_integral_value",
    "values",
    "content",
    "isprintable",
    "shown",
    "den",
    "__class__",
}
"""Every word that generated code may hold, besides numbered names and keywords."""
NUMBERED = re.compile(r"[kv][0-9]+")


def texts_of(work: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All generated text that some work makes functions of."""
    found: list[str] = []

    def watched(text: str) -> Any:
        found.append(text)
        return compile(text, "<rules>", "exec")

    monkeypatch.setattr("rules.program._cached_code", watched)
    monkeypatch.setattr("rules.program._code", watched)
    work()
    return found


def words_of(text: str) -> set[str]:
    """The names and texts of some Python; comments would be words, too."""
    sorts = {tokenize.NAME, tokenize.STRING, tokenize.COMMENT, tokenize.ERRORTOKEN}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return {t.string for t in tokens if t.type in sorts and not keyword.iskeyword(t.string)}


def test_generated_text_holds_no_word_of_anybody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        for seed in range(25):
            lot = Lot(Random(seed))
            program = compile_ruleset(lot.ruleset(), hash="h")
            program.evaluate(
                Subject("order", "netshop", lot.body(), 1), lot.facts(), lot.world(), lot.now()
            )

    found = texts_of(work, monkeypatch)
    assert len(found) > 200
    strange = {w for text in found for w in words_of(text) if not NUMBERED.fullmatch(w)} - OWN
    assert strange == set()


def renamed(node: Any, names: dict[str, str]) -> Any:
    """A tree with other names, which the grammar would never let through."""
    if isinstance(node, tuple):
        return tuple(renamed(part, names) for part in node)
    if isinstance(node, str):
        return names.get(node, node)
    slots = [s for s in getattr(node, "__slots__", ()) if s not in {"span", "kind"}]
    if not slots or not type(node).__module__.startswith("grammar.nodes"):
        return node
    return replace(node, **{s: renamed(getattr(node, s), names) for s in slots})


@pytest.mark.parametrize("name", [HOSTILE, "import os", "x']; boom = ['", "k0", "run", "\n"])
def test_a_hostile_name_is_only_a_name(name: str) -> None:
    plain = base()
    names = {"total": name, "debtor": f"debtor {name}", "total_adds": f"check {name}"}
    program = compile_ruleset(renamed(plain, names), hash="h")
    body = order()
    body[name] = body.pop("total")
    maps = {f"debtor {name}": {"C-77": world().maps["debtor"].entries["C-77"]}}
    found = judge(body, program=program, world=world(maps=maps))
    assert decision(found).state == "ready"
    body[name] = "1.00"
    findings = decision(judge(body, program=program, world=world(maps=maps))).findings
    assert [f.rule for f in findings if f.code == "CHK01"] == [f"check {name}"]


@pytest.mark.parametrize("text", [HOSTILE, "{0.__class__}", "'''", "\\", "%s"])
def test_a_hostile_text_is_only_a_text(text: str) -> None:
    plain = base()
    lot = Lot(Random(1))
    where = lot.name("customer")
    equal = nodes.Compare(where, "=", lot.literal("text", text), plain.checks[0].span)
    check = replace(lot.check(0), each_line=False, route=None, when=None, requires=(equal,))
    program = compile_ruleset(replace(plain, checks=(check,)), hash="h")
    for customer, hit in ((text, False), ("C-77", True)):
        found = judge(order(customer=customer), program=program).verdicts
        assert ("hit" in {v.result for v in found if v.rule == check.name}) is hit


def test_a_made_function_sees_no_builtins() -> None:
    page = Page()
    page.write("return open")
    with pytest.raises(NameError):
        build_function(page.source({}))(None)
    assert build_function(Source(f"def {FUNCTION}(run):\n    return k0\n", {"k0": 5}))(None) == 5


@pytest.mark.slow
def test_only_one_module_makes_code_of_text() -> None:
    def calls(path: Path) -> set[str]:
        tree = ast.parse(path.read_text("utf-8"))
        return {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"compile", "exec", "eval", "__import__"}
        }

    floors = ("grammar", "rules", "connectors", "holding", "portal", "workers")
    found = {
        str(path.relative_to(ROOT)): calls(path)
        for floor in floors
        for path in (ROOT / floor).rglob("*.py")
    }
    assert {path: names for path, names in found.items() if names} == {
        "rules/program.py": {"compile", "exec"}
    }


def test_a_flat_story_stays_flat() -> None:
    """Brackets and blocks deeper than Python reads become variables and functions."""
    lot = Lot(Random(2))
    deep: nodes.Expr = lot.name("total")
    for _ in range(25):
        deep = nodes.Otherwise(lot.name("tin"), nodes.Not(deep, deep.span), deep.span)
    for _ in range(60):
        deep = nodes.AllOf(
            (nodes.Not(deep, deep.span), nodes.Not(lot.name("paid"), deep.span)), deep.span
        )
    check = replace(lot.check(0), each_line=False, route=None, when=None, requires=(deep,))
    program = compile_ruleset(replace(base(), checks=(check,)), hash="h")
    assert decision(judge(order(), program=program), INVOICE).state == "held"
    assert program_of().together("order") is not None


def test_a_loop_ends_where_the_steps_run_out_as_one_of_a_helper_does() -> None:
    page = Page()
    page.visit(2)
    page.write("return 'gone on'")
    source = page.source({**SHARED})
    visited = build_function(source)
    content = Content({}, [{}, {}, {}], [])
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    run = Run(
        content=content,
        facts=Facts(moment),
        world=World.build(0, {}, {}, {}),
        now=moment,
        today=moment.date(),
    )
    run.steps = 6
    assert visited(run) == "gone on"
    assert run.steps == 0
    with pytest.raises(StepsError):
        visited(run)


def test_sums_in_one_loop_visit_each_line_for_each_of_them() -> None:
    """As if each were worked out for itself; and what they come to counts as it did."""
    program = program_of()
    common = program.together("order")
    assert common is not None
    each_line = [c for c in program.ruleset.checks if c.each_line and c.route is None]
    for said, fails in ((order(), False), (order(subtotal="1.00"), True)):
        subject = Subject("order", "netshop", said, 1)
        facts, now = Facts(datetime(2026, 11, 20, tzinfo=UTC)), datetime(2026, 11, 20, tzinfo=UTC)
        run = program.opened(subject, facts, world(), now)
        before = run.steps
        failed, unknown = common.bits(run)
        assert before - run.steps == (2 + len(each_line)) * len(run.lines)
        assert (bool(failed), unknown) == (fails, 0)
