"""Settings of a connection that are changed: who may, what is told, what is judged again."""

from collections.abc import Mapping

import pytest
from sqlalchemy import select

from holding.access.actors import Actor
from holding.configuration.settings_change import change_settings
from holding.refusal import Refusal
from holding.store.database import Database
from holding.tables import Company, Event, Posting, Record, Revision, Snapshot
from rules.values.posting_states import PostingState
from tests.support.factories import connection_named
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
    assert change(database, company, {"base_url": ELSEWHERE}, name="netshop") == ("base_url",)
    with database.read() as session:
        assert session.scalars(select(Revision)).all() == []
