"""The permission of each view: declared beside it, checked at the start and on each request."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

import pytest
from flask import Blueprint, Flask
from sqlalchemy import select

from holding.access import operations
from holding.access.actors import ACTS, SYSTEM
from holding.db.database import Database
from holding.db.models import Company, Person
from holding.platform.settings import Settings
from portal import app as portal_app
from portal import company
from portal.web.permissions import (
    FILE,
    PUBLIC,
    SIGNED_IN,
    needs,
    permission_of,
    public,
    signed_in,
)
from tests.browser.walk_examples import SCREENS
from tests.support.clock import SetClock
from tests.support.duties import (
    ACTIONS,
    ALL,
    FILES_AND_PARTS,
    FOR_ALL,
    OWN_VIEWS,
    PUBLIC_VIEWS,
    roles_by_view,
)

pytestmark = pytest.mark.sqlite
Visit = Callable[..., Any]
Start = Callable[[Blueprint], Flask]
PAGE, FORM = "/c/kedai/connections/new", "/c/kedai/connections/aiaccount/pause"
LIST, DOCUMENT = "/c/kedai/setup/dry-run.csv", "/c/kedai/mappings/workbook.xlsx"


def test_each_view_is_open_to_exactly_the_roles_that_the_tables_of_duties_name(app: Flask) -> None:
    """A weaker or a missing act on any view shows here."""
    expected: dict[str, object] = {
        **dict.fromkeys(PUBLIC_VIEWS, PUBLIC),
        **dict.fromkeys(OWN_VIEWS, SIGNED_IN),
        **dict.fromkeys(FOR_ALL, ALL),
        **{screen.route: frozenset(screen.roles) for screen in SCREENS},
        **dict.fromkeys({screen.route for screen in SCREENS} & OWN_VIEWS, SIGNED_IN),
        **dict.fromkeys({screen.route for screen in SCREENS} & PUBLIC_VIEWS, PUBLIC),
        **roles_by_view(ACTIONS),
        **roles_by_view(FILES_AND_PARTS),
    }
    permissions = {
        endpoint: permission_of(app, endpoint)
        for endpoint in app.view_functions
        if not endpoint.endswith(FILE)
    }
    actual = {endpoint: ACTS.get(act, act) for endpoint, act in permissions.items()}
    assert actual == expected


@pytest.fixture
def start(database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the real application with one more blueprint."""

    def started(blueprint: Blueprint) -> Flask:
        monkeypatch.setattr(company, "BLUEPRINTS", (*company.BLUEPRINTS, blueprint))
        return portal_app.create_app(database, clock, Settings.from_env())

    return started


def extra_view() -> str:
    return "extra"


def test_a_view_without_a_permission_stops_the_start(start: Start) -> None:
    extra = Blueprint("extra", __name__)
    extra.get("/c/<co>/extra", endpoint="show")(extra_view)
    with pytest.raises(RuntimeError) as stopped:
        start(extra)
    message = str(stopped.value)
    assert f"{__name__}.extra_view (endpoint extra.show)" in message
    assert "Write one of @needs(ACT), @signed_in and @public" in message
    assert message.count("endpoint ") == 1, "only the view without a permission is named"


def test_a_file_of_a_page_that_does_not_exist_stops_the_start(start: Start) -> None:
    extra = Blueprint("extra", __name__)
    extra.get("/c/<co>/extra.csv", endpoint=f"show{FILE}")(extra_view)
    with pytest.raises(RuntimeError, match=f"endpoint extra.show{FILE}"):
        start(extra)


def logged(view: Callable[..., str]) -> Callable[..., str]:
    """Stand for a decorator that replaces the function, as the one of the rate limiter does."""

    @wraps(view)
    def replaced(*args: object, **kwargs: object) -> str:
        return view(*args, **kwargs)

    return replaced


