"""What strangers and bad drafts may use of the machine, watched from outside."""

import html
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import quiet
from tests.acceptance.product import (
    CURRENT_COMPANY,
    House,
    Product,
    alive,
    children_of,
    free_environment,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]
HOOK = f"/hooks/{CURRENT_COMPANY}/netshop"
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company whose pages are served, in a process of its own."""
    folder = tmp_path_factory.mktemp("limits")
    (folder / "tmp").mkdir()
    env = {"CLEARPOST_CHECK_SECONDS": "1", "TMPDIR": str(folder / "tmp")}
    with quiet(Product(command, folder, free_environment() | env), STARTER) as found:
        yield found


class Process:
    """The process that listens at an address, seen from outside."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.host, _, port = address.removeprefix("http://").partition(":")
        self.port = int(port)
        self.pid = _listener(self.port)

    def on_disk(self) -> int:
        """The bytes of files that it holds open and that have no name any more."""
        total = 0
        for place in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                if "(deleted)" in str(place.readlink()):
                    total += place.stat().st_size
            except OSError:
                continue
        return total

    def memory(self) -> int:
        """The bytes that it has in memory."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0

    def seconds(self) -> float:
        """The processor time it used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open(self, head: str, body: bytes = b"") -> socket.socket:
        """A connection on which a request was sent, or the first of it."""
        line = socket.create_connection((self.host, self.port), timeout=30)
        line.sendall((head.replace("\n", "\r\n") + "\r\n\r\n").encode() + body)
        return line


def _listener(port: int) -> int:
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    [inode] = [one[9] for one in lines if one[1].endswith(f":{port:04X}") and one[3] == "0A"]
    for place in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(place.readlink()) == f"socket:[{inode}]":
                return int(place.parts[2])
        except OSError:
            continue
    raise AssertionError(f"nobody listens at {port}")


def answer(line: socket.socket) -> tuple[int, str]:
    """The status and the text of what comes back until the other side ends."""
    got = b""
    while piece := line.recv(65536):
        got += piece
    return int(got.split(b" ", 2)[1]), got.decode()


@pytest.fixture
def portal(house: House) -> Process:
    return Process(house.address)


