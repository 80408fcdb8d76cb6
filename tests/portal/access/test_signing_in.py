"""Signing in beside others who write."""

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from holding.access import sessions
from holding.db.database import Database
from tests.portal.access.test_people import NEW, invite, link_in
from tests.portal.conftest import Browser
from tests.portal.seed import PASSWORD

pytestmark = pytest.mark.sqlite


@pytest.fixture
def compared(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Passwords as they are compared, each while nobody else is kept from writing."""
    seen: list[str] = []
    matches = sessions._matches

    def watched(stored: str, password: str) -> bool:
        with closing(sqlite3.connect(database.engine.url.database or "", timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
        seen.append(password)
        return matches(stored, password)

    monkeypatch.setattr(sessions, "_matches", watched)
    return seen


def test_nobody_waits_while_a_password_is_compared(
    visit: Callable[..., Browser], compared: list[str]
) -> None:
    """On SQLite one writes at a time, and to compare a password takes long."""
    for email, password, status in (
        ("farah@kedai.my", PASSWORD, 303),
        ("farah@kedai.my", "wrong", 422),
        ("nobody@kedai.my", "wrong again", 422),
    ):
        form = {"email": email, "password": password}
        visit().post("/signin", form, status=status)
    assert compared == [PASSWORD, "wrong", "wrong again"]
    farah = visit("farah")
    compared.clear()
    for present, status in (("no longer", 422), (PASSWORD, 303)):
        farah.post("/me/password", {"present": present, "wanted": NEW}, status=status)
    assert compared == ["no longer", PASSWORD]
    link = link_in(invite(visit("adam"), "stranger@lain.my"))
    compared.clear()
    for password, status in (("not mine", 422), (PASSWORD, 303)):
        visit().post(link, {"password": password}, status=status)
    assert compared == ["not mine", PASSWORD]
