"""The part of `clearpost bench` that measures the rules: thirty against rivals, and a thousand.

The part "checks" says how much longer five thousand take than one thousand, in one run.
Here: the clock, and the assertion that whoever is compared says the same of every record. Times are
CPU times of this process: a few records at a time, as they would come in, all runners in turn, and
of each the best of some rounds. Not here: the rules, the records, the rivals.
"""

import decimal
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from grammar.parsing.incremental import collect_rarely
from grammar.parsing.parser import parse
from portal.bench.rivals import VERSION, Zen, bodies, cents, failures
from rules.checker.all_checks import check
from rules.expressions.compiler import Together
from rules.expressions.run import Run
from rules.facts.world import Facts, Subject, World
from rules.programs.program import Program, compile_ruleset, hash_of
from rules.values.numbers import CONTEXT
from rules.values.unknown import Unknown

FILE = Path(__file__).with_name("invoices.rules")
KIND = "invoice"
ZEN_RECORDS = 300
BATCH = 50
ROUNDS = 8
RULES, MANY, AGAIN = 1000, 5000, 3
ENOUGH_EQUAL = 0.99
NOW = datetime(2026, 12, 1, tzinfo=UTC)
_WORLD = World.build(0, {}, {}, {})
_FACTS = Facts(NOW)
Told = Callable[[str], None]


class UnequalError(RuntimeError):
    """Two runners that are compared do not say the same."""


def measured(say: Told, records: int) -> dict[str, Any]:
    """The keys of the bench: ratios, and the records a second behind them."""
    say(f"Thirty rules over {records} invoices of four lines, with a full trace and by hand …")
    program = compiled(FILE.read_text("utf-8"))
    checks = program.together(KIND)
    assert checks is not None  # noqa: S101 - the program is generated
    given = list(bodies(records))
    equal_by_hand(program, checks, given)
    traced, by_hand = _best(given, partial(_runs, program), checks.trace, _plain(program), failures)
    found = {
        "traced_vs_handwritten": round(by_hand / traced, 2),
        "traced_records_per_second": round(1 / traced),
        "handwritten_records_per_second": round(1 / by_hand),
    }
    found |= _against_zen(say, program, checks, given[:ZEN_RECORDS])
    say(f"A set of {RULES} checks, parsed, checked and compiled …")
    return found | {"ruleset_1000_seconds": round(ruleset_seconds(thousand(RULES), RULES), 2)}


def grown(say: Told, few: int = RULES, many: int = MANY) -> dict[str, Any]:
    """How much longer many checks take than few, simple ones and guarded ones: from the text to the
    first judged record, and the checker alone; memory is collected as where files are checked.
    """
    found: dict[str, Any] = {}
    usual = gc.get_threshold()
    collect_rarely()
    for kind, shapes in SHAPES.items():
        say(f"Sets of {few} and {many} {kind} checks, parsed, checked and compiled …")
        small, large = (_grown(shapes, rules) for rules in (few, many))
        found[f"{kind}_checks_{few}_seconds"] = round(small[0], 2)
        for ending, at in (("", 0), ("_found", 1)):
            found[f"{kind}_checks_{many}_vs_{few}{ending}"] = round(large[at] / small[at], 2)
    gc.set_threshold(*usual)
    return found


def _grown(shapes: Sequence[str], rules: int) -> tuple[float, float]:
    """CPU seconds of such a set: all of it, and the checker alone; the best of some runs."""
    text = repeated(shapes, rules)
    whole = min(ruleset_seconds(text, rules) for _ in range(AGAIN))
    ruleset, _ = parse({FILE.name: text})
    alone = []
    for _ in range(AGAIN):
        begin = time.process_time()
        check(ruleset)
        alone.append(time.process_time() - begin)
    return whole, min(alone)


