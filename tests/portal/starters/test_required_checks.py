"""Every template holds what the list of required checks names: one broken record for each check.

The record is a sample of the template itself. What the broken one is held for beyond the sample
must have the code of the check.
"""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from functools import cache, partial
from typing import Any, get_args

import pytest

from grammar import nodes
from grammar.parsing.parser import parse
from grammar.text.finding_codes import ErrorClass
from holding.programs.known_schemas import schemas
from portal.starters.pairs import PAYMENT_DAYS, PAYMENTS, names, read_template
from rules.outcomes import Decision, Finding
from rules.program import Program, compile_ruleset
from rules.testing.test_steps import ClosedWorld
from rules.types.symbol_table import Index

TEMPLATES = names()
LIMIT = "10000.00"
GENERAL = "EI00000000010"
Body = dict[str, Any]
Break = Callable[[Body], None]


@dataclass(frozen=True)
class Template:
    """A template, compiled, with a sample of each kind of record that it posts."""

    index: Index
    program: Program

    @property
    def samples(self) -> Iterator[nodes.Sample]:
        seen = set[str]()
        posted = {post.record for post in self.index.ruleset.posts}
        for sample in self.index.ruleset.samples:
            if sample.record in posted - seen:
                seen.add(sample.record)
                yield sample

    def fields(self, kind: str) -> dict[str, nodes.Field]:
        stored = self.index.fields[kind].values()
        return {field.name: field for field in stored if isinstance(field, nodes.Field)}

    def judge(self, sample: nodes.Sample, breaks: Break = lambda body: None) -> set[Finding]:
        """Return all findings about a sample, broken in this way."""
        decisions = self.decide(sample, breaks)
        return {finding for decision in decisions for finding in decision.findings}

    def is_ready(self, sample: nodes.Sample, breaks: Break) -> bool:
        """Check whether anything of it would be posted."""
        return any(one.state == "ready" for one in self.decide(sample, breaks))

    def decide(self, sample: nodes.Sample, breaks: Break) -> tuple[Decision, ...]:
        world = ClosedWorld(sample, self.index, self.program)
        world.body = deepcopy(world.body)
        breaks(world.body)
        if "+tin" in world.body:  # a template that looks the TIN of the buyer up
            tins, tin = world.seeds.maps.setdefault("buyer_tin", {}), world.body.pop("+tin")
            tins.pop(world.body["customer"], None)
            if tin:
                tins[world.body["customer"]] = tin
        now = sample.at.replace(tzinfo=world.zone).astimezone(UTC)
        outcome = self.program.evaluate(world.subject(), world.facts(now), world.world(), now)
        return outcome.decisions

    def added(self, sample: nodes.Sample, breaks: Break) -> set[tuple[str, str, str]]:
        """Return code, rule and owner of what is found beyond the sample as it is."""
        before, after = (
            {(one.code, one.rule, one.owner) for one in found}
            for found in (self.judge(sample), self.judge(sample, breaks))
        )
        return after - before


@cache
def template(name: str) -> Template:
    files = read_template(name)
    ruleset, problems = parse({p: t for p, t in files.items() if p.endswith(".rules")})
    assert problems == ()
    return Template(Index(ruleset), compile_ruleset(ruleset, hash="", schemas=schemas()))


def update(body: Body, changes: Body) -> None:
    body.update(changes)


def setting(name: str, value: object) -> Break:
    return lambda body: body.__setitem__(name, value)


def ahead(sample: nodes.Sample, field: nodes.Field) -> str:
    later = sample.at + timedelta(days=2)
    return f"{later.isoformat()}Z" if field.type == "moment" else later.date().isoformat()


def codes(found: set[tuple[str, str, str]]) -> set[str]:
    return {code for code, _, _ in found}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_date_ahead_is_held(name: str) -> None:
    tried = 0
    for sample in template(name).samples:
        for field in template(name).fields(sample.record).values():
            if field.mark == "dated" or field.name in PAYMENT_DAYS:
                tried += 1
                broken = setting(field.name, ahead(sample, field))
                found = template(name).added(sample, broken)
                assert "CHK01" in codes(found), (sample.record, field.name)
                assert any(field.name in checked(name, rule) for _, rule, _ in found)
    assert tried


def checked(name: str, rule: str) -> set[str]:
    """Return the names of the fields that a check requires something of."""
    checks = [one for one in template(name).index.ruleset.checks if one.name == rule]
    return {".".join(path) for one in checks for path in paths(one.requires)}


