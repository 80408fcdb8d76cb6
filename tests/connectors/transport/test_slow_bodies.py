"""An answer that comes in drops is read to its end, or given up when its time is over."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from connectors.transport.http import Http, HttpAnswer, HttpFailure

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Serve = Callable[[bytes, Sequence[bytes], float], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answers one call with this head, then these pieces, each after a pause."""
    over, doors = threading.Event(), []

    def begin(head: bytes, pieces: Sequence[bytes], pause: float) -> str:
        door = socket.create_server(("127.0.0.1", 0))
        doors.append(door)

        def drip() -> None:
            call = door.accept()[0]
            with call:
                call.recv(65536)
                try:
                    call.sendall(head)
                    for piece in pieces:
                        if over.wait(pause):
                            return
                        call.sendall(piece)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        return f"http://127.0.0.1:{door.getsockname()[1]}"

    yield begin
    over.set()
    for door in doors:
        door.close()


def ask(url: str) -> HttpAnswer | HttpFailure:
    """At most half a second in all, and a fifth without a word."""
    return Http(connect_seconds=0.1, read_seconds=0.2).request("GET", url, headers={})


@pytest.mark.parametrize("head", [PLAIN, CHUNKED], ids=["plain", "chunked"])
def test_drops_without_an_end_hold_nobody(serve: Serve, head: bytes) -> None:
    drop = b"x" if head is PLAIN else b"1\r\nx\r\n"
    url = serve(head, [drop] * 99, 0.05)
    started = time.monotonic()
    answer = ask(url)
    assert isinstance(answer, HttpFailure)
    assert (answer.kind, answer.status) == ("no_answer", 200)
    assert "in time" in answer.words
    assert time.monotonic() - started < 1.5  # the whole of it would take five seconds


def test_drops_that_end_are_an_answer(serve: Serve) -> None:
    for head, pieces in (
        (PLAIN, [b"x" * 25] * 4),
        (CHUNKED, [b"32\r\n", b"x" * 50, b"\r\n32\r\n" + b"x" * 50 + b"\r\n", b"0\r\n\r\n"]),
    ):
        answer = ask(serve(head, pieces, 0.02))
        assert isinstance(answer, HttpAnswer), answer
        assert answer.body == b"x" * 100


def test_drops_that_stop_early_are_none(serve: Serve) -> None:
    for head, pieces in ((PLAIN, [b"x" * 25] * 3), (CHUNKED, [b"32\r\n", b"x" * 50, b"\r\n"])):
        answer = ask(serve(head, pieces, 0.02))
        assert isinstance(answer, HttpFailure), answer
        assert answer.kind == "no_answer"