LARGE = f"Content-Length: {250 * MEGABYTE}"
TOO_LARGE = {
    "page": (
        "POST /signin HTTP/1.1\nHost: x\nAccept: text/html\n" + LARGE,
        "<h1>The file is too large",
    ),
    "program": (
        f"POST /api/v1/c/{CURRENT_COMPANY}/holds/many HTTP/1.1\nHost: x\n{LARGE}",
        '"what":"The body is too large."',
    ),
    "delivery": (f"POST {HOOK} HTTP/1.1\nHost: x\n{LARGE}", '"code":"http.413"'),
    "asks first": (
        f"POST {HOOK} HTTP/1.1\nHost: x\nExpect: 100-continue\n{LARGE}",
        '"code":"http.413"',
    ),
    "form": (
        f"POST /signin HTTP/1.1\nHost: x\nContent-Length: {MEGABYTE + 1}",
        "The limit is 20 MB a delivery, 1 MB a form.",
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_T29a_a_body_that_is_too_large_is_refused_by_what_it_announces(
    portal: Process, name: str
) -> None:
    head, said = TOO_LARGE[name]
    before = portal.seconds()
    with portal.open(head) as line:
        status, text = answer(line)  # not a byte of the body was sent
    assert status == 413
    assert said in text
    assert "Connection: close" in text
    assert "100 Continue" not in text
    assert portal.on_disk() == 0
    assert portal.seconds() - before < 1


@pytest.mark.parametrize("path", [HOOK, "/signin"])
def test_T29a_what_is_sent_all_the_same_is_dropped_and_the_answer_is_read(
    portal: Process, path: str
) -> None:
    before, memory, piece = portal.seconds(), portal.memory(), b"x" * MEGABYTE
    head = f"POST {path} HTTP/1.1\nHost: x\nContent-Length: {40 * MEGABYTE}"
    with portal.open(head, piece) as line:
        for _ in range(39):
            line.sendall(piece)
            assert portal.on_disk() == 0
        assert requests.get(f"{portal.address}/signin", timeout=30).status_code == 200
        status, text = answer(line)
    assert status == 413
    assert "The file is too large." in text
    assert portal.seconds() - before < 2
    assert portal.memory() - memory < 10 * MEGABYTE


@pytest.mark.parametrize(("path", "limit"), [(HOOK, 20 * MEGABYTE), ("/signin", MEGABYTE)])
def test_T29a_a_body_without_a_length_is_cut_at_the_limit(
    portal: Process, path: str, limit: int
) -> None:
    piece, sent = b"10000\r\n" + b"x" * 65536 + b"\r\n", 0
    with portal.open(f"POST {path} HTTP/1.1\nHost: x\nTransfer-Encoding: chunked") as line:
        while sent < limit + 4 * MEGABYTE:
            line.sendall(piece)
            sent += 65536
            assert portal.on_disk() <= limit + 65536
        status, text = answer(line)
    assert status == 413
    assert "The file is too large." in text
    assert portal.on_disk() == 0


def test_T29a_what_stands_around_the_chunks_is_limited_too(portal: Process) -> None:
    before = portal.seconds()
    for around in (b"1;" + b"x" * MEGABYTE, b"0\r\nX: " + b"x" * MEGABYTE):
        with portal.open(f"POST {HOOK} HTTP/1.1\nHost: x\nTransfer-Encoding: chunked") as line:
            line.sendall(around)
            assert answer(line)[0] == 413
    assert portal.seconds() - before < 1


def test_T29a_many_who_send_slowly_store_no_more_than_eight_deliveries(portal: Process) -> None:
    head = f"POST {HOOK} HTTP/1.1\nHost: x\nContent-Length: {20 * MEGABYTE}"
    bound, part = 8 * 20 * MEGABYTE, b"x" * (19 * MEGABYTE)
    lines = [portal.open(head) for _ in range(11)]
    senders = [threading.Thread(target=line.sendall, args=(part,)) for line in lines]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert portal.on_disk() <= bound + MEGABYTE
    refused = []
    for line in lines:
        line.settimeout(0.2)
        try:
            refused.append(answer(line))
        except TimeoutError:
            continue
    assert len(refused) >= 2
    for status, text in refused:
        assert status == 503
        assert "Too much is being sent here at once." in text
        assert "Retry-After: 10" in text
    small = requests.get(f"{portal.address}/signin", timeout=30)
    assert small.status_code == 200
    for line in lines:
        line.close()
    good = requests.post(portal.address + HOOK, data=b"x" * (20 * MEGABYTE), timeout=30)
    assert good.status_code == 401, "as large as it may be, and not signed"
    until(lambda: portal.on_disk() == 0, "an empty disk")


def test_T29a_a_form_of_almost_a_megabyte_is_read(portal: Process) -> None:
    form = {"email": "a@b.c", "password": "x" * (MEGABYTE - 1000)}
    told = requests.post(f"{portal.address}/signin", data=form, timeout=30)
    assert told.status_code == 400  # read, and without its token


DRAFT = f"/c/{CURRENT_COMPANY}/rules/draft/clearing.rules"
CHECK = """
check heavy_{0} on order
    require  {1}
    else     warn
    say      "Heavy."
    clears   when it passes
"""


def heavy(number: int) -> str:
    """A check that nobody would write, and that takes long to look at."""
    each = " or ".join(f"(total > {n}.00 and total < {n}.50)" for n in range(5_500))
    return CHECK.format(number, each)


def draft_of(page: str) -> str:
    found = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def test_T29c_eight_bad_drafts_do_not_stop_the_pages(house: House, portal: Process) -> None:
    writers = [house.visitor("consultant@kedai.example")] * 8
    page = writers[0].get(DRAFT)
    text, before = draft_of(page), portal.seconds()
    served = most = 0
    with ThreadPoolExecutor(8) as people:
        sent = [
            people.submit(writer.post, DRAFT, page, text=text + heavy(number))
            for number, writer in enumerate(writers)
        ]
        while not all(each.done() for each in sent):
            assert requests.get(f"{portal.address}/signin", timeout=30).status_code == 200
            served += 1
            most = max(most, len(alive(children_of(portal.pid))))
    answers = [each.result() for each in sent]
    stopped = [one for one in answers if one.status_code == 422]
    busy = [one for one in answers if one.status_code == 503]
    assert len(stopped) + len(busy) == 8
    assert len(stopped) >= 2
    assert busy
    assert served >= 10, "pages while the drafts were looked at"
    assert most <= 2
    assert portal.seconds() - before < 4 + served / 20
    for one in stopped:
        assert "The check was stopped after" in one.text
        assert "heavy_" in draft_of(one.text), "what was written is still there"
    for one in busy:
        assert "Other rules are being checked at the moment." in one.text
        assert one.headers["Retry-After"] == "5"
        assert "heavy_" in draft_of(one.text)


def test_T29c_a_usual_draft_is_looked_at_as_ever(house: House, portal: Process) -> None:
    writer = house.visitor("consultant@kedai.example")
    page = writer.get(DRAFT)  # what the test before wrote is kept for who wrote it
    text = draft_of(page).partition("\ncheck heavy_")[0] + "\n"
    told = writer.post(DRAFT, page, text=text + "# a note\n")
    assert told.status_code == 200
    assert "This could come into force: " in told.text
    [child] = alive(children_of(portal.pid))
    again = writer.post(DRAFT, page, text=text + "# another note\n")
    assert "This could come into force: " in again.text
    assert alive(children_of(portal.pid)) == {child}, "it is kept for the next draft"


def test_T29c_a_portal_that_is_killed_leaves_nobody_behind(house: House, portal: Process) -> None:
    left = alive(children_of(portal.pid))
    assert left
    os.kill(portal.pid, signal.SIGKILL)
    until(lambda: not alive(left), "an end of those who look at rules")
