"""What the command line uses: entries from files, one record tried, the trace as lines."""

from decimal import Decimal

from grammar.parsing.parser import parse
from rules.facts import load_seeds
from rules.outcomes import trace_lines
from rules.program import hash_files
from rules.testing.runner import kinds_of, try_record
from tests.rules.kedai import INVOICE, NOW, TEXT, decision, judge, order, program_of

SOURCES = {"kedai.rules": TEXT}
RULES = parse(SOURCES)[0]
DEBTORS = "customer,tin,debtor\nC-77,IG115002000,300-C077\nC-78,,300-C078\n"
FILES = {
    "rules/maps/debtors.csv": DEBTORS,
    "maps/items.csv": "\ufeffsku,item\nTEA-1,TEA-1\nCUP-4,CUP-4\n",
    "maps/suppliers.csv": "blogger,supplier\n",
}


def test_entries_come_from_rows_and_files() -> None:
    found = load_seeds(RULES, FILES)
    assert found.problems == []
    assert found.maps["debtor"] == {"C-77": "300-C077", "C-78": "300-C078"}
    assert found.maps["debtor_of_tin"] == {"IG115002000": "300-C077"}
    assert found.maps["item"] == {"TEA-1": "TEA-1", "CUP-4": "CUP-4"}
    assert found.maps["tax_rate"] == {"SST": "10%", "NONE": "0%"}
    assert found.units == {"BOX": (12, 1, "PCS"), "CTN": (4, 1, "BOX"), "CTN|TEA-1": (40, 1, "PCS")}


def test_a_file_that_is_not_right_is_told_with_its_line() -> None:
    twice = {**FILES, "maps/items.csv": "sku,item\nA,1\nA,2\n"}
    assert "maps/items.csv:3" in load_seeds(RULES, twice).problems[0].message
    column = {**FILES, "maps/items.csv": "sku,thing\nA,1\n"}
    assert [p.code for p in load_seeds(RULES, column).problems] == ["MAP11"]
    assert [p.code for p in load_seeds(RULES, {}).problems] == ["MAP10"] * 4


def test_a_record_is_tried_on_files_alone() -> None:
    tried = try_record(RULES, SOURCES, files=FILES, body=order(), kind="order", now=NOW)
    assert tried.problems == ()
    assert decision(tried.outcome).state == "ready"
    assert tried.program.hash == hash_files(SOURCES)
    assert kinds_of(RULES) == ("order", "settlement")


def test_the_trace_shows_the_rule_line_and_its_operands() -> None:
    body = order(total="248.71")
    said = trace_lines(judge(body), SOURCES)
    hit = next(t for t in said if t.result == "hit" and t.route == INVOICE)
    assert hit.source == "and      subtotal + tax_total + round_off = total"
    assert hit.operands == (
        ("subtotal", "229.50"),
        ("tax_total", "19.20"),
        ("round_off", "0.00"),
        ("total", "248.71"),
    )
    assert hit.where == f"kedai.rules:{hit.line}:{hit.column}"
    assert TEXT.splitlines()[hit.line - 1][hit.column - 1 :].startswith("subtotal + tax_total")
    assert all(t.source for t in said)


def test_the_hash_is_of_texts_and_paths_in_any_order() -> None:
    one = hash_files({"a": "1", "b": "2"})
    assert one == hash_files({"b": "2", "a": "1"})
    assert one != hash_files({"a": "2", "b": "1"})


def test_a_program_tells_its_routes() -> None:
    program = program_of()
    assert program.records == ("order", "settlement")
    first = program.routes[0]
    assert (first.record, first.source, first.name, first.timing) == (
        "order",
        "netshop",
        INVOICE,
        "daily",
    )
    assert str(first.at) == "02:00:00"
    assert program.routes[1].after == INVOICE
    assert program.roles == ("accounts", "counter", "tax_desk", "systems")
    assert Decimal("0.1") == RULES.maps[5].rows[0].value.value
