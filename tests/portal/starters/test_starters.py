"""Every rule set that `clearpost init` begins with is clean, tested, and answers all exceptions."""

from pathlib import Path

import pytest

from connectors import registry
from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from holding.programs.known_schemas import schemas
from portal.rule_tools.explain_commands import TEMPLATE_NAMES, TEMPLATES
from portal.rule_tools.rule_files import coverage_risks, examine, read_files
from portal.starters.pairs import pair_of, read_template, write_template
from rules.program import compile_ruleset, hash_files
from rules.testing.runner import run_tests

DEMO = "netshop-aiaccount"
"""What the demo runs: it leaves what nothing carries out yet to the built-in answers."""
DEMO_PAIR = "workbook-aiaccount"
REFUNDS = "netshop-aiaccount-refunds"
GOODS = "orders-autocount"
"""It comes into force without the file of what AutoCount's cloud interface does not take."""


def test_all_starters_are_here() -> None:
    assert TEMPLATE_NAMES == [
        "lazada-autocount",
        "netshop-aiaccount",
        "netshop-aiaccount-daily",
        "netshop-aiaccount-refunds",
        "netshop-autocount",
        "netshop-autocount-aotg",
        "netshop-autocount-excel",
        "orders-autocount",
        "orders-quickbooks",
        "settlements-aiaccount",
        "shopee-autocount",
        "shopify-aiaccount",
        "shopify-autocount",
        "shopify-quickbooks",
        "woocommerce-aiaccount",
        "woocommerce-quickbooks",
        "workbook-aiaccount",
        "workbook-autocount",
        "workbook-autocount-aotg",
        "workbook-autocount-excel",
        "workbook-quickbooks",
    ]


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_a_starter_begins_clean_and_answers_every_exception(name: str, tmp_path: Path) -> None:
    write_template(name, tmp_path)
    files = read_files([tmp_path])
    ruleset, problems = examine(files, in_force=name != GOODS)
    assert problems == ()
    assert name in (DEMO, DEMO_PAIR) or coverage_risks(ruleset) == ()
    assert [file for file, text in files.rules.items() if format_text(text, file) != text] == []
    program = compile_ruleset(ruleset, hash=hash_files(files.rules), schemas=schemas())
    report = run_tests(ruleset, program)
    assert [result.title for result in report.failed] == []
    assert len(report.results) > 25


def test_refunds_are_added_to_the_rules_of_the_demo_and_change_nothing_else() -> None:
    """Two templates for one way: what is not about refunds is the same in both."""
    files, plain = (
        {path: text for path, text in read_template(name).items() if path.endswith(".rules")}
        for name in (REFUNDS, DEMO)
    )
    assert {name: text == files[name] for name, text in plain.items()} == {
        "changes.rules": False,
        "clearing.rules": False,
        "names.rules": True,
        "shop.rules": False,
        "orders_test.rules": False,
        "posting.rules": True,
        "required.rules": False,
    }
    gate, check = "gate order\n", "check one_debtor"
    mine, theirs = (text["clearing.rules"].partition(check)[2] for text in (files, plain))
    assert mine == theirs
    assert gate in files["clearing.rules"]
    lines = set(files["shop.rules"].splitlines())
    assert set(plain["shop.rules"].splitlines()) <= lines


def test_what_no_connector_carries_out_stands_in_one_file() -> None:
    _, problems = examine(read_files([TEMPLATES / GOODS]), in_force=True)
    assert {problem.code for problem in problems} == {"SYN40"}
    assert {Path(problem.span.file).name for problem in problems} == {"goods.rules"}


def is_pair_of_a_source(name: str) -> bool:
    """Return whether a template is another one with another source, and nothing more."""
    pair = pair_of(name)
    return pair is not None and bool(pair.source) and not pair.target


@pytest.mark.parametrize("name", [one for one in TEMPLATE_NAMES if is_pair_of_a_source(one)])
def test_a_pair_is_two_lines_and_has_the_source_it_names(name: str) -> None:
    lines = (TEMPLATES / name / "pair.toml").read_text("utf-8").splitlines()
    assert (len(lines), [one.name for one in (TEMPLATES / name).iterdir()]) == (2, ["pair.toml"])
    text = "\n".join(read_template(name).values())
    assert "source workbook" in text
    assert not {"source netshop", "from netshop", "from intake", "NetShop"} & set(text.split("\n"))
    assert "NetShop" not in text


def test_a_workbook_has_a_template_for_every_target() -> None:
    targets = {
        target.name
        for name in TEMPLATE_NAMES
        if name.startswith("workbook-")
        for target in parse({p: t for p, t in read_template(name).items() if p.endswith(".rules")})[
            0
        ].targets
    }
    assert targets == set(registry.targets())


@pytest.mark.parametrize("name", ["shopify-quickbooks", "shopify-aiaccount"])
def test_what_a_shop_says_is_read_from_one_place_for_every_target(name: str) -> None:
    """Records, checks and what happens on an edit are those of the first template of the shop."""
    first, other = read_template("shopify-autocount"), read_template(name)
    own = {path.relative_to(TEMPLATES / name).as_posix() for path in (TEMPLATES / name).rglob("*")}
    shared = {path for path in other if path not in own}
    assert {"shop.rules", "clearing.rules", "changes.rules", "names.rules"} <= shared
    assert other["shop.rules"] == first["shop.rules"]
    assert not [path for path in other if "autocount" in other[path].casefold()]


@pytest.mark.parametrize("name", [one for one in TEMPLATE_NAMES if one.startswith("workbook-")])
def test_a_workbook_template_knows_the_status_words_of_the_exports(name: str) -> None:
    rules = {path: text for path, text in read_template(name).items() if path.endswith(".rules")}
    ruleset, problems = parse(rules)
    assert not problems
    order = next(one for one in ruleset.records if one.name == "order")
    status = next(one for one in order.fields if one.name == "status")
    meanings = {
        word.casefold(): state.name
        for state in status.states
        for word in (state.name, *state.aliases)
    }
    assert meanings["on-hold"] in ("pending", "unpaid")
    assert {meanings[word] for word in ("processing", "to ship", "shipping", "shipped")} == {"paid"}
    assert meanings["completed"] == meanings["confirmed"] == "delivered"
    assert meanings["canceled"] == meanings["cancelled"] == meanings["failed"] == "cancelled"
