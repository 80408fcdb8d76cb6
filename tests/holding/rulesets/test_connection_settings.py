"""Settings of a connection that are changed: who may, what is told, what is judged again."""

from collections.abc import Mapping

import pytest
from sqlalchemy import select

from holding.access.actors import SYSTEM, Actor
from holding.connections.connections import secret_of, set_key
from holding.db.database import Database
from holding.db.models import Company, Event, Posting, Record, Revision, Snapshot
from holding.db.refusal import Refusal
from holding.rulesets.new_connections import change_settings
from rules.values.canonical import PostingState
from tests.holding.desks import KEYS
from tests.support.factories import connection_named
from tests.support.pills import pill
from tests.support.postings import NOW, make_ready

ELSEWHERE = "https://api.elsewhere.example"


def change(
    database: Database,
    company: Company,
    settings: Mapping[str, str],
    *,
    role: str = "admin",
    name: str = "aiaccount",
) -> tuple[str, ...] | Refusal:
    who = Actor(None, "Tan", "tan@example.test", company.id, frozenset({role}))
    with database.write() as session:
        return change_settings(
            session, who, connection_named(session, company, name).id, settings, now=NOW
        )


def stored(database: Database, company: Company, name: str = "aiaccount") -> dict[str, str]:
    with database.read() as session:
        return dict(connection_named(session, company, name).settings)


def test_a_setting_is_changed_added_and_taken_away(database: Database, company: Company) -> None:
    before = stored(database, company)
    assert change(database, company, {"app_url": "https://a.example"}) == ("app_url",)
    assert stored(database, company) == {**before, "app_url": "https://a.example"}
    assert change(database, company, {"app_url": "", "company_name": "New"}) == (
        "app_url",
        "company_name",
    )
    assert stored(database, company) == {**before, "company_name": "New"}
    with database.read() as session:
        told = [event.body["say"] for event in session.scalars(select(Event).order_by(Event.id))]
        assert session.scalars(select(Revision)).all() == []
    assert told[0] == "aiaccount was changed: app_url is “https://a.example”, was not set."
    assert "app_url is not set, was “https://a.example”" in told[1]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"colour": "blue"}, "aiaccount has no setting colour."),
        ({"base_url": "https://[broken"}, "“https://[broken” is not an address"),
        ({"rounding_mode": "up"}, "“up” is none of: per_line, sum_then_round."),
    ],
)
def test_a_setting_is_one_that_the_connector_declares(
    database: Database, company: Company, settings: dict[str, str], told: str
) -> None:
    before = stored(database, company)
    refused = change(database, company, settings)
    assert isinstance(refused, Refusal)
    assert refused.status == 422
    assert told in refused.message
    assert stored(database, company) == before


@pytest.mark.parametrize("figure", ["0", "-1", "many", "1.5", "²"])
def test_calls_a_minute_are_counted_in_whole_numbers(
    database: Database, company: Company, figure: str
) -> None:
    refused = change(database, company, {"calls_per_minute": figure})
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.status) == ("connection.setting", 422)
    assert change(database, company, {"calls_per_minute": "60"}) == ("calls_per_minute",)
    assert change(database, company, {"calls_per_minute": ""}) == ("calls_per_minute",)


def test_what_is_the_same_already_changes_nothing(database: Database, company: Company) -> None:
    assert change(database, company, stored(database, company)) == ()
    with database.read() as session:
        assert session.scalars(select(Event)).all() == []


def test_only_the_admin_changes_settings(database: Database, company: Company) -> None:
    refused = change(database, company, {"app_url": "x"}, role="operator")
    assert isinstance(refused, Refusal)
    assert refused.code == "forbidden"


@pytest.mark.parametrize("setting", ["base_url", "company_id"])
def test_another_place_has_other_master_data(
    database: Database, company: Company, setting: str
) -> None:
    with database.write() as session:
        record_id = make_ready(session, company, "IV-1").record_id
        target = connection_named(session, company, "aiaccount")
        row = Snapshot(
            connection_id=target.id,
            kind="period",
            checked_at=NOW,
            changed_at=NOW,
            revision=1,
            sha256="",
            due_at=NOW.replace(hour=23),
        )
        session.add(row)
    assert change(database, company, {setting: ELSEWHERE}) == (setting,)
    with database.read() as session:
        assert session.get_one(Record, record_id).due_at == NOW
        assert session.scalars(select(Snapshot.due_at)).one() == NOW
        [revision] = session.scalars(select(Revision))
        assert (revision.kind, revision.what) == ("connection", f"aiaccount: {setting}")


def test_nothing_moves_while_something_is_on_its_way(database: Database, company: Company) -> None:
    with database.write() as session:
        posting_id = make_ready(session, company, "IV-1", state="uncertain").id
    refused = change(database, company, {"company_id": "CMP-2001"})
    assert isinstance(refused, Refusal)
    assert refused.code == "connection.in_flight"
    assert refused.message == "1 document is on its way to aiaccount."
    assert change(database, company, {"app_url": "https://a.example"}) == ("app_url",)
    with database.write() as session:
        session.get_one(Posting, posting_id).state = PostingState.READY
    assert change(database, company, {"company_id": "CMP-2001"}) == ("company_id",)


