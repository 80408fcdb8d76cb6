"""The reference page of every target says what it declares, and says all of it."""

import json
import re
import runpy
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.contract.targets import Readable, Searchable, TellsItems
from connectors.kit.preflight import Meanings
from portal.rule_tools import target_reference

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "targets"
MADE = runpy.run_path(str(ROOT / "tools" / "target_pages.py"))
TARGETS = registry.targets()
EVERY = pytest.mark.parametrize("name", sorted(TARGETS))
Run = Callable[..., int]


def told(name: str) -> dict[str, str]:
    return {fact.name: fact.says for fact in target_reference.facts(TARGETS[name])}


def test_every_target_has_its_page_and_each_is_current() -> None:
    there = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.md")}
    assert there == MADE["pages"](), "run: python tools/target_pages.py"


def test_the_pages_hold_every_field_that_the_checker_knows() -> None:
    documents, _ = registry.schemas()
    assert len(documents) > 20
    for document in documents:
        text = (FOLDER / f"{document.target}.md").read_text("utf-8")
        part = text.partition(f": `{document.name}`\n")[2].partition("\n## ")[0]
        rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", part, re.M)
        fields = (*document.header, *document.lines)
        assert [row[0] for row in rows] == [field.name for field in fields], document.name
        for row, field in zip(rows, fields, strict=True):
            longest = re.search(r"at most (\d+) characters", row[1])
            assert (int(longest[1]) if longest else None) == field.max_length
            assert (row[2] == "required") == field.required
            assert ("nothing posts it" in part) != document.connected


@EVERY
def test_every_field_says_in_a_sentence_what_it_means(name: str) -> None:
    documents = [*TARGETS[name].documents, *registry.unposted(name)]
    fields = [(d.name, f) for d in documents for f in (*d.header, *d.lines)]
    wrong = [
        f"{document}.{field.name}: {field.meaning}"
        for document, field in fields
        if not re.fullmatch(r"[A-Z].{8,}\.", field.meaning)
    ]
    assert wrong == []


@EVERY
def test_no_sentence_is_left_over(name: str) -> None:
    module = f"connectors.targets.{name}.field_meanings"
    if not (ROOT / (module.replace(".", "/") + ".py")).exists():
        return
    given: Meanings = import_module(module).MEANINGS
    documents = [*TARGETS[name].documents, *registry.unposted(name)]
    apart = set(given.apart)
    head = {f.name for d in documents for f in d.header if f"{d.name}.{f.name}" not in apart}
    line = {f.name for d in documents for f in d.lines if f"{d.name}.{f.name}" not in apart}
    assert given.header.keys() <= head
    assert given.lines.keys() <= line
    assert apart <= {f"{d.name}.{f.name}" for d in documents for f in (*d.header, *d.lines)}


def test_a_field_without_a_meaning_cannot_be_declared() -> None:
    schema = next(iter(TARGETS["aiaccount"].documents))
    strange = replace(schema, header=(*schema.header, FieldSchema(name="Colour")))
    with pytest.raises(KeyError, match="Colour"):
        Meanings(header={field.name: field.meaning for field in schema.header}).on(strange)


@EVERY
def test_what_it_declares_of_its_books_is_what_it_does(name: str) -> None:
    target = TARGETS[name]
    tells, asked = target.form.tells, {one.name: one for one in target.form.settings}
    assert tells is not None
    assert tells.units == isinstance(target, TellsItems)
    assert (tells.closing_date == "entered") == ("locked_through" in asked)
    assert (tells.stock, tells.periods) == (False, False), "no call of the contract asks for them"