def paths(node: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(node, nodes.Name):
        yield node.path
    for part in node if isinstance(node, tuple) else nodes.inner(node):
        yield from paths(part)


WITH_TIN = [one for one in TEMPLATES if not one.startswith(("lazada", "shopee"))]


def tin_of(name: str, kind: str, tin: str) -> Break | None:
    """Return what gives a record this TIN; None where its kind has none."""
    if "tin" in template(name).fields(kind):
        return setting("tin", tin)
    return setting("+tin", tin) if "tin" in template(name).index.fields[kind] else None


@pytest.mark.parametrize("tin", ["C12", "N/A", "12345", "TIADA", "-", "C2233445566", "A01234567"])
@pytest.mark.parametrize("name", WITH_TIN)
def test_a_tin_of_another_form_is_held_at_any_amount(name: str, tin: str) -> None:
    tried = 0
    for sample in template(name).samples:
        broken = tin_of(name, sample.record, tin)
        if broken is not None:
            tried += 1
            found = template(name).added(sample, broken)
            rules = {rule for code, rule, _ in found if code == "CHK01"}
            assert rules & {f"{sample.record}_tin_form"}, (sample.record, found)
    assert tried


@pytest.mark.parametrize("name", WITH_TIN)
@pytest.mark.parametrize("tin", [GENERAL, ""])
def test_the_tax_desk_decides_at_exactly_the_limit(name: str, tin: str) -> None:
    """Sources disagree whether RM 10,000.00 itself needs a buyer: blank or general, it is held."""
    for sample in template(name).samples:
        if sample.record != "order":
            continue

        stored = "tin" in template(name).fields("order")
        rules = []
        for amount in (LIMIT, "9999.99"):
            changes = {"total": amount, "tin" if stored else "+tin": tin}
            found = template(name).judge(sample, partial(update, changes=changes))
            rules.append({one.rule for one in found if one.owner == "tax_desk"})
        assert rules[0] - rules[1]


@pytest.mark.parametrize(
    "text", ["NS-1\n2", "NS-1\r\n", "NS\t1", "NS-1\x07", "NS-1\u2028", "N\x85"]
)
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_number_with_a_control_character_is_held(name: str, text: str) -> None:
    for sample in template(name).samples:
        fields = template(name).fields(sample.record).values()
        key = next(field.name for field in fields if field.mark == "key")
        assert ("VAL01", key) in {
            (code, rule) for code, rule, _ in template(name).added(sample, setting(key, text))
        }


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_currency_that_is_no_code_is_held(name: str) -> None:
    for sample in template(name).samples:
        if "currency" in template(name).fields(sample.record):
            for text in ("RM", "myr", "Rm", "$"):
                found = template(name).added(sample, setting("currency", text))
                assert "VAL06" in codes(found)
                assert "home_currency" not in {rule for _, rule, _ in found}


@pytest.mark.parametrize("name", TEMPLATES)
def test_amounts_in_another_currency_are_never_ready(name: str) -> None:
    """Also where no rule of the template reads the currency, and where it names its own."""
    for sample in template(name).samples:
        found = template(name).added(sample, setting("currency", "SGD"))
        assert codes(found) & {"CHK01", "CUR01", "CUR02"}, sample.record
        assert not template(name).is_ready(sample, setting("currency", "SGD"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_negative_document_is_held(name: str) -> None:
    tried = 0
    for sample in template(name).samples:
        for total in ("total", "amount"):
            if total in template(name).fields(sample.record):
                tried += 1
                broken = setting(total, "-5.50")
                found = template(name).added(sample, broken)
                held = codes(found) & {"VAL03", "CHK01"}
                assert held or not template(name).is_ready(sample, broken), sample.record
    assert tried


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_payment_of_nothing_is_held(name: str) -> None:
    for sample in template(name).samples:
        if sample.record in PAYMENTS:
            broken = setting("amount", "0.00")
            rules = {rule for _, rule, _ in template(name).added(sample, broken)}
            assert "something_paid" in rules or not template(name).is_ready(sample, broken)


def worth(name: str, kind: str, factor: int) -> Break:
    """Multiply every amount of a record and of its lines."""
    lines = template(name).index.line_records.get(kind)
    of_lines = [
        field for field in (lines.fields if lines else ()) if isinstance(field, nodes.Field)
    ]
    fields = [*template(name).fields(kind).values(), *of_lines]
    amounts = {field.name for field in fields if field.type == "money"}

    def change(row: Body) -> None:
        for field, value in row.items():
            if field in amounts and value not in (None, ""):
                row[field] = str(Decimal(value) * factor)
            for inner in value if isinstance(value, list) else ():
                if isinstance(inner, dict):
                    change(inner)

    return change


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_document_of_negative_amounts_alone_is_held_with_a_value(name: str) -> None:
    """The total fits its lines, so that no check of the sums holds it."""
    tried = 0
    for sample in template(name).samples:
        if not {"total", "amount"} & {*template(name).fields(sample.record)}:
            continue
        tried += 1
        negative = worth(name, sample.record, -1)
        assert not template(name).is_ready(sample, negative), sample.record
        found = template(name).judge(sample, negative)
        assert any(re.search(r"-\d", one.message) for one in found), (sample.record, found)
    assert tried


OF_GOODS = {"order", "refund", "purchase", "arrival", "delivery"}
"""Kinds of records whose goods move also where they cost nothing."""


@pytest.mark.parametrize("name", TEMPLATES)
def test_only_goods_are_posted_for_nothing(name: str) -> None:
    """A free sample leaves the stock, so its document of 0.00 is right; money of 0.00 is none."""
    for sample in template(name).samples:
        nothing = worth(name, sample.record, 0)
        if sample.record not in OF_GOODS:
            assert not template(name).is_ready(sample, nothing), sample.record
            continue
        ready = [d for d in template(name).decide(sample, nothing) if d.state == "ready"]
        assert all(one.document is not None and not one.document.amount for one in ready)


@pytest.mark.parametrize("name", TEMPLATES)
def test_an_amount_without_a_quantity_is_held(name: str) -> None:
    for sample in template(name).samples:
        lines = template(name).index.line_records.get(sample.record)
        stored = [one for one in lines.fields if isinstance(one, nodes.Field)] if lines else []
        fields = {field.name for field in stored}
        posts = [p for p in template(name).index.ruleset.posts if p.record == sample.record]
        if not {"qty"} <= fields or all(post.bill is not None for post in posts):
            continue
        amount = next(one for one in ("discount", "amount", "") if one in fields or not one)
        if not amount or not sample.lines:
            continue

        def broken(body: Body, amount: str = amount) -> None:
            body["lines"][0] |= {"qty": "0", amount: "5.00"}

        found = template(name).added(sample, broken)
        assert "VAL07" in codes(found), sample.record
        assert not any(
            "divides by zero" in one.message for one in template(name).judge(sample, broken)
        )


@pytest.mark.parametrize("name", TEMPLATES)
def test_two_spellings_of_a_name_are_one_person(name: str) -> None:
    for check in template(name).index.ruleset.checks:
        for record in check.records:
            fields = template(name).fields(record.name)
            users = {field.name for field in fields.values() if field.type == "user"}
            named = {path[0] for path in paths(check.requires)} & users
            if len(named) < 2:
                continue
            [sample] = [one for one in template(name).samples if one.record == record.name]
            first, second = sorted(named)
            spellings = {first: "Mei-Ling Tan", second: "MEI LING TAN"}
            found = template(name).added(sample, partial(dict.update, **spellings))
            assert ("CHK01", check.name) in {(code, rule) for code, rule, _ in found}


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_constant_counts_from_the_first_day_of_the_e_invoice(name: str) -> None:
    """A document of an earlier year is not held for the want of an account code or a class."""
    for const in template(name).index.ruleset.consts:
        assert min(row.since for row in const.rows) <= date(2024, 8, 1), const.name


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_failed_call_has_a_team_of_the_template(name: str) -> None:
    ruleset = template(name).index.ruleset
    roles = {role.name for role in ruleset.roles}
    assert {retry.target for retry in ruleset.retries} == {one.name for one in ruleset.targets}
    for target in ruleset.targets:
        for error in get_args(ErrorClass):
            answer = template(name).program.retry(target.name, error, 99)
            assert answer is not None
            assert answer.role in {*roles, None}, (target.name, error)
            assert answer.role or answer.kind == "look_up", (target.name, error)


NUMBERS = {"number", "order_number", "document_number"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_field_that_repeats_a_number_holds_none_that_the_target_takes(name: str) -> None:
    """A field shorter than the number there would hold a document that AutoCount would take."""
    for post in template(name).index.ruleset.posts:
        [schema] = [
            one
            for one in schemas().documents
            if (one.target, one.name) == (post.route.target, post.route.document)
        ]
        shortest = {
            field.name: field.max_length
            for field in schema.header
            if field.max_length and field.max_length < schema.number_max and not field.shortened
        }
        for assign in post.fields:
            if {path[0] for path in paths(assign.expr)} & NUMBERS:
                assert assign.name not in shortest, post.route
