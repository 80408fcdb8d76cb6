"""Rules by lot: well-formed programs over the tea seller's records, and records with holes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from typing import Any

from grammar import nodes
from grammar.parsing.parser import parse
from grammar.text.problem import Span
from rules.facts import Facts, PostingFact, TargetState, World
from rules.values.canonical import PostingState
from tests.rules.kedai import INVOICE, NOW, TEXT, entries, line, order, world

AT = Span("lot.rules", 1, 1, 1, 2)
HEAD_NUMBERS = ("subtotal", "tax_total", "round_off", "total", "second_look")
LINE_NUMBERS = ("pos", "qty", "price", "discount", "pieces", "amount", "tax_due")
LINE_TEXTS = ("sku", "name", "uom", "tax")
AMOUNTS = ("0", "1.00", "2", "2.00", "0.01", "100.00", "-1", "3000.00")
HOSTILE = '__import__("os").abort() #\n"""\\'
TEXTS = ("C-77", "TEA-1", "SST", "CTN", "IG115002000", "", HOSTILE)


@cache
def base() -> nodes.Ruleset:
    """The orders of the tea seller."""
    found, problems = parse({"kedai.rules": TEXT})
    assert problems == ()
    orders = {"order", "order_line"}
    first, second = (p for p in found.posts if p.record == "order")
    kept = ("LineNo", "SKU", "Quantity", "TaxAmount", "LineTotal")
    lines = tuple(a for a in first.line_fields if a.name in kept)
    return replace(
        found,
        records=tuple(r for r in found.records if r.name in orders),
        gates=tuple(g for g in found.gates if g.record == "order"),
        posts=(replace(first, line_fields=lines), second),
        duplicates=found.duplicates[:1],
        samples=(),
        tests=(),
    )


