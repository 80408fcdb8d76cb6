"""The rule book: every rule in words, on paper without scripts."""

import re

import pytest

from grammar import parse
from grammar.nodes import Ruleset
from rules.explain import TOPICS, book, html, markdown
from tests.rules.kedai import TEXT as KEDAI
from tests.rules.test_links import TEXT as DEPOT


def ruleset(text: str = DEPOT) -> Ruleset:
    found, problems = parse({"depot.rules": text})
    assert problems == ()
    return found


def said(topic: str, text: str = DEPOT) -> list[str]:
    return [e.text for s in book(ruleset(text), topic).sections for e in s.entries]


def test_a_cancelled_posted_order_in_a_locked_period_is_one_sentence() -> None:
    assert (
        "An order that is already posted and then cancelled, where the period is locked (whatever "
        "the e invoice age and the gone out): it is blocked: nothing is done in the target."
    ) in said("exceptions")


def test_ready_is_said_for_each_route() -> None:
    (delivery, order) = said("ready")
    assert delivery.startswith("A delivery is ready for delivery order in autocount when its")
    assert "its status is agreed, sent or closed" in order
    assert "its delivery order is posted" in order
    assert "Manager approved it, where total is above big order (5000.00; before" in order
    assert order.endswith("Then it goes at once.")


def test_a_threshold_is_said_with_its_value_and_its_days() -> None:
    words = " ".join(said("approval"))
    assert "whose total is above big order (5000.00; before 2026-07-01: 4000.00)" in words


def test_edits_name_their_fields_and_say_that_the_strictest_wins() -> None:
    words = said("exceptions")
    assert any("party (buyer, branch and ordered on) change" in w for w in words)
    assert "If several of these changed at once, the strictest answer counts." in words


def test_bill_and_retry_and_units_are_said() -> None:
    assert any("the rest waits for later documents" in w for w in said("timing"))
    assert any("tried again 5 times, first after 30s" in w for w in said("retry"))
    assert "1 CTN is 6 TIN." in said("uom")


def test_who_looks_after_what() -> None:
    assert any(w.startswith("IT support look after") and "too many deliveries" in w
               for w in said("owners"))  # fmt: skip


@pytest.mark.parametrize("text", [DEPOT, KEDAI], ids=["depot", "kedai"])
def test_every_rule_stands_in_the_book(text: str) -> None:
    rules = ruleset(text)
    names = {e.name for s in book(rules).sections for e in s.entries}
    wanted = {f"check {c.name}" for c in rules.checks} | {f"map {m.name}" for m in rules.maps}
    wanted |= {f"gate {g.record}" for g in rules.gates} | {f"role {r.name}" for r in rules.roles}
    wanted |= {f"link {x.name}" for x in rules.links} | {f"const {c.name}" for c in rules.consts}
    assert wanted <= names


def test_the_page_has_no_script_and_escapes_what_it_says() -> None:
    text = DEPOT.replace("The period is locked.", "<script>alert(1)</script>")
    page = html(book(ruleset(text)), "Rules & more")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<title>Rules &amp; more</title>" in page
    assert [re.search(f'id="{t}"', page) is not None for t in TOPICS] == [True] * len(TOPICS)


def test_markdown_has_a_heading_for_each_topic() -> None:
    text = markdown(book(ruleset()), "Rules")
    assert text.startswith("# Rules\n")
    assert all(f"\n## {title}\n" in text for title in TOPICS.values())
