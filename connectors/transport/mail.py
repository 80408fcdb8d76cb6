"""Plain mail over SMTP.

Here: giving one message to the server that was named, or why it did not take it, and whether it may
have taken it all the same. Not here: what is written to whom.
"""

import re
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import Final

TLS: Final = ("starttls", "tls", "none")
SECONDS: Final = 10.0
_GO_ON: Final = 354
_TAKEN: Final = 250
_REFUSED_FOR_GOOD: Final = range(500, 600)
_LETTERS: Final = "the address has letters that mail cannot carry"
_LONGEST_LINE: Final = 998  # RFC 5322; longer ones are cut or refused on the way
_DOT: Final = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes our mail; `tls`: from the first byte, after a greeting, or none."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = field(default="", repr=False)
    tls: str = TLS[0]


@dataclass(frozen=True, slots=True)
class Given:
    """What became of a message: `words` is empty where it was taken. `doubtful`: its bytes left and
    no answer came, so it may arrive; `final`: trying again is useless; `unasked`: the words are not
    the server's.
    """

    words: str = ""
    doubtful: bool = False
    final: bool = False
    unasked: bool = False

    @property
    def taken(self) -> bool:
        """Whether the server said that it has it."""
        return not self.words


class _RefusedError(Exception):
    """The server said no before it had the message, or to the message itself."""

    def __init__(self, code: int, words: bytes) -> None:
        super().__init__(words.decode("utf-8", "replace"))
        self.final = code in _REFUSED_FOR_GOOD


def send(server: MailServer, *, to: str, subject: str, text: str) -> str:
    """Give one message to the server; nothing, or why it was not taken."""
    return give(server, to=to, subject=subject, text=text).words


def give(server: MailServer, *, to: str, subject: str, text: str, message_id: str = "") -> Given:
    """Give one message to the server, once. With a `message_id` the same one has the same name
    wherever it arrives.
    """
    if not (server.sender + to).isascii():
        return Given(_LETTERS, final=True, unasked=True)
    message = EmailMessage(policy=SMTP)
    domain = server.sender.rpartition("@")[2]
    message["From"], message["To"] = server.sender, to
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = f"<{message_id}@{domain}>" if message_id else make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"
    plain = text.isascii() and max(map(len, text.splitlines()), default=0) <= _LONGEST_LINE
    message.set_content(text, cte="7bit" if plain else "quoted-printable")
    left = False
    try:
        with _connected(server) as line:
            if server.user:
                line.login(server.user, server.password)
            _agreed(line, server.sender, to)
            left = True
            _carried(line, message.as_bytes())
    except _RefusedError as error:
        return Given(str(error) or "refused", final=error.final)
    except UnicodeError as error:  # such as a name of the server that is none
        return Given(str(error), final=True, unasked=True)
    except (OSError, smtplib.SMTPException) as error:
        return Given(str(error) or type(error).__name__, doubtful=left)
    return Given()


def _agreed(line: smtplib.SMTP, sender: str, to: str) -> None:
    """Everything until the server waits for the message itself."""
    line.ehlo_or_helo_if_needed()
    for code, words in (line.mail(sender), line.rcpt(to)):
        if code not in {_TAKEN, _TAKEN + 1}:
            raise _RefusedError(code, words)
    code, words = line.docmd("DATA")
    if code != _GO_ON:
        raise _RefusedError(code, words)


def _carried(line: smtplib.SMTP, raw: bytes) -> None:
    """The message and the answer to it."""
    line.send(_DOT.sub(b"..", raw) + b"\r\n.\r\n")
    code, words = line.getreply()
    if code != _TAKEN:
        raise _RefusedError(code, words)


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