def test_a_source_has_no_master_data(database: Database, company: Company) -> None:
    assert change(database, company, {"zone": "Europe/London"}, name="netshop") == ("zone",)
    with database.read() as session:
        assert session.scalars(select(Revision)).all() == []


HERE = "https://books.example/api"


def keyed(database: Database, company: Company, settings: Mapping[str, str]) -> None:
    """The target has these settings, and a key that was given for them."""
    with database.write() as session:
        row = connection_named(session, company, "aiaccount")
        row.settings = {**row.settings, **settings}
        for secret in ("the-first-key", "the-key-in-use"):
            assert not isinstance(
                set_key(session, SYSTEM, row.id, secret, now=NOW, keys=KEYS), Refusal
            )


def secret(database: Database, company: Company) -> str:
    """The key in use, or why there is none."""
    with database.read() as session:
        found = secret_of(session, connection_named(session, company, "aiaccount"), KEYS)
    return found.code if isinstance(found, Refusal) else found


@pytest.mark.parametrize(
    ("setting", "before", "after"),
    [
        ("base_url", HERE, "https://books.example.evil/api"),
        ("base_url", HERE, "http://books.example/api"),
        ("base_url", HERE, "http://books.example:443/api"),
        ("base_url", HERE, "https://books.example:8443/api"),
        ("base_url", HERE, "https://books.example@evil.example/api"),
        ("base_url", HERE, ""),
        ("token_url", "", "https://evil.example/token"),
    ],
)
def test_T32b_another_host_is_not_shown_the_key_of_the_one_before(
    database: Database, company: Company, setting: str, before: str, after: str
) -> None:
    keyed(database, company, {setting: before} if before else {})
    if setting == "token_url":
        with database.write() as session:
            connection_named(session, company, "aiaccount").connector = "quickbooks"
    assert secret(database, company) == "the-key-in-use"
    assert change(database, company, {setting: after}) == (setting,)
    assert secret(database, company) == "connection.no_key"
    with database.read() as session:
        told = session.scalars(select(Event.body).where(Event.act == "connection.changed")).one()
        assert told["say"].endswith(
            "Its key was given for another host, so it is not used until it is given again."
        )
        place = connection_named(session, company, "aiaccount").id
        assert pill(session, company.id, place, "sales_invoice").text == "Key needed · 0 waiting"
    if before:  # a way round: nobody gets it back by going back
        assert change(database, company, {setting: before}) == (setting,)
        assert secret(database, company) == "connection.no_key"
    keyed(database, company, {})
    assert secret(database, company) == "the-key-in-use"


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "https://BOOKS.example:443/other/path"},
        {"app_url": "https://elsewhere.example"},
        {"company_id": "CMP-2001"},
    ],
)
def test_T32b_the_same_host_keeps_its_key(
    database: Database, company: Company, settings: dict[str, str]
) -> None:
    keyed(database, company, {"base_url": HERE})
    change(database, company, settings)
    assert secret(database, company) == "the-key-in-use"


def test_T32b_a_source_keeps_the_secret_that_it_proves_others_by(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        row = connection_named(session, company, "netshop")
        set_key(session, SYSTEM, row.id, "the-webhook-secret", now=NOW, keys=KEYS)
    change(database, company, {"zone": "Europe/London"}, name="netshop")
    with database.read() as session:
        source = connection_named(session, company, "netshop")
        assert secret_of(session, source, KEYS) == "the-webhook-secret"


def test_T32b_no_host_is_changed_while_something_is_on_its_way(
    database: Database, company: Company
) -> None:
    keyed(database, company, {"base_url": HERE})
    with database.write() as session:
        make_ready(session, company, "IV-1", state="uncertain")
    refused = change(database, company, {"base_url": ELSEWHERE})
    assert isinstance(refused, Refusal)
    assert refused.code == "connection.in_flight"
    assert secret(database, company) == "the-key-in-use"


def test_a_secret_that_was_made_here_is_shown_to_nobody_and_stays(
    database: Database, company: Company
) -> None:
    """NetShop is asked with a signature, never with the secret."""
    keyed(database, company, {})
    with database.write() as session:
        row = connection_named(session, company, "aiaccount")
        row.side, row.connector = "source", "netshop"
    assert change(database, company, {"base_url": HERE}) == ("base_url",)
    assert change(database, company, {"base_url": ELSEWHERE}) == ("base_url",)
    assert secret(database, company) == "the-key-in-use"
    with database.read() as session:
        told = session.scalars(select(Event.body).where(Event.act == "connection.changed"))
        assert not [one for one in told if "Its key" in one["say"]]
