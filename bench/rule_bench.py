"""Measure the rules: thirty rules against other engines, and a thousand rules alone."""

from __future__ import annotations

import decimal
import gc
import importlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from grammar.parsing.incremental import collect_rarely
from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.expressions.compiler import CheckGroup
from rules.expressions.run import Run
from rules.facts import Facts, Subject, World
from rules.program import Program, compile_ruleset, hash_files
from rules.values.cause_keys import Unknown
from rules.values.kinds import CONTEXT

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

PrintNote = Callable[[str], None]

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

SEN = Decimal("0.01")

NOTHING = Decimal("0.00")

MOST_ROUNDING = Decimal("0.05")

MOST_SHIPPING = Decimal("200.00")

NAMED_FROM = Decimal("10000.00")

MOST_PIECES = Decimal(1000)

MOST_PRICE = Decimal("5000.00")

MOST_WEIGHT = Decimal(500)

LAST_LINE = Decimal(99)

FIRST_DAY = date(2026, 1, 1)

CURRENCIES = ("MYR", "SGD", "USD")

RATES = (Decimal("0.00"), Decimal("0.06"), Decimal("0.10"))

UNITS = ("PCS", "BOX", "CTN")

ACCOUNTS = ("40000", "41000", "42000")

VERSION = "2.1.3"

_HEAD = {
    "total_adds": "subtotal + tax_total + shipping + round_off == total",
    "lines_add": "sum(map(lines, #.net)) == subtotal",
    "taxes_add": "sum(map(lines, #.tax)) == tax_total",
    "paid_in_full": "paid == total",
    "rounded_a_little": "abs(round_off) <= 5",
    "due_later": "due_on >= issued_on",
    "this_year": "issued_on >= 739617",
    "known_currency": 'billed_in in ["MYR", "SGD", "USD"]',
    "shipped_cheaply": "shipping >= 0 and shipping <= 20000",
    "large_buyer_named": "total <= 1000000 or tin != null",
}

_LINE = {
    "some_quantity": "#.qty > 0",
    "no_bulk": "#.qty <= 1000",
    "whole_pieces": "#.qty == floor(#.qty)",
    "some_price": "#.price > 0",
    "sane_price": "#.price <= 500000",
    "no_negative_discount": "#.discount >= 0",
    "discount_below_price": "#.discount <= #.qty * #.price",
    "net_is_right": "#.net == round(#.qty * #.price - #.discount)",
    "known_rate": "#.rate in [0, 6, 10]",
    "tax_is_right": "#.tax == round(#.net * #.rate / 100)",
    "gross_is_right": "#.gross == #.net + #.tax",
    "tax_below_net": "#.tax <= #.net",
    "below_total": "#.net <= $root.total",
    "known_unit": '#.uom in ["PCS", "BOX", "CTN"]',
    "known_account": '#.account in ["40000", "41000", "42000"]',
    "named_article": '#.sku != "" and #.name != ""',
    "some_weight": "#.weight > 0",
    "light_parcel": '#.uom != "CTN" or #.weight * #.qty <= 5000',
    "free_of_tax": "#.rate != 0 or #.tax == 0",
    "numbered_line": "#.pos >= 1 and #.pos <= 99",
}

SEED = 29

LINES = 4

_WRONG: tuple[tuple[str, Any], ...] = (
    ("total", "1.00"),
    ("paid", "0.00"),
    ("billed_in", "XXX"),
    ("due_on", "2025-12-31"),
    ("shipping", "250.00"),
)

_WRONG_LINE: tuple[tuple[str, Any], ...] = (
    ("qty", "0"),
    ("qty", "2.5"),
    ("price", "6000.00"),
    ("net", "1.01"),
    ("tax", "0.07"),
    ("uom", "EACH"),
    ("account", "99999"),
    ("weight", "400"),
    ("rate", "0.08"),
    ("pos", "100"),
)


class UnequalError(RuntimeError):
    """The compared engines returned different verdicts."""


