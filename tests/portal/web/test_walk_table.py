"""The table of the walk has every screen, state and role, and each role is answered so."""

import re

import pytest

from holding.access.actors import ROLES
from portal.web.permissions import FILE
from tests.browser.walk_examples import LEFT_OUT, PEOPLE, SCREENS, STATES, TABLE, WHOLE, reader
from tests.browser.walk_makers import MAKERS, Making
from tests.portal.languages.test_walk import ROUTES
from tests.portal.reading import works

pytestmark = pytest.mark.sqlite


def test_the_table_has_every_screen_state_and_role(app):
    there = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith("/api")
        if not rule.endpoint.endswith(FILE)
    }
    assert there == {*TABLE, *LEFT_OUT}, "a screen without a line, or a line without a screen"
    assert not {*TABLE} & {*LEFT_OUT}
    assert set(ROUTES) <= set(TABLE), "a page that is read in each language and not walked"
    assert {one.made for one in SCREENS} - {""} == set(MAKERS)
    assert set(PEOPLE) == set(ROLES), "a role that nobody walks as"
    for one in SCREENS:
        assert {*one.cells} - {"views", "open_to", "walks"} == {*STATES}, one.route
        assert {*one.roles, reader(one)} <= set(ROLES), one.route
        assert reader(one) in one.roles, one.route
        assert bool(one.at("refused")) == (set(one.roles) != set(ROLES)), one.route
        for state in STATES:
            assert str(one.cells[state]) not in ("", "none: "), f"{one.route}: {state}"


@pytest.mark.slow
def test_every_screen_answers_every_role_as_the_table_says(app, visit, database, clock):
    made = Making(app, database, clock)
    readers = {role: visit(name) for role, name in PEOPLE.items()}
    works(database, clock)
    wrong = []
    for number, one in enumerate(SCREENS):
        address = MAKERS[one.made](made) if one.made else one.cells["shown"]
        for place, role in enumerate(ROLES):
            may = role in one.roles
            if may and not WHOLE and place != number % len(ROLES):
                continue  # in make test each screen is opened by one role, and refused to all
            answer = readers[role].client.get(address)
            if (answer.status_code == 403) is may:
                wrong.append((one.route, role, answer.status_code))
            if not may:
                page = answer.get_data(as_text=True)
                assert re.search(r"<h1>\w.*</h1>.*\w.*forbidden", page, re.S), (one.route, role)
    assert wrong == []
