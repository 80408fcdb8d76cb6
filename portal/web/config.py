"""The portal's configuration, and the web server with its limits on requests."""

import gc
import re
import socket
import time
from dataclasses import dataclass
from typing import Final

from flask import Flask
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.parser import HTTPRequestParser  # type: ignore[import-untyped]
from waitress.server import BaseWSGIServer, create_server  # type: ignore[import-untyped]
from waitress.task import WSGITask  # type: ignore[import-untyped]
from waitress.utilities import Error, RequestEntityTooLarge  # type: ignore[import-untyped]

from connectors.kit.delivery_limits import DELIVERY_BYTES, MEGABYTE
from holding.access.actors import load_keys
from holding.db.refusal import Refusal
from holding.platform.settings import Settings

FORM_BYTES: Final = MEGABYTE  # whatever a page sends, and a call of a program

REFUSED: Final = "clearpost.refused"  # in the environment of a request: the status that ends it

_DELIVERIES: Final = "/hooks/"

_FILES: Final = re.compile(
    r"/c/[^/]+/(?:uploads|mappings/lists|mappings/workbook|files/[0-9]+/listing)"
)

_AROUND_FILE: Final = MEGABYTE // 16  # the other fields of the form, and what stands between them

THREADS: Final = 8

CONNECTIONS: Final = 200

IDLE_SECONDS: Final = 60

REQUEST_SECONDS: Final = 300  # 20 MB at half a megabit a second

STORED_BYTES: Final = THREADS * DELIVERY_BYTES  # of all bodies under way together

SMALL_BYTES: Final = MEGABYTE // 16  # a body up to here is no matter

HEADER_BYTES: Final = MEGABYTE // 4

CHUNK_HEAD_BYTES: Final = 4096  # what may stand around the chunks of a body without a length

LINGER_BYTES: Final = 64 * MEGABYTE

LINGER_SECONDS: Final = 5

YOUNG: Final = 10_000  # objects


def body_limit(path: str) -> int:
    """Return how many bytes a request to this path may send."""
    if _FILES.fullmatch(path):
        return DELIVERY_BYTES + _AROUND_FILE
    return DELIVERY_BYTES if path.startswith(_DELIVERIES) else FORM_BYTES


@dataclass(frozen=True, slots=True)
class PortalConfig:
    """The portal's configuration: its secret, environment and settings.

    `secure`: pages are served over HTTPS.
    """

    secret: bytes
    secure: bool
    env: str
    settings: Settings


def config_of(settings: Settings) -> PortalConfig | Refusal:
    """Return the portal's configuration, or why its master key cannot be used."""
    keys = load_keys(settings)
    if isinstance(keys, Refusal):
        return keys
    return PortalConfig(
        secret=keys.derive("portal").encode(),
        secure=(settings.public_url or "").startswith("https://"),
        env=settings.env,
        settings=settings,
    )


class Late(Error):  # type: ignore[misc]  # noqa: N818 - the server's own word for an answer
    """The error for a request that takes too long to arrive."""

    code = 408
    reason = "Request Timeout"


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """One request as it comes in. `refused` is the status with which the application ends it."""

    refused = 0
    error: Error | None

    def __init__(self, adj: object, channel: "Channel") -> None:
        super().__init__(adj)
        self._channel = channel
        self._begun = time.monotonic()

    def received(self, data: bytes) -> int:
        """Parse received bytes and return how many belong to this request.

        A request that takes longer than REQUEST_SECONDS is refused.
        """
        taken: int = super().received(data)
        if time.monotonic() - self._begun > REQUEST_SECONDS:
            self.error, self.completed = Late(f"It took more than {REQUEST_SECONDS} seconds."), True
        elif self.headers_finished and not self.empty:
            self._bound()
        return taken

    def _bound(self) -> None:
        if isinstance(self.error, RequestEntityTooLarge) or (
            self.error is None and self._larger_than(body_limit(self.path))
        ):
            self._refuse(413)
        elif not self.completed and self._larger_than(SMALL_BYTES) and self._channel.crowded():
            self._refuse(503)

    def _larger_than(self, limit: int) -> bool:
        around = len(getattr(self.body_rcv, "control_line", b""))
        around += len(getattr(self.body_rcv, "trailer", b""))
        return max(self.content_length, self.body_bytes_received) > limit or (
            around > CHUNK_HEAD_BYTES
        )

    def _refuse(self, status: int) -> None:
        """Refuse the request with this status: drop its body and read no more.

        A client that sent `Expect` gets the answer at once.
        """
        self.close()
        self.body_rcv = self.error = None
        self.headers["CONTENT_LENGTH"] = "0"
        self.refused, self.completed, self.expect_continue = status, True, False
        self._channel.refusing = True


