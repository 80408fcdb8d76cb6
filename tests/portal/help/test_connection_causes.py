"""Each way in which a connection test fails has a help page, and its line leads there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.contract.calls import NOT_RUN
from connectors.kit import calls
from connectors.sources.sql import failures, probe
from portal.help import topics as of_help
from portal.help.topics import CAUSES

ROOT = Path(__file__).resolve().parents[3]
CODE = re.compile(r"[a-z_]+(?:\.[a-z_]+)?")


def given(tree: ast.AST) -> Iterator[ast.expr]:
    """What the steps of a module are given as their code."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        at = 3 if name.endswith("Step.failed") else 4 if name == "Step" else None
        if at is not None and len(node.args) > at:
            yield node.args[at]


def said(tree: ast.AST) -> Iterator[str]:
    """The codes themselves, also of a name that one of two was put into."""
    wanted = list(given(tree))
    names = {one.id for one in wanted if isinstance(one, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and {ast.unparse(one) for one in node.targets} & names:
            wanted.append(node.value)
    for one in wanted:
        parts = [one.body, one.orelse] if isinstance(one, ast.IfExp) else [one]
        for part in parts:
            if isinstance(part, ast.Constant) and part.value:
                yield str(part.value)


def codes() -> set[str]:
    found = {*calls.REACH_CODES.values(), calls.REDIRECT, calls.UNAVAILABLE}
    for cause in failures.Cause.__args__:  # type: ignore[attr-defined]
        at_the_way = probe._STOPS_AT.get(cause) == probe._STOPS_AT["away"]
        word = probe._CODES.get(cause, cause)
        found.add(f"reach.{word}" if at_the_way else f"database.{cause}")
    for path in sorted((ROOT / "connectors").rglob("*.py")):
        if "simulators" not in path.parts and path.name != "calls.py":
            found |= set(said(ast.parse(path.read_text("utf-8"))))
    return found - {NOT_RUN}


def test_every_code_of_a_step_has_a_cause_and_no_cause_is_of_nothing() -> None:
    found = codes()
    assert len(found) > 40
    assert all(CODE.fullmatch(one) for one in found)
    assert {one for one in found if not of_help.cause_slug(one)} == set()
    assert {one for listed in CAUSES.values() for one in listed} - found == set()


def test_a_step_without_a_cause_leads_nowhere() -> None:
    assert of_help.cause_slug("") == of_help.cause_slug(NOT_RUN) == ""
    assert of_help.cause_slug("reach.name") == "cause-name-not-found"


@pytest.mark.parametrize("name", CAUSES)
def test_each_cause_has_its_four_parts(name: str) -> None:
    topic = of_help.topics()[of_help.slug_of("cause", name)]
    assert topic.means
    assert topic.example
    assert topic.todo
    assert topic.acts


@pytest.mark.sqlite
def test_the_line_that_failed_leads_to_its_page_in_the_language(visit: Any) -> None:
    adam = visit("adam")
    form = {"name": "Adam", "theme": "auto", "keys": "1", "language": "ms"}
    adam.post("/me", form, status=303)
    url = "/c/kedai/connections/aiaccount"
    page = adam.post(f"{url}/test", {}, target="conntest", status=200).get_data(as_text=True)
    shown, _, _ = page.partition("<hx-partial")
    topics = re.findall(r'href="/help/(cause-[a-z-]+)\?c=kedai"', shown)
    assert topics
    assert set(topics) <= of_help.topics().keys()
    assert "Teks kunci" in shown
    assert "Key text" not in re.sub(r'data-copy="[^"]*"', "", shown)
    told = adam.text(f"/help/{topics[0]}")
    assert "What it means" not in told
    assert of_help.topics()[topics[0]].means not in told
