"""What a process writes about itself: for people, for machines, and never a secret."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet

from holding.access.actors import Keys
from holding.platform import settings

SECRET = "nsk_4fJ2w8Qx"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield io.StringIO()
    logging.getLogger().handlers[:] = root
    logging.getLogger().setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_for_machines_is_one_object(stream: io.StringIO) -> None:
    settings.start_logging(for_machines=True, stream=stream)
    settings.logger("clearpost.workers").error("A company cannot push.", company=3, why="no key")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "A company cannot push.",
        "level": "error",
        "logger": "clearpost.workers",
        "company": 3,
        "why": "no key",
    }


def test_an_event_for_people_is_one_line(stream: io.StringIO) -> None:
    settings.start_logging(for_machines=False, stream=stream)
    settings.logger("clearpost.workers").warning("Redis is gone.", why="refused")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("[warning] Redis is gone. [clearpost.workers] why=refused")


def test_libraries_write_in_the_same_way_and_only_warnings(stream: io.StringIO) -> None:
    settings.start_logging(for_machines=True, stream=stream)
    logging.getLogger("a.library").info("nothing of note")
    logging.getLogger("a.library").warning("lost %s", "a job")
    (line,) = lines(stream)
    assert (line["event"], line["logger"]) == ("lost a job", "a.library")


@pytest.mark.parametrize("for_machines", [True, False])
def test_no_secret_gets_into_a_line(stream: io.StringIO, *, for_machines: bool) -> None:
    keys = Keys((Fernet.generate_key(),))
    assert keys.decrypt(keys.encrypt(SECRET, row="a"), row="a") == SECRET
    settings.start_logging(for_machines=for_machines, stream=stream)
    log = settings.logger("clearpost.portal")
    log.error(
        f"Refused {SECRET}.", sent={"url": f"x/?k={SECRET}", "key": [SECRET]}, password="pin9"
    )
    try:
        raise ValueError(SECRET)
    except ValueError:
        log.exception("A request failed.")
        logging.getLogger("werkzeug").exception("told %s", SECRET)
    told = stream.getvalue()
    assert "A request failed." in told
    assert "ValueError" in told
    assert SECRET not in told
    assert told.count(settings.HIDDEN) >= 5
    assert "pin9" not in told
