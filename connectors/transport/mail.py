"""Plain mail over SMTP.

Here: giving one message to the server that was named, or why it did not take it. Not here: what is
written to whom.
"""

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final

TLS: Final = ("starttls", "tls", "none")
SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes our mail; `tls`: from the first byte, after a greeting, or none."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = TLS[0]


def send(server: MailServer, *, to: str, subject: str, text: str) -> str:
    """Give one message to the server; nothing, or why it was not taken."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = server.sender, to, subject
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    try:
        with _connected(server) as line:
            if server.user:
                line.login(server.user, server.password)
            line.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        return str(error) or type(error).__name__
    return ""


def _connected(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if server.tls == "tls":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=SECONDS, context=context)
    line = smtplib.SMTP(server.host, server.port, timeout=SECONDS)
    if server.tls == "starttls":
        try:
            line.starttls(context=context)
        except BaseException:
            line.close()
            raise
    return line
