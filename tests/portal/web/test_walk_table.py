"""The table of the walk has every screen, state and role, and each role is answered so."""

import re

import pytest

from holding.access.actors import ROLES
from tests.browser.walk_examples import PEOPLE, SCREENS, STATES, TABLE, WHOLE
from tests.portal.languages.test_walk import NO_PAGES
from tests.portal.reading import works

pytestmark = pytest.mark.sqlite


def test_the_table_has_every_screen_state_and_role(app):
    there = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith("/api")
    }
    assert there - NO_PAGES == set(TABLE), "a screen without a line, or a line without a screen"
    assert set(PEOPLE) == set(ROLES), "a role that nobody walks as"
    for one in SCREENS:
        assert {*one.cells} - {"views", "open_to"} == {*STATES}, one.route
        assert set(one.roles) <= set(ROLES), one.route
        assert bool(one.at("refused")) == (set(one.roles) != set(ROLES)), one.route
        for state in STATES:
            assert str(one.cells[state]) not in ("", "none: "), f"{one.route}: {state}"


@pytest.mark.slow
def test_every_screen_answers_every_role_as_the_table_says(visit, database, clock):
    readers = {role: visit(name) for role, name in PEOPLE.items()}
    works(database, clock)
    wrong = []
    for number, one in enumerate(SCREENS):
        for place, role in enumerate(ROLES):
            may = role in one.roles
            if may and not WHOLE and place != number % len(ROLES):
                continue  # in make test each screen is opened by one role, and refused to all
            answer = readers[role].client.get(one.cells["shown"])
            if (answer.status_code == 403) is may:
                wrong.append((one.route, role, answer.status_code))
            if not may:
                page = answer.get_data(as_text=True)
                assert re.search(r"<h1>\w.*</h1>.*\w.*forbidden", page, re.S), (one.route, role)
    assert wrong == []
