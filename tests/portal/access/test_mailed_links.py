"""Links by mail: who gets them, and what the page shows when the mail server says no."""

import re
from typing import Any

import pytest

from holding.db.database import Database
from holding.platform.settings import Settings
from portal import app
from tests.portal.conftest import Browser
from tests.portal.reading import plain
from tests.portal.seed import PASSWORD
from tests.support.clock import SetClock
from tests.support.mail_server import MailBox, mail_box

pytestmark = pytest.mark.sqlite
FORM = {"email": "siti@kedai.my", "name": "Siti", "role": "viewer"}


@pytest.fixture
def admin(database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Adam at a portal that mails by this server."""

    def sign_in(box: MailBox) -> Browser:
        monkeypatch.setenv("CLEARPOST_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("CLEARPOST_SMTP_PORT", str(box.port))
        monkeypatch.setenv("CLEARPOST_SMTP_FROM", "clearpost@kedai.my")
        monkeypatch.setenv("CLEARPOST_SMTP_TLS", "none")
        made = app.create_app(database, clock, Settings.from_env())
        made.testing = True
        browser = Browser(made.test_client())
        browser.post("/signin", {"email": "adam@kedai.my", "password": PASSWORD}, status=303)
        return browser

    return sign_in


def test_a_link_is_mailed_and_then_shown_to_no_one(admin: Any) -> None:
    with mail_box() as box:
        adam = admin(box)
        page = adam.post("/c/kedai/people/invite", FORM, status=200).get_data(as_text=True)
        (mail,) = box.mails
    assert (mail["To"], mail["From"]) == ("siti@kedai.my", "clearpost@kedai.my")
    text = mail.get_payload(decode=True)
    assert isinstance(text, bytes)
    url = re.search(r"http://localhost(/join/\S+)", text.decode())
    assert url
    assert "Adam invites you to Kedai Contoh" in text.decode()
    assert "The link was mailed to siti@kedai.my." in plain(page)
    assert "/join/" not in page
    assert "Join Kedai Contoh" in adam.text(url[1])


def test_a_mail_that_is_not_taken_leaves_the_link_to_be_copied(admin: Any) -> None:
    with mail_box("no such mailbox") as box:
        page = plain(
            admin(box).post("/c/kedai/people/invite", FORM, status=200).get_data(as_text=True)
        )
    assert "The mail could not be sent." in page
    assert "no such mailbox" in page
    assert "Shown once." in page