def compiled(text: str) -> Program:
    """The program of a rule file that has nothing wrong with it."""
    ruleset, problems = parse({FILE.name: text})
    problems += check(ruleset) if not problems else ()
    if problems:
        message = f"the rules of the bench are wrong: {problems[0]}"
        raise UnequalError(message)
    return compile_ruleset(ruleset, hash=hash_of({FILE.name: text}))


# ---- the thirty -------------------------------------------------------------------------------


def equal_by_hand(program: Program, checks: Together, given: Sequence[dict[str, Any]]) -> None:
    """Rules and rival fail the same rules on every record; else an UnequalError."""
    bits = {r.name: 1 << i for i, r in enumerate(program.rules)}
    plain = _plain(program)
    for body in given:
        [run], [record] = _runs(program, [body]), plain([body])
        wanted = 0
        for rule, _ in failures(record):
            wanted |= bits[rule]
        with decimal.localcontext(CONTEXT):
            if checks.bits(run) != (wanted, 0):
                message = f"the rules and the code by hand differ on {body['number']}"
                raise UnequalError(message)


def _runs(program: Program, given: Sequence[dict[str, Any]]) -> list[Run]:
    """The records as the rules see them: typed."""
    subjects = (Subject(KIND, "shop", body, 1) for body in given)
    return [program.opened(s, _FACTS, _WORLD, NOW) for s in subjects]


def _plain(program: Program) -> Callable[[Sequence[dict[str, Any]]], list[dict[str, Any]]]:
    """The same records as ordinary dicts of the same typed values; what is missing is None."""

    def plain(given: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {k: None if type(v) is Unknown else v for k, v in run.head.items()}
            | {"lines": [dict(row) for row in run.lines]}
            for run in _runs(program, given)
        ]

    return plain


def _best(
    given: Sequence[dict[str, Any]],
    prepare: Callable[..., list[Any]],
    ask: Callable[[Any], Any],
    prepare_rival: Callable[..., list[Any]],
    ask_rival: Callable[[Any], Any],
) -> tuple[float, float]:
    """Seconds a record of both, each in its own decimal context; preparing is not counted."""
    runners = ((prepare, ask, CONTEXT), (prepare_rival, ask_rival, decimal.DefaultContext))
    totals = [0.0, 0.0]
    for batch in _batches(given):
        best = [float("inf"), float("inf")]
        for _ in range(ROUNDS):
            spent = [_timed(make(batch), run, context) for make, run, context in runners]
            best = [min(pair) for pair in zip(best, spent, strict=True)]
        totals = [total + seconds for total, seconds in zip(totals, best, strict=True)]
    return totals[0] / len(given), totals[1] / len(given)


def _timed(prepared: list[Any], ask: Callable[[Any], Any], context: decimal.Context) -> float:
    with decimal.localcontext(context):
        begin = time.process_time()
        for record in prepared:
            ask(record)
        return time.process_time() - begin


def _batches(given: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(given), BATCH):
        yield given[start : start + BATCH]


