"""`clearpost up` without a company says where the first one is set up."""

import re
from dataclasses import replace

import pytest

from holding.access import people
from holding.company import first_company
from holding.db.database import Database
from holding.platform.settings import DatabaseClock, Settings
from portal.cli.server import print_setup_address
from portal.terminal.command_frame import Installation
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite


def test_it_prints_an_address_that_works_and_ends_the_one_before(
    sqlite_url: str, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(sqlite_url, durable=False)
    settings = replace(Settings.from_env(), public_url="https://post.example/")
    place = Installation(settings, database, DatabaseClock(database, clock))
    print_setup_address(place, "http://127.0.0.1:8000")
    print_setup_address(
        replace(place, settings=replace(settings, public_url=None)), "http://127.0.0.1:8000"
    )
    told = capsys.readouterr().err
    old, new = re.findall(r"at (\S+)/setup/(\S+)\n", told)
    assert (old[0], new[0]) == ("https://post.example", "http://127.0.0.1:8000")
    assert "This address works once, until 20" in told
    with database.write() as session:
        answers = [first_company.usable(session, token, place.now) for _, token in (old, new)]
        assert [one == first_company.UNKNOWN for one in answers] == [True, False]
        people.add_company(session, code="kedai", name="Kedai", now=place.now)
    print_setup_address(place, "http://127.0.0.1:8000")
    assert capsys.readouterr().err == ""
    database.close()