def measure(say: PrintNote, records: int) -> dict[str, Any]:
    """Return the figures: ratios and records per second."""
    say(f"Thirty rules over {records} invoices of four lines, with a full trace and by hand …")
    program = compile_program(FILE.read_text("utf-8"))
    checks = program.together(KIND)
    assert checks is not None  # noqa: S101 - the program is generated
    invoices = list(draw_invoices(records))
    assert_equal_by_hand(program, checks, invoices)
    traced, by_hand = _best(
        invoices, partial(_open_runs, program), checks.trace, _plain_records(program), failures
    )
    figures = {
        "traced_vs_handwritten": round(by_hand / traced, 2),
        "traced_records_per_second": round(1 / traced),
        "handwritten_records_per_second": round(1 / by_hand),
    }
    figures |= _against_zen(say, program, checks, invoices[:ZEN_RECORDS])
    say(f"A set of {RULES} checks, parsed, checked and compiled …")
    return figures | {
        "ruleset_1000_seconds": round(ruleset_seconds(thousand_checks(RULES), RULES), 2)
    }


def _best(
    invoices: Sequence[dict[str, Any]],
    prepare: Callable[..., list[Any]],
    run_record: Callable[[Any], Any],
    prepare_rival: Callable[..., list[Any]],
    run_rival: Callable[[Any], Any],
) -> tuple[float, float]:
    """Return seconds per record of both, each in its own decimal context, without preparation."""
    runners = ((prepare, run_record, CONTEXT), (prepare_rival, run_rival, decimal.DefaultContext))
    totals = [0.0, 0.0]
    for batch in _batches(invoices):
        best = [float("inf"), float("inf")]
        for _ in range(ROUNDS):
            spent = [_timed(make(batch), run, context) for make, run, context in runners]
            best = [min(pair) for pair in zip(best, spent, strict=True)]
        totals = [total + seconds for total, seconds in zip(totals, best, strict=True)]
    return totals[0] / len(invoices), totals[1] / len(invoices)


def _batches(invoices: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(invoices), BATCH):
        yield invoices[start : start + BATCH]


def _timed(prepared: list[Any], ask: Callable[[Any], Any], context: decimal.Context) -> float:
    with decimal.localcontext(context):
        begin = time.process_time()
        for record in prepared:
            ask(record)
        return time.process_time() - begin


def _open_runs(program: Program, invoices: Sequence[dict[str, Any]]) -> list[Run]:
    """Return the records as the rules read them: typed."""
    subjects = (Subject(KIND, "shop", body, 1) for body in invoices)
    return [program.opened(s, _FACTS, _WORLD, NOW) for s in subjects]


def _plain_records(program: Program) -> Callable[[Sequence[dict[str, Any]]], list[dict[str, Any]]]:
    """Return a converter to ordinary dicts with the typed values; a missing value is None."""

    def plain(invoices: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {k: None if type(v) is Unknown else v for k, v in run.head.items()}
            | {"lines": [dict(row) for row in run.lines]}
            for run in _open_runs(program, invoices)
        ]

    return plain


