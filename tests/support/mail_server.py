"""A mail server that keeps what it is given, or refuses it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from email.message import Message


class MailBox(socketserver.ThreadingTCPServer):
    """A server on a free port; `refuses` is said to every recipient."""

    daemon_threads = True

    def __init__(self, refuses: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self.refuses = refuses
        self.mails: list[Message] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Line(socketserver.StreamRequestHandler):
    server: MailBox

    def handle(self) -> None:
        self._say("220 ready")
        while raw := self.rfile.readline():
            word = raw[:4].decode().upper()
            if word == "RCPT" and self.server.refuses:
                self._say(f"550 {self.server.refuses}")
            elif word == "DATA":
                self._say("354 go on")
                self._read()
                self._say("250 kept")
            else:
                self._say("221 bye" if word == "QUIT" else "250 fine")

    def _read(self) -> None:
        lines = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line)
        self.server.mails.append(message_from_string("\n".join(lines)))

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def mail_box(refuses: str = "") -> Iterator[MailBox]:
    """A server in a thread."""
    with MailBox(refuses) as box:
        thread = threading.Thread(target=box.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield box
        box.shutdown()
        thread.join()
