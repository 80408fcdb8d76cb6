"""A company that tells somebody at once of what cannot wait: by mail, and by a webhook."""

from email.header import decode_header, make_header
from email.message import Message

from tests.acceptance.product import ADMIN, FINANCE, House
from tests.acceptance.quiet import BASE, rows
from tests.support.hook_server import HookBox
from tests.support.mail_server import MailBox


def mail_settings(mail: MailBox) -> dict[str, str]:
    """What the product is told of a mail server."""
    return {
        "CLEARPOST_SMTP_HOST": "127.0.0.1",
        "CLEARPOST_SMTP_PORT": str(mail.port),
        "CLEARPOST_SMTP_FROM": "clearpost@kedai.example",
        "CLEARPOST_SMTP_TLS": "none",
    }


def tell_at_once(house: House, hook: HookBox) -> None:
    """The finance user by mail, and this receiver, of urgent signals alone."""
    admin = house.visitor(ADMIN)
    form = admin.get(f"{BASE}/notices")
    ((person,),) = rows(house, "SELECT id FROM person WHERE email = ?", FINANCE)
    for wish in (
        {"kind": "person", "person": str(person), "gets": "urgent"},
        {"kind": "webhook", "address": hook.url, "gets": "urgent"},
    ):
        answer = admin.post(f"{BASE}/notices/recipients", form, **wish)
        assert answer.ok, answer.text[:500]


def subject_of(mail: Message) -> str:
    """What its subject says, however that is coded and folded."""
    return " ".join(str(make_header(decode_header(mail["Subject"]))).split())


def text_of(mail: Message) -> str:
    """What a mail says."""
    raw = mail.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode().replace("\xa0", " ")