def _against_zen(
    say: PrintNote, program: Program, checks: CheckGroup, invoices: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Run the rules in zen-engine if it is installed; otherwise the figure is null."""
    rival = Zen.installed()
    if rival is None:
        say(f"zen-engine is not compared, since it is not installed: zen-engine=={VERSION}")
        return {"traced_vs_zen_engine": None}
    say(f"The same rules over {len(invoices)} of them in zen-engine {VERSION}, without a trace …")
    in_sen = [convert_to_cents(body) for body in invoices]
    plain = _plain_records(program)(invoices)
    equal = sum(
        {rule for rule, _ in failures(record)} == rival.failures(in_cents)
        for record, in_cents in zip(plain, in_sen, strict=True)
    ) / len(invoices)
    if equal < ENOUGH_EQUAL:
        message = f"zen-engine says the same of {equal:.1%} of the invoices only"
        raise UnequalError(message)

    def sen(invoices: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [convert_to_cents(body) for body in invoices]

    traced, zen = _best(invoices, partial(_open_runs, program), checks.trace, sen, rival.failures)
    return {
        "traced_vs_zen_engine": round(zen / traced, 1),
        "zen_engine_records_per_second": round(1 / zen),
        "zen_engine_equal_verdicts": round(equal, 4),
    }


def measure_growth(
    say: PrintNote, small_count: int = RULES, large_count: int = MANY
) -> dict[str, Any]:
    """Return how much longer many checks take than few, for simple and for guarded checks.

    Measured from the text to the first judged record, and for the checker alone. Memory is
    collected as rarely as when files are checked.
    """
    figures: dict[str, Any] = {}
    usual_threshold = gc.get_threshold()
    collect_rarely()
    for kind, shapes in SHAPES.items():
        say(
            f"Sets of {small_count} and {large_count} {kind} checks, parsed, checked and compiled …"
        )
        small, large = (_set_seconds(shapes, rules) for rules in (small_count, large_count))
        figures[f"{kind}_checks_{small_count}_seconds"] = round(small[0], 2)
        for ending, position in (("", 0), ("_found", 1)):
            figures[f"{kind}_checks_{large_count}_vs_{small_count}{ending}"] = round(
                large[position] / small[position], 2
            )
    gc.set_threshold(*usual_threshold)
    return figures


def _set_seconds(shapes: Sequence[str], rules: int) -> tuple[float, float]:
    """Return the processor seconds of such a set, in total and of the checker alone, each the best
    run.
    """
    text = repeat_checks(shapes, rules)
    total_seconds = min(ruleset_seconds(text, rules) for _ in range(AGAIN))
    ruleset, _ = parse({FILE.name: text})
    checker_seconds = []
    for _ in range(AGAIN):
        begin = time.process_time()
        check(ruleset)
        checker_seconds.append(time.process_time() - begin)
    return total_seconds, min(checker_seconds)


def compile_program(text: str) -> Program:
    """Compile a rule file; raise UnequalError if it has a fault."""
    ruleset, problems = parse({FILE.name: text})
    problems += check(ruleset) if not problems else ()
    if problems:
        message = f"the rules of the bench are wrong: {problems[0]}"
        raise UnequalError(message)
    return compile_ruleset(ruleset, hash=hash_files({FILE.name: text}))


def assert_equal_by_hand(
    program: Program, checks: CheckGroup, invoices: Sequence[dict[str, Any]]
) -> None:
    """Raise UnequalError unless the rules and the code by hand agree on every record."""
    bits = {r.name: 1 << i for i, r in enumerate(program.rules)}
    plain = _plain_records(program)
    for body in invoices:
        [run], [record] = _open_runs(program, [body]), plain([body])
        expected_bits = 0
        for rule, _ in failures(record):
            expected_bits |= bits[rule]
        with decimal.localcontext(CONTEXT):
            if checks.bits(run) != (expected_bits, 0):
                message = f"the rules and the code by hand differ on {body['number']}"
                raise UnequalError(message)


def ruleset_seconds(text: str, rules: int) -> float:
    """Return the processor seconds from the text to the first judged record."""
    [body] = draw_invoices(1)
    begin = time.process_time()
    program = compile_program(text)
    outcome = program.evaluate(Subject(KIND, "shop", body, 1), _FACTS, _WORLD, NOW)
    seconds = time.process_time() - begin
    checked_rules = {v.rule for v in outcome.verdicts if v.kind == "check"}
    if len(checked_rules) != rules:
        message = f"{len(checked_rules)} of {rules} checks were asked"
        raise UnequalError(message)
    return seconds


def thousand_checks(rules: int) -> str:
    """Return a rule file with this many checks, every second on each line, and one route."""
    return repeat_checks((_LINE_CHECK, _HEAD_CHECK), rules)


def repeat_checks(shapes: Sequence[str], rules: int) -> str:
    """Return a rule file with this many checks, the shapes in turn, and one route."""
    declared = FILE.read_text("utf-8").split("\ncheck ", 1)[0]
    checks = [shapes[(n - 1) % len(shapes)].format(n=n) for n in range(1, rules + 1)]
    return "\n".join([declared, *checks, _POST])


def failures(invoice: Mapping[str, Any]) -> list[tuple[str, int | None]]:  # noqa: C901
    """Return the rules that an invoice fails, with the line number; `tin` may be None."""
    failed: list[tuple[str, int | None]] = []
    parts = invoice["subtotal"] + invoice["tax_total"] + invoice["shipping"]
    if parts + invoice["round_off"] != invoice["total"]:
        failed.append(("total_adds", None))
    if sum(line["net"] for line in invoice["lines"]) != invoice["subtotal"]:
        failed.append(("lines_add", None))
    if sum(line["tax"] for line in invoice["lines"]) != invoice["tax_total"]:
        failed.append(("taxes_add", None))
    if invoice["paid"] != invoice["total"]:
        failed.append(("paid_in_full", None))
    if abs(invoice["round_off"]) > MOST_ROUNDING:
        failed.append(("rounded_a_little", None))
    if invoice["due_on"] < invoice["issued_on"]:
        failed.append(("due_later", None))
    if invoice["issued_on"] < FIRST_DAY:
        failed.append(("this_year", None))
    if invoice["billed_in"] not in CURRENCIES:
        failed.append(("known_currency", None))
    if invoice["shipping"] < NOTHING or invoice["shipping"] > MOST_SHIPPING:
        failed.append(("shipped_cheaply", None))
    if invoice["total"] > NAMED_FROM and invoice["tin"] is None:
        failed.append(("large_buyer_named", None))
    for number, line in enumerate(invoice["lines"], start=1):
        failed += [(rule, number) for rule in failures_of_line(line, invoice["total"])]
    return failed


def failures_of_line(line: Mapping[str, Any], total: Decimal) -> list[str]:  # noqa: C901 - rule by rule
    """Return the rules that a line fails."""
    failed: list[str] = []
    if line["qty"] <= 0:
        failed.append("some_quantity")
    if line["qty"] > MOST_PIECES:
        failed.append("no_bulk")
    if line["qty"] != line["qty"].to_integral_value():
        failed.append("whole_pieces")
    if line["price"] <= NOTHING:
        failed.append("some_price")
    if line["price"] > MOST_PRICE:
        failed.append("sane_price")
    if line["discount"] < NOTHING:
        failed.append("no_negative_discount")
    if line["discount"] > line["qty"] * line["price"]:
        failed.append("discount_below_price")
    net = line["qty"] * line["price"] - line["discount"]
    if line["net"] != net.quantize(SEN, ROUND_HALF_UP):
        failed.append("net_is_right")
    if line["rate"] not in RATES:
        failed.append("known_rate")
    if line["tax"] != (line["net"] * line["rate"]).quantize(SEN, ROUND_HALF_UP):
        failed.append("tax_is_right")
    if line["gross"] != line["net"] + line["tax"]:
        failed.append("gross_is_right")
    if line["tax"] > line["net"]:
        failed.append("tax_below_net")
    if line["net"] > total:
        failed.append("below_total")
    if line["uom"] not in UNITS:
        failed.append("known_unit")
    if line["account"] not in ACCOUNTS:
        failed.append("known_account")
    if line["sku"] == "" or line["name"] == "":
        failed.append("named_article")
    if line["weight"] <= 0:
        failed.append("some_weight")
    if line["uom"] == "CTN" and line["weight"] * line["qty"] > MOST_WEIGHT:
        failed.append("light_parcel")
    if line["rate"] == NOTHING and line["tax"] != NOTHING:
        failed.append("free_of_tax")
    if line["pos"] < 1 or line["pos"] > LAST_LINE:
        failed.append("numbered_line")
    return failed


class Zen:
    """The thirty rules in zen-engine."""

    def __init__(self, module: Any) -> None:
        rules = {**_HEAD, **{name: f"all(lines, {text})" for name, text in _LINE.items()}}
        expressions = [{"id": k, "key": k, "value": v} for k, v in rules.items()]
        nodes = [
            {"id": "in", "name": "in", "type": "inputNode"},
            {
                "id": "rules",
                "name": "rules",
                "type": "expressionNode",
                "content": {"expressions": expressions},
            },
            {"id": "out", "name": "out", "type": "outputNode"},
        ]
        edges = [
            {"id": "1", "sourceId": "in", "targetId": "rules", "type": "edge"},
            {"id": "2", "sourceId": "rules", "targetId": "out", "type": "edge"},
        ]
        content = json.dumps({"nodes": nodes, "edges": edges})
        self._decision = module.ZenEngine().create_decision(content)

    @staticmethod
    def installed() -> Zen | None:
        """Return the rival, or None if zen-engine is not installed."""
        try:
            return Zen(importlib.import_module("zen"))
        except ModuleNotFoundError:
            return None

    def failures(self, invoice: Mapping[str, Any]) -> set[str]:
        """Return the rules that an invoice in sen fails."""
        answers = self._decision.evaluate(invoice)["result"]
        return {name for name, passed in answers.items() if not passed}


def draw_invoices(count: int, seed: int = SEED) -> Iterator[dict[str, Any]]:
    """Yield this many invoices; equal seeds give equal invoices."""
    dice = Random(seed)  # noqa: S311 - sample data, not a secret
    for number in range(1, count + 1):
        lines = [_line(dice, pos) for pos in range(1, LINES + 1)]
        net, tax = (sum(Decimal(row[f]) for row in lines) for f in ("net", "tax"))
        shipping = Decimal(dice.randrange(0, 20_000)) / 100
        total = net + tax + shipping
        body: dict[str, Any] = {
            "number": f"IV-{number}",
            "status": "paid",
            "issued_on": f"2026-{dice.randrange(1, 13):02}-{dice.randrange(1, 29):02}",
            "due_on": "2026-12-31",
            "customer": f"C-{dice.randrange(900)}",
            "billed_in": dice.choice(("MYR", "SGD", "USD")),
            "tin": "C25845632020" if dice.random() < 0.9 else None,
            "subtotal": f"{net:.2f}",
            "tax_total": f"{tax:.2f}",
            "shipping": f"{shipping:.2f}",
            "round_off": "0.00",
            "total": f"{total:.2f}",
            "paid": f"{total:.2f}",
            "lines": lines,
        }
        if dice.random() < 0.06:
            body.update([dice.choice(_WRONG)])
        if dice.random() < 0.06:
            dice.choice(lines).update([dice.choice(_WRONG_LINE)])
        yield body


def _line(dice: Random, pos: int) -> dict[str, Any]:
    qty, price = dice.randrange(1, 40), Decimal(dice.randrange(100, 90_000)) / 100
    discount = Decimal(dice.randrange(0, 100)) / 100
    net = qty * price - discount
    rate = dice.choice(("0.00", "0.06", "0.10"))
    tax = _half_up(net * Decimal(rate))
    return {
        "pos": pos,
        "sku": f"SKU-{dice.randrange(5000)}",
        "name": f"Article {dice.randrange(5000)}",
        "uom": dice.choice(("PCS", "BOX", "CTN")),
        "qty": str(qty),
        "price": f"{price:.2f}",
        "discount": f"{discount:.2f}",
        "net": f"{net:.2f}",
        "rate": rate,
        "tax": f"{tax:.2f}",
        "gross": f"{net + tax:.2f}",
        "weight": f"{dice.randrange(1, 120) / 10:.1f}",
        "account": dice.choice(("40000", "41000", "42000")),
    }


def _half_up(value: Decimal) -> Decimal:
    return (value * 100 + Decimal("0.5")).__floor__() / Decimal(100)


def convert_to_cents(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an invoice in whole sen, tenths of weight, percents and day numbers."""
    money = ("subtotal", "tax_total", "shipping", "round_off", "total", "paid")
    return {
        **{k: body[k] for k in ("billed_in", "tin")},
        **{k: _sen(body[k]) for k in money},
        **{k: date.fromisoformat(body[k]).toordinal() for k in ("issued_on", "due_on")},
        "lines": [_cents_of_line(row) for row in body["lines"]],
    }


def _sen(text: str) -> int:
    return round(Decimal(text) * 100)


def _cents_of_line(row: Mapping[str, Any]) -> dict[str, Any]:
    money = ("price", "discount", "net", "tax", "gross")
    return {
        **{k: row[k] for k in ("sku", "name", "uom", "account")},
        **{k: _sen(row[k]) for k in money},
        "pos": int(row["pos"]),
        "qty": float(row["qty"]) if "." in row["qty"] else int(row["qty"]),
        "rate": round(Decimal(row["rate"]) * 100),
        "weight": round(Decimal(row["weight"]) * 10),
    }
