"""A link leads somewhere: whoever follows what the pages offer finds pages, and no 404."""

import re
from collections import deque
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest

pytestmark = pytest.mark.sqlite
HREF = re.compile(r'href="(/[^"#]*)')
LEAVES = re.compile(r"/static/|/signout")
PLACES = 45  # who reads fewer pages is offered fewer


def kind(address: str) -> str:
    """What addresses of one page have in common."""
    plain = re.sub(r"\?.*", "", address)
    plain = re.sub(r"/(records|evidence|escalate)/[^/]+/[^/]+/[^/]+", r"/\1/R", plain)
    plain = re.sub(r"(/mappings/)(?!changes|parties|lists|units)\w+/entry", r"\1T/entry", plain)
    return re.sub(r"\d+", "N", plain)


@pytest.mark.slow
@pytest.mark.parametrize("person", ["adam", "farah"])
def test_no_link_of_a_page_leads_to_a_page_that_is_not_there(
    visit: Callable[..., Any], person: str
) -> None:
    visitor = visit(person)
    waiting, seen, broken = deque([("/c/kedai/", "")]), set[str](), list[str]()
    opened = 0
    while waiting:
        address, offered_by = waiting.popleft()
        if kind(address) in seen:
            continue
        seen.add(kind(address))
        answer = visitor.client.get(address)
        if answer.status_code not in {200, 302, 303, 403}:
            broken.append(f"{offered_by} offers {address}: {answer.status_code}")
        if answer.status_code != 200 or not answer.content_type.startswith("text/html"):
            continue
        opened += 1
        for found in HREF.findall(answer.text):
            target = unescape(found)
            if target.startswith(("/c/kedai", "/help")) and not LEAVES.search(target):
                waiting.append((target, address))
    assert broken == []
    assert opened >= PLACES


def test_no_page_asks_for_an_address_that_answers_forms_alone(visit):
    """A form that is answered with its page, because something in it is wrong, renews nothing."""
    adam, at = visit("adam"), "/c/kedai/signals"
    renews = 'hx-select="#page"'
    assert renews in adam.text(at)
    wrong = adam.post(f"{at}/close-day", {"day": "99"}, status=422)
    assert renews not in wrong.text
    mapped = visit("farah").post("/c/kedai/mappings/fix", {"table": "item", "key": "x"}, status=422)
    assert 'hx-target="#missing"' not in mapped.text