class Lot:
    """Draws expressions: `line` says whether there is a line, `item` whether inside `where`."""

    def __init__(self, dice: Random) -> None:
        self.dice = dice
        self.calm = dice.random() < 0.4  # records that are fine, and rules that mostly pass

    def one(self, *ways: Any) -> Any:
        return self.dice.choice(ways)

    def either(self, *ways: nodes.Expr) -> nodes.Expr:
        return self.dice.choice(ways)

    def name(self, text: str) -> nodes.Name:
        return nodes.Name(tuple(text.split(".")), AT)

    def call(self, name: str, *args: nodes.Expr, where: nodes.Expr | None = None) -> nodes.Call:
        return nodes.Call(name, args, where, AT)

    def literal(self, kind: str, value: Any) -> nodes.Literal:
        return nodes.Literal(kind, value, AT)

    def field(self, head: tuple[str, ...], rows: tuple[str, ...], place: str) -> nodes.Name:
        if place == "item":
            return self.name(self.dice.choice(rows))
        if place == "line" and self.dice.random() < 0.7:
            return self.name(f"line.{self.dice.choice(rows)}")
        return self.name(self.dice.choice(head))

    def number(self, depth: int, place: str) -> nodes.Expr:
        if depth <= 0 or self.dice.random() < 0.25:
            if self.dice.random() < 0.3:
                return self.literal("number", Decimal(self.dice.choice(AMOUNTS)))
            return self.field(HEAD_NUMBERS, LINE_NUMBERS, place)
        way = self.dice.randrange(13)
        if way < 5:
            left, right = self.number(depth - 1, place), self.number(depth - 1, place)
            return nodes.Arith(self.dice.choice("+-*/+-*"), left, right, AT)
        inner = self.number(depth - 1, place)
        if way == 5:
            step = self.literal("number", Decimal(self.dice.choice(("0.01", "0.05", "1", "0.10"))))
            return self.call("round", inner, step)
        if way == 6:
            return nodes.Otherwise(inner, self.number(depth - 1, place), AT)
        if way == 7:
            return self.call(self.one("min", "max"), inner, self.number(depth - 1, place))
        if way == 8:
            return self.either(self.call("abs", inner), nodes.Negative(inner, AT))
        if way == 9:
            return self.call("tax_rate", self.text(depth - 1, place))
        if way == 10 and place != "item":
            return self.listed(depth, place)
        unit, item = self.text(0, place), self.text(0, place)
        return self.call(self.one("in_base", "price_in_base"), inner, unit, item)

    def listed(self, depth: int, place: str) -> nodes.Expr:
        where = self.yesno(depth - 2, "item") if self.dice.random() < 0.6 else None
        if where is not None and place == "line" and self.dice.random() < 0.5:
            where = nodes.Compare(self.name("pos"), self.one("=", "<="), self.name("line.pos"), AT)
        if self.dice.random() < 0.4:
            return self.call("count", self.name("lines"), where=where)
        field = self.dice.choice(LINE_NUMBERS)
        return self.call(self.one("sum", "sum", "latest"), self.name(f"lines.{field}"), where=where)

    def text(self, depth: int, place: str) -> nodes.Expr:
        if depth <= 0 or self.dice.random() < 0.5:
            if self.dice.random() < 0.2:
                return self.literal("text", self.dice.choice(TEXTS))
            return self.field(("number", "customer", "tin", "address"), LINE_TEXTS, place)
        inner = self.text(depth - 1, place)
        if self.dice.random() < 0.2:
            return self.call(
                "text", self.either(self.number(depth - 1, place), self.day(depth - 1))
            )
        maps = ("debtor", "debtor_of_tin", "item", "tax_code", "words")
        if self.dice.random() < 0.3:
            return nodes.Otherwise(inner, self.text(depth - 1, place), AT)
        return self.call(self.dice.choice(maps), inner)

    def day(self, depth: int) -> nodes.Expr:
        way = self.dice.randrange(5)
        if way == 0:
            return self.literal("date", date(2026, 11, self.dice.randrange(15, 22)))
        if way == 1 and depth > 0:
            days = self.literal("duration", timedelta(days=self.dice.randrange(40)))
            return nodes.Arith(self.one("+", "-"), self.day(depth - 1), days, AT)
        if way == 2:
            return self.call("date_of", self.name(self.one("paid_at", "first_seen")))
        return self.name(self.one("ordered_on", "today"))

    def yesno(self, depth: int, place: str) -> nodes.Expr:
        if depth <= 0:
            return self.compared(1, place)
        way = self.dice.randrange(10)
        if way < 4:
            parts = tuple(self.yesno(depth - 1, place) for _ in range(self.dice.randrange(2, 4)))
            return self.either(nodes.AllOf(parts, AT), nodes.AnyOf(parts, AT))
        if way == 4:
            return nodes.Not(self.yesno(depth - 1, place), AT)
        if way == 5:
            inner = self.one(self.number, self.text)(depth - 1, place)
            return self.either(nodes.Known(inner, AT), nodes.Absent(inner, AT))
        if way == 6 and place != "item":
            where = self.yesno(depth - 2, "item")
            return self.call(self.one("any", "all"), self.name("lines"), where=where)
        return self.compared(depth, place)

    def compared(self, depth: int, place: str) -> nodes.Expr:
        op = self.dice.choice(("=", "<>", "<", "<=", ">", ">="))
        way = self.dice.randrange(12)
        if way < 6:
            return nodes.Compare(self.number(depth, place), op, self.number(depth - 1, place), AT)
        if way == 6:
            words = tuple(self.literal("text", t) for t in self.dice.sample(TEXTS, 2))
            return nodes.Member(self.text(depth, place), words, AT)
        if way == 7:
            return nodes.Compare(self.day(depth), op, self.day(depth), AT)
        if way == 8 and place != "item":
            word = self.name(self.one("paid", "delivered", "pending"))
            return nodes.Compare(self.name("status"), self.one("=", "<>"), word, AT)
        if way == 9 and place != "item":
            return nodes.Compare(self.name("period"), "=", self.name("open"), AT)
        if way == 10:
            return self.call("is_whole", self.number(depth, place))
        left, right = self.text(depth, place), self.text(depth - 1, place)
        compared = nodes.Compare(left, self.one("=", "<>"), right, AT)
        return self.either(compared, self.call("is_tin", left))

    def check(self, number: int) -> nodes.Check:
        each = self.dice.random() < 0.5
        place = "line" if each else "head"
        route = base().posts[0].route if self.dice.random() < 0.2 else None
        when = self.yesno(self.dice.randrange(3), place) if self.dice.random() < 0.4 else None
        kind = self.one("hold", "hold", "warn", "reject") if not self.calm else "warn"
        clears = self.one("itself", "by", "never")
        return nodes.Check(
            name=f"c{number}",
            records=(nodes.Word("order", AT),),
            each_line=each,
            route=route,
            when=when,
            requires=tuple(
                self.required(self.yesno(self.dice.randrange(4), place))
                for _ in range(self.dice.randrange(1, 3))
            ),
            action=nodes.Action(kind, "accounts" if kind == "hold" else None, AT),
            say=nodes.Said(
                "{number} of {total}: {line.sku} is wrong." if each else "{number}: {total}.", AT
            ),
            clears=nodes.Clears(clears, "accounts" if clears == "by" else None, AT),
            span=AT,
        )

    def required(self, asked: nodes.Expr) -> nodes.Expr:
        """The same condition; of what is calm mostly one that passes whatever comes of it."""
        if not self.calm or self.dice.random() < 0.2:
            return asked
        above = nodes.Compare(self.name("total"), ">", self.literal("number", Decimal(0)), AT)
        return nodes.AnyOf((asked, above), AT)

    def ruleset(self) -> nodes.Ruleset:
        """A program: some checks, an approval, what is posted, and when."""
        found, first = base(), base().posts[0]
        changes: dict[str, Any] = {}
        if self.dice.random() < 0.5:
            changes["when"] = self.required(self.yesno(1, "head"))
        rows = self.assigned(first.line_fields)
        if self.dice.random() < 0.5:
            rounded = self.call("round", self.number(2, "line"), self.literal("number", Decimal(1)))
            extra = nodes.Assign("Extra", self.one(rounded, self.number(1, "line")), AT)
            rows = (*rows[:3], extra)
        changes |= {"fields": self.assigned(first.fields), "line_fields": rows}
        approval = replace(found.approvals[0], when=self.yesno(1, "head"))
        approved = self.dice.random() < (0.2 if self.calm else 0.6)
        return replace(
            found,
            records=tuple(replace(r, fields=self.computed(r.fields)) for r in found.records),
            gates=tuple(replace(g, rows=self.opened(g.rows)) for g in found.gates),
            checks=tuple(self.check(i) for i in range(self.dice.randrange(1, 5))),
            approvals=(approval,) if approved else (),
            posts=(replace(first, **changes), *found.posts[1 : self.one(1, 1, 2)]),
        )

    def assigned(self, fields: tuple[nodes.Assign, ...]) -> tuple[nodes.Assign, ...]:
        """The same fields; now and then another value stands in for what a map does not have."""

        def stood_in_for(assign: nodes.Assign) -> nodes.Assign:
            looks_up = isinstance(assign.expr, nodes.Call) and assign.expr.name in {
                "item",
                "debtor",
            }
            if not looks_up or self.dice.random() < 0.5:
                return assign
            return replace(assign, expr=nodes.Otherwise(assign.expr, self.text(1, "head"), AT))

        return tuple(map(stood_in_for, fields))

    def computed(self, fields: tuple[Any, ...]) -> tuple[Any, ...]:
        """The same of computed fields: a tax that no rate is known for."""

        def stood_in_for(field: Any) -> Any:
            if not isinstance(field, nodes.Computed) or field.name != "tax_due":
                return field
            if self.dice.random() < 0.5:
                return field
            other = self.call("round", self.number(1, "line"), self.literal("number", Decimal(1)))
            return replace(field, expr=nodes.Otherwise(field.expr, other, AT))

        return tuple(map(stood_in_for, fields))

    def opened(self, rows: tuple[nodes.GateRow, ...]) -> tuple[nodes.GateRow, ...]:
        """The same rows of a gate; some let a record go early."""
        early = self.dice.random() < 0.3
        return tuple(replace(row, early=early and row.word == "ready") for row in rows)

    # ---- what is judged -----------------------------------------------------------------------

    def hole(self, value: Any) -> Any:
        """Mostly the value; now and then nothing, or what no field can hold."""
        return value if self.dice.random() < 0.96 else self.one(None, "", "what?", 7, [])

    def body(self) -> dict[str, Any]:
        if self.calm:
            found = order(
                status=self.one(
                    "Paid", "Paid", "Paid", "Completed", "Completed", "cancelled", "draft"
                ),
                customer=self.one("C-77", "C-77", "C-404"),
                tin=self.one(None, "IG115002000"),
                address=self.one(None, "1, Jalan Ipoh"),
            )
            strange = self.one({}, {}, {"sku": "nothing", "uom": "PCS"}, {"tax": "WHAT"})
            return found | {"lines": [found["lines"][0], found["lines"][1] | strange]}
        body = order(
            status=self.one("Paid", "Paid", "Paid", "pending", "cancelled", "Nope"),
            lines=[self.line(i) for i in range(1, self.dice.randrange(1, 4))],
            tin=self.one(None, "IG115002000", HOSTILE),
            paid_at=self.one("2026-11-17T06:30:00Z", "2026-11-18T15:59:00Z", None),
        )
        if self.dice.random() < 0.5:
            body |= {k: self.dice.choice(AMOUNTS) for k in ("subtotal", "tax_total", "total")}
        return {k: self.hole(v) for k, v in body.items()}

    def line(self, pos: int) -> dict[str, Any]:
        row = line(
            pos=pos,
            sku=self.one("TEA-1", "CUP-4", "nothing"),
            uom=self.one("CTN", "PCS", "TIN"),
            qty=self.dice.choice(AMOUNTS),
            price=self.dice.choice(AMOUNTS),
            tax=self.one("SST", "NONE", "WHAT"),
            discount=self.one(None, "1.00", "0.01"),
        )
        return {k: self.hole(v) for k, v in row.items()}

    def facts(self) -> Facts:
        if self.calm and self.dice.random() < 0.7:
            return Facts(NOW, documents_of_family=self.one({}, {INVOICE: "NS-1"}))
        releases = {(INVOICE, r) for r in ("c0", "c1", "duplicates") if self.dice.random() < 0.3}
        posted = PostingFact(
            INVOICE, 1, PostingState.POSTED, "NS-1", 1, {"fields": {}, "lines": []}
        )
        return Facts(
            first_seen=NOW - timedelta(days=self.dice.randrange(3)),
            history={"dup:aiaccount.sales_invoice:order.0": ("NS-0",)}
            if self.dice.random() < 0.2
            else {},
            postings=(posted,) if self.dice.random() < 0.1 else (),
            releases=frozenset(releases),
            documents_of_family={INVOICE: "NS-1"} if self.dice.random() < 0.5 else {},
        )

    def world(self) -> World:
        known = self.calm or self.dice.random() < 0.8
        told = "" if self.calm else self.one("", "", "per_line", "at_the_end")
        targets = {"aiaccount": TargetState(known=known, rounding=told)}
        customer = "C-77" if self.calm else self.one("C-77", "C-78")
        debtors = {customer: "300-C077"}
        if self.dice.random() < 0.2:  # one key, two values
            debtors[customer.lower()] = self.one("300-C077", "300-C099")
        maps = {"debtor": entries(debtors)}
        if self.dice.random() < 0.2:  # a rate that nobody can read, and one that nobody told
            maps["tax_rate"] = entries(self.one({"SST": "ten"}, {"SST": "10%"}), 400)
        return world(targets=targets, maps=maps)

    def now(self) -> datetime:
        return NOW + timedelta(hours=self.dice.randrange(-6, 40))