def _against_zen(
    say: Told, program: Program, checks: Together, given: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """The same rules in zen-engine, where it is installed; else null, and it is said."""
    rival = Zen.installed()
    if rival is None:
        say(f"zen-engine is not compared, since it is not installed: zen-engine=={VERSION}")
        return {"traced_vs_zen_engine": None}
    say(f"The same rules over {len(given)} of them in zen-engine {VERSION}, without a trace …")
    in_sen = [cents(body) for body in given]
    plain = _plain(program)(given)
    equal = sum(
        {rule for rule, _ in failures(record)} == rival.failures(cents)
        for record, cents in zip(plain, in_sen, strict=True)
    ) / len(given)
    if equal < ENOUGH_EQUAL:
        message = f"zen-engine says the same of {equal:.1%} of the invoices only"
        raise UnequalError(message)

    def sen(bodies: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [cents(body) for body in bodies]

    traced, zen = _best(given, partial(_runs, program), checks.trace, sen, rival.failures)
    return {
        "traced_vs_zen_engine": round(zen / traced, 1),
        "zen_engine_records_per_second": round(1 / zen),
        "zen_engine_equal_verdicts": round(equal, 4),
    }


# ---- the thousand -----------------------------------------------------------------------------


def ruleset_seconds(text: str, rules: int) -> float:
    """CPU seconds from the text of so many checks to the first judged record."""
    [body] = bodies(1)
    begin = time.process_time()
    program = compiled(text)
    outcome = program.evaluate(Subject(KIND, "shop", body, 1), _FACTS, _WORLD, NOW)
    seconds = time.process_time() - begin
    asked = {v.rule for v in outcome.verdicts if v.kind == "check"}
    if len(asked) != rules:
        message = f"{len(asked)} of {rules} checks were asked"
        raise UnequalError(message)
    return seconds


_HEAD_CHECK = """\
check header_rule_{n} on invoice
    require  subtotal + tax_total <= total + {n}.00
    and      customer <> "C-X{n}"
    else     hold for accounts
    say      "The parts of {{number}} are above {{total}}."
    clears   when it passes
"""
_LINE_CHECK = """\
check line_rule_{n} on invoice each line
    when     line.price > {n}.50
    require  line.qty * line.price >= line.discount - {n}.00
    and      line.sku <> "X-{n}"
    else     hold for accounts
    say      "Line {{line.pos}} with {{line.sku}} is wrong."
    clears   when it passes
"""
_POST = """\
target books
    rounding   per line then sum to 0.01
    tolerance  0.00  else hold for accounts
    missing    hold for accounts  say "The books did not tell the {field}."

gate invoice
    ready   paid
    wait    open

duplicates of invoice
    unique by number in history
    else     hold for accounts
    say      "{number} was seen before."

on edit of invoice
    amounts  = lines, subtotal, tax_total, shipping, round_off, total, billed_in
    rest     = status, issued_on, due_on, customer, tin, paid
    | changed            | do                 |
    | amounts, not_ready | review by accounts |
    | rest               | ignore             |

post invoice to books.sales_invoice as "{number}"
    immediately
    we own   the rest  else review by accounts
    InvoiceNumber  = document_number
    InvoiceDate    = issued_on
    Customer       = customer
    Total          = total
"""


_FIXED_CHECK = """\
check fixed_rule_{n} on invoice
    require  total <> {n}.25
    and      customer <> "C-X{n}"
    else     hold for accounts
    say      "The total of {{number}} is {{total}}."
    clears   when it passes
"""
_CUSTOMER_CHECK = """\
check customer_rule_{n} on invoice
    when     customer = "C-{n}"
    require  total <= {n}00.00
    else     hold for accounts
    say      "{{customer}} buys for {{total}}."
    clears   when it passes
"""
_TIER_CHECK = """\
check tier_rule_{n} on invoice
    when     total > {n}.00
    require  subtotal >= {n}.50
    else     hold for accounts
    say      "{{subtotal}} is little for {{total}}."
    clears   when it passes
"""
_SUM_CHECK = """\
check sum_rule_{n} on invoice
    when     subtotal + tax_total > {n}.00
    require  total > {n}.00
    else     hold for accounts
    say      "{{total}} is no total."
    clears   when it passes
"""
SHAPES = {
    "simple": (_HEAD_CHECK, _FIXED_CHECK),
    "guarded": (_CUSTOMER_CHECK, _TIER_CHECK, _LINE_CHECK, _SUM_CHECK),
}
"""Checks that ask every record, and checks that ask some."""


def thousand(rules: int) -> str:
    """A rule file with so many checks, half of them on each line, and one route."""
    return repeated((_LINE_CHECK, _HEAD_CHECK), rules)


def repeated(shapes: Sequence[str], rules: int) -> str:
    """A rule file with so many checks of some shapes in turn, and one route."""
    declared = FILE.read_text("utf-8").split("\ncheck ", 1)[0]
    checks = [shapes[(n - 1) % len(shapes)].format(n=n) for n in range(1, rules + 1)]
    return "\n".join([declared, *checks, _POST])