def test_a_permission_below_the_route_survives_decorators_that_replace_the_function(
    start: Start,
) -> None:
    extra = Blueprint("extra", __name__)

    @extra.get("/c/<co>/above")
    @needs("hold.retry")
    @logged
    def above() -> str:
        return ""

    @extra.get("/c/<co>/below")
    @logged
    @needs("rules.publish")
    def below() -> str:
        return ""

    @needs("audit.read")
    @extra.get("/c/<co>/first")
    def first() -> str:
        return ""

    app = start(extra)
    assert permission_of(app, "extra.above") == "hold.retry"
    assert permission_of(app, "extra.below") == "rules.publish"
    assert permission_of(app, "extra.first") == "audit.read"


def test_a_permission_that_the_registered_function_does_not_have_stops_the_start(
    start: Start,
) -> None:
    extra = Blueprint("extra", __name__)

    @needs("audit.read")
    @logged
    @extra.get("/c/<co>/hidden")
    def hidden() -> str:
        return ""

    with pytest.raises(RuntimeError, match=r"endpoint extra\.hidden"):
        start(extra)


def test_a_decorator_refuses_an_unknown_act_and_a_second_permission() -> None:
    with pytest.raises(ValueError, match="no such act"):
        needs("hold.retyr")
    with pytest.raises(ValueError, match=r"two permissions: public and hold\.retry"):
        needs("hold.retry")(public(lambda: ""))
    with pytest.raises(ValueError, match=r"two permissions: hold\.retry and signed in"):
        signed_in(needs("hold.retry")(lambda: ""))


def test_a_view_that_is_added_after_the_start_is_not_open(app: Flask, visit: Visit) -> None:
    app.add_url_rule("/c/<co>/extra", "extra", extra_view)
    page = visit("adam").get("/c/kedai/extra", status=500)
    assert page.get_data(as_text=True) != extra_view()


@pytest.mark.parametrize(
    ("url", "refused", "admitted"),
    [(PAGE, "olga", "adam"), (LIST, "farah", "adam"), (DOCUMENT, "vera", "farah")],
)
def test_a_page_and_a_file_are_refused_to_a_role_without_the_act(
    visit: Visit, url: str, refused: str, admitted: str
) -> None:
    page = visit(refused).get(url, status=403).get_data(as_text=True)
    assert "because your role does not include it" in page
    assert visit(admitted).client.get(url).status_code in {200, 409}  # 409: no dry run yet


def test_a_post_is_refused_to_a_role_without_the_act(visit: Visit) -> None:
    visit("farah").post(FORM, {"reason": "stocktake"}, status=403)
    visit("olga").post(FORM, {"reason": "stocktake"}, status=303)


def test_a_visitor_is_sent_to_the_sign_in_page(visit: Visit) -> None:
    stranger = visit()
    for url in (PAGE, LIST, DOCUMENT):
        assert stranger.get(url, status=303).location.startswith("/signin?next="), url
    assert stranger.post(FORM, {}, status=303).location.startswith("/signin?next=")


def test_the_interface_for_programs_refuses_a_token_without_the_act(
    app: Flask, database: Database, clock: SetClock
) -> None:
    with database.write() as session:
        kedai = session.scalars(select(Company).where(Company.code == "kedai")).one()
        farah = session.scalars(select(Person).where(Person.email == "farah@kedai.my")).one()
        token = operations.make_token(
            session,
            SYSTEM,
            company_id=kedai.id,
            person_id=farah.id,
            name="till",
            scopes=("record.read",),
            lasts=timedelta(days=1),
            now=clock.now(),
        )
    assert isinstance(token, operations.NewToken)
    client, head = app.test_client(), {"Authorization": f"Bearer {token.key}"}
    listing = "/api/v1/c/kedai/holds"
    release = f"{listing}/1/release"  # an empty body: a call with the act is answered 422
    assert client.get(listing, headers=head).status_code == 200
    refused = client.post(release, json={}, headers={**head, "Idempotency-Key": "k"})
    assert (refused.status_code, refused.content_type) == (403, "application/problem+json")
    assert client.get(listing).status_code == 401
    assert client.post(release, json={}).status_code == 401
