"""Who wrote a change that is returned has a mail of it: one, in their language, if they want it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from holding.db.database import Database
from holding.operations import sending
from holding.platform.settings import Settings
from portal import app
from tests.portal.conftest import Browser
from tests.portal.reading import one, plain
from tests.portal.rulesets.test_changes import CHANGES, waiting
from tests.portal.rulesets.test_comments import propose
from tests.portal.seed import PASSWORD
from tests.support.clock import SetClock
from tests.support.mail_server import MailBox, mail_box

__all__ = ["waiting"]
pytestmark = pytest.mark.sqlite
WHY = "The limit is too low.\nAsk accounts first."
NOTICES = "/c/kedai/notices"


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailBox]:
    with mail_box() as found:
        monkeypatch.setenv("CLEARPOST_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("CLEARPOST_SMTP_PORT", str(found.port))
        monkeypatch.setenv("CLEARPOST_SMTP_FROM", "clearpost@kedai.my")
        monkeypatch.setenv("CLEARPOST_SMTP_TLS", "none")
        monkeypatch.setenv("CLEARPOST_URL", "https://clearpost.kedai.example")
        yield found


@pytest.fixture
def signed_in(database: Database, clock: SetClock) -> Any:
    """Somebody at a portal with the settings of now."""

    def act(name: str) -> Browser:
        made = app.create_app(database, clock, Settings.from_env())
        made.testing = True
        browser = Browser(made.test_client())
        browser.post("/signin", {"email": f"{name}@kedai.my", "password": PASSWORD}, status=303)
        return browser

    return act


def returned(browser: Browser, no: int) -> str:
    """Return a change; what is said of it."""
    page = f"{CHANGES}/{no}"
    browser.post(f"{page}/return", {"comment": WHY}, status=303)
    return plain(browser.text(page))


def sent(database: Database, clock: SetClock) -> int:
    """Send what is due, as a worker does; how many messages."""
    company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
    tools = sending.Tools(http=None, keys=None, mail=Settings.from_env().mail)  # type: ignore[arg-type]
    count = 0
    while sending.send_due(database, clock, company, owner="x", tools=tools):
        count += 1
    return count


def speaks(database: Database, language: str) -> None:
    with database.write() as session:
        given = {"it": json.dumps({"language": language})}
        session.execute(text("UPDATE person SET settings = :it WHERE name = 'Chan'"), given)


def body(box: MailBox) -> str:
    (mail,) = box.mails
    raw = mail.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode()


def test_its_author_has_one_mail_with_the_reason_and_the_way_on(
    signed_in: Any, database: Database, clock: SetClock, waiting: int, box: MailBox
) -> None:
    pua = signed_in("pua")
    assert "Chan is told by mail. Nothing comes into force." in returned(pua, waiting)
    pua.post(f"{CHANGES}/{waiting}/return", {"comment": WHY}, status=409)
    assert sent(database, clock) == 1
    (mail,) = box.mails
    assert mail["To"] == "chan@kedai.my"
    assert mail["Subject"] == "Kedai Contoh Sdn Bhd: change 2 was returned to you"
    assert body(box).splitlines() == [
        "Pua returned change 2, “<b>New</b>”, to you. Nothing of it comes into force.",
        "",
        "The limit is too low.",
        "Ask accounts first.",
        "",
        "Continue with its files, correct them and submit them again:",
        "https://clearpost.kedai.example/c/kedai/rules/changes/2",
    ]
    page = signed_in("adam").text(NOTICES)
    told = plain(page)
    assert re.search(r"Returned rule change .*change 2 was returned to you.* Chan .*Sent", told)
    assert "No recipients yet." in told, "an administrator's list names nobody by it"


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("ms", "perubahan 2 dikembalikan kepada anda", "Pua mengembalikan perubahan 2"),
        ("zh", "变更 2 已退回给您", "Pua 已将变更 2"),
        ("en", "change 2 was returned to you", "Pua returned change 2"),
    ],
)
def test_it_speaks_the_language_of_who_reads_it(
    signed_in: Any,
    database: Database,
    clock: SetClock,
    waiting: int,
    box: MailBox,
    language: str,
    subject: str,
    words: str,
) -> None:
    speaks(database, language)
    returned(signed_in("pua"), waiting)
    assert sent(database, clock) == 1
    subject_told = one(database, "SELECT subject FROM notice")
    assert subject in subject_told
    assert words in body(box)
    assert WHY in body(box), "what a person wrote is as it was written"
    if language != "en":
        assert not re.search("Continue with|Nothing of it", body(box))


def test_who_wants_no_such_mail_has_none_and_sees_it_in_the_portal(
    signed_in: Any, database: Database, clock: SetClock, waiting: int, box: MailBox
) -> None:
    chan = signed_in("chan")
    assert re.search(r'name="mails" value="1" checked', chan.text("/me"))
    chan.post("/me", {"name": "Chan", "theme": "light", "keys": "1"}, status=303)
    assert not re.search(r'name="mails" value="1" checked', chan.text("/me"))
    assert "by mail" not in returned(signed_in("pua"), waiting)
    assert sent(database, clock) == 0
    assert box.mails == []
    assert "Pua returned change 2 to you" in plain(chan.text("/c/kedai/rules/book"))


@pytest.mark.parametrize("how", ["left", "may not sign in"])
def test_who_is_gone_has_none(
    signed_in: Any, database: Database, clock: SetClock, waiting: int, box: MailBox, how: str
) -> None:
    chan = one(database, "SELECT id FROM person WHERE name = 'Chan'")
    with database.write() as session:
        gone = "UPDATE person SET active = false WHERE id = :id"
        if how == "left":
            gone = "DELETE FROM membership WHERE person_id = :id"
        session.execute(text(gone), {"id": chan})
    assert "by mail" not in returned(signed_in("pua"), waiting)
    assert sent(database, clock) == 0
    assert one(database, "SELECT count(*) FROM notice") == 0


def test_without_a_mail_server_nothing_is_promised(
    visit: Any, database: Database, waiting: int
) -> None:
    assert "by mail" not in returned(visit("pua"), waiting)
    assert one(database, "SELECT count(*) FROM notice") == 0


@pytest.mark.parametrize("first", ["chosen", "returned"])
def test_what_an_administrator_chose_and_a_returned_change_are_apart(
    signed_in: Any, database: Database, clock: SetClock, waiting: int, box: MailBox, first: str
) -> None:
    """The author may be a recipient of digests, before or after: each list stays as it is."""
    adam = signed_in("adam")
    chan = one(database, "SELECT id FROM person WHERE name = 'Chan'")
    given = {"kind": "person", "person": chan, "gets": ["digest"]}
    if first == "returned":
        returned(signed_in("pua"), waiting)
    adam.post(f"{NOTICES}/recipients", given, status=303)
    adam.post(f"{NOTICES}/recipients", given, status=422)
    if first == "chosen":
        returned(signed_in("pua"), waiting)
    mine = one(database, "SELECT id FROM recipient WHERE digest")
    adam.post(f"{NOTICES}/recipients/{mine}/remove", {}, status=303)
    own = one(database, "SELECT id FROM recipient WHERE NOT digest")
    adam.post(f"{NOTICES}/recipients/{own}/remove", {}, status=404)
    assert sent(database, clock) == 1
    assert len(box.mails) == 1


def test_the_next_change_that_is_returned_is_another_mail(
    signed_in: Any, database: Database, clock: SetClock, waiting: int, box: MailBox
) -> None:
    pua = signed_in("pua")
    returned(pua, waiting)
    assert sent(database, clock) == 1
    returned(pua, propose(database, clock, "\n# once more\n"))
    assert sent(database, clock) == 1
    assert [one["To"] for one in box.mails] == ["chan@kedai.my"] * 2
    assert one(database, "SELECT count(*) FROM recipient") == 1