class Task(WSGITask):  # type: ignore[misc]
    """One answer; after a refusal the connection ends."""

    def execute(self) -> None:
        """Run the application; after a refused request, close the connection."""
        if self.request.refused:
            self.set_close_on_finish()
        super().execute()

    def get_environment(self) -> dict[str, object]:
        """Return the WSGI environment, with the refusal's status added."""
        found: dict[str, object] = super().get_environment()
        found[REFUSED] = self.request.refused
        return found


class Channel(HTTPChannel):  # type: ignore[misc]
    """A client's connection.

    After a refusal it stays open and drops further bytes up to a limit, because a client that is
    still sending reads our answer only afterwards.
    """

    task_class = Task
    refusing = False
    request: Parser | None
    _until = 0.0
    _left = 0

    def parser_class(self, adj: object) -> Parser:
        """Create the parser for a request of this connection."""
        return Parser(adj, self)

    def stored(self) -> int:
        """Return how many body bytes are buffered for this connection."""
        under_way = [*self.requests, *([self.request] if self.request else [])]
        return sum(one.body_bytes_received for one in under_way if not one.refused)

    def crowded(self) -> bool:
        """Check whether all connections together buffer more bytes than allowed."""
        stored: int = sum(one.stored() for one in list(self.server.active_channels.values()))
        return stored > STORED_BYTES

    def readable(self) -> bool:
        """Check whether the server should read from this connection."""
        return bool(self._left or super().readable())

    def handle_read(self) -> None:
        """Read the received bytes; after a refusal drop these bytes."""
        if not self._left:
            super().handle_read()
            return
        try:
            dropped = len(self.recv(SMALL_BYTES))
        except OSError:
            dropped = self._left
        self._left = max(0, self._left - dropped) if time.monotonic() < self._until else 0
        if not self._left and self.connected:
            self._end()

    def handle_close(self) -> None:
        """Shut down our sending side and wait for the client to finish; or close the connection."""
        if not self.refusing or self._until or not self.connected:
            self._end()
            return
        self._until, self._left = time.monotonic() + LINGER_SECONDS, LINGER_BYTES
        self.will_close = self.close_when_flushed = False
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._end()

    def _end(self) -> None:
        """Close the connection and discard an unfinished request."""
        self._left = 0
        if self.request is not None:
            self.request.close()
            self.request = None
        super().handle_close()


def collect_in_small_parts() -> None:
    """Configure garbage collection for short pauses.

    Objects loaded by now are exempt from collection, because they live as long as the process.
    Later objects are collected often and in small numbers, so that no page waits long.
    """
    gc.freeze()
    gc.set_threshold(YOUNG)


def serve_on(
    app: Flask, host: str, port: int, proxy: str | None = None
) -> tuple[BaseWSGIServer, int]:
    """Create a server for these pages that already listens, and return it with its port.

    `proxy`: the address of a trusted reverse proxy, whose X-Forwarded-For header names the client.
    """
    collect_in_small_parts()
    sockets: dict[int, object] = {}
    server = create_server(
        app,
        map=sockets,
        host=host,
        port=port,
        threads=THREADS,
        ident=None,
        trusted_proxy=proxy,
        trusted_proxy_headers={"x-forwarded-for"} if proxy else set(),
        clear_untrusted_proxy_headers=True,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=LINGER_SECONDS,
        max_request_header_size=HEADER_BYTES,
        max_request_body_size=DELIVERY_BYTES + 1,
    )
    listening = [each for each in sockets.values() if isinstance(each, BaseWSGIServer)]
    for each in listening:
        each.channel_class = Channel
    return server, int(listening[0].effective_port)