@EVERY
def test_the_facts_are_those_of_the_declaration(name: str) -> None:
    target, says = TARGETS[name], told(name)
    limits = target.file_limits
    numbers = {
        int(one.replace(",", "")) for one in re.findall(r"[\d,]*\d", says["Limits of a batch"])
    }
    assert numbers == {n for n in (limits.documents, limits.rows, limits.bytes) if n} - {1}
    assert says["Documents typed by hand"].startswith("They are found") == isinstance(
        target, Searchable
    )
    assert bool(re.search(r"again, \S+ in a call", says["Posted documents"])) == isinstance(
        target, Readable
    )
    assert says["Units"].startswith("How") == isinstance(target, TellsItems)
    assert target.form.e_invoices
    assert all(one in says["E-invoices"] for one in target.form.e_invoices.says)
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    assert all(f"| {fact} | {said} |" in text for fact, said in says.items())


def test_what_differs_between_two_targets_differs_on_their_pages() -> None:
    assert "number and customer" in told("aiaccount")["Second documents"]
    assert "By the key" not in told("aiaccount")["Second documents"]
    assert "by the key" in told("quickbooks")["Second documents"]
    assert told("autocount_excel")["Look-up"].startswith("Documents cannot be looked up")
    assert told("autocount_aotg")["Look-up"].endswith("after 86,400 seconds.")
    assert "rounding_mode" in told("aiaccount")["Rounding"]
    assert told("quickbooks")["Lists"] == (
        "Accounts, tax codes, payment methods and payment terms, read by the connection test. "
        "Customers, suppliers, items, unpaid invoices and unpaid bills, read on a plan of the"
        " connection."
    )
    assert "on a plan" not in told("aiaccount")["Lists"]
    whole = "Customers and suppliers, read on a plan of the connection."
    assert told("autocount")["Lists"] == whole
    assert told("autocount_excel")["Lists"].startswith("It lists no codes")
    uploaded = " can be uploaded, with its day; what was posted with counts as known."
    assert told("aiaccount")["Not listed"] == (
        "Customers, suppliers, items, payment methods, unpaid invoices and unpaid bills. A list of"
        " customers,"
        " suppliers, items, unpaid invoices and unpaid bills" + uploaded
    )
    assert any("left to pay" in one for one in TARGETS["autocount"].form.cannot)
    assert told("autocount")["Not listed"].endswith("is asked for by its code.")
    assert told("autocount_aotg")["Not listed"] == "Accounts, tax codes and currencies."
    assert "customers" not in told("quickbooks").get("Not listed", "")
    assert told("quickbooks")["Parties"]
    assert "allows it" in told("quickbooks")["Key"]


def test_the_language_leads_to_every_page() -> None:
    language = (ROOT / "docs" / "rules" / "language.md").read_text("utf-8")
    assert [name for name in TARGETS if f"(../targets/{name}.md)" not in language] == []


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_the_command_line_prints_the_same(
    terminal: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal("explain", "--targets", "autocount_aotg") == 0
    page = printed(capsys)
    head, _, rest = page.partition("\n\n")
    assert (FOLDER / "autocount_aotg.md").read_text() == f"{head}\n\n{MADE['MADE']}\n\n{rest}"
    assert terminal("explain", "--targets") == 0
    every = printed(capsys)
    assert page in every
    assert every.count("\n## What is known of it\n") == len(TARGETS)


def test_the_command_line_prints_it_for_programs(
    terminal: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal("explain", "--json", "--targets") == 0
    given: list[dict[str, Any]] = json.loads(printed(capsys))["targets"]
    shown = {
        (one["target"], document["document"], field["name"], field["meaning"], document["posted"])
        for one in given
        for document in one["documents"]
        for field in (*document["fields"], *document["lines"])
    }
    documents: tuple[DocumentSchema, ...] = registry.schemas()[0]
    assert shown == {
        (d.target, d.name, f.name, f.meaning, d.connected)
        for d in documents
        for f in (*d.header, *d.lines)
    }


def test_a_target_that_nobody_knows_is_usage(
    terminal: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal("explain", "--targets", "sage") == 2
    assert "Known: aiaccount, autocount" in capsys.readouterr().err
    assert terminal("explain") == 2
    assert "--targets" in capsys.readouterr().err
    assert terminal("explain", "--targets", "aiaccount", "--html") == 2
