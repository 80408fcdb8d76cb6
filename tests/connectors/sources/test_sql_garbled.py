"""Values and servers that no shop should have: each is told in words, and ends no worker."""

import socket
import threading
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from connectors.contract.pulls import NoPage, Page
from connectors.registry import sources
from connectors.sources.sql.connector import SETTLEMENT, late_minutes
from connectors.sources.sql.pages import Unfit, convert_value, key_text
from connectors.transport.http import Http
from tests.connectors.shop_database import PASSWORD, QUERIES, ZONE, shop_database
from tests.connectors.sources.test_sql import NOW, begin, order
from tests.support.clock import SetClock

DAY = next(one for one in SETTLEMENT.fields if one.name == "settled_on")
HANDSHAKE = b"\x0a5.7.1\x00\x01\x00\x00\x00saltsalt\x00%b\x21\x02\x00\x08\x00\x15" + bytes(10)
HANDSHAKE += b"saltsaltsalt\x00mysql_clear_password\x00"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shops")
    with (
        pytest.MonkeyPatch.context() as patched,
        shop_database("sqlite", folder, patched.setenv) as made,
    ):
        made.run(*order(1, NOW - timedelta(hours=1)))
        yield made


def test_to_go_back_has_an_end_whatever_the_settings_say(shop):
    assert late_minutes({"late_minutes": "1440"}) == 1440
    assert late_minutes({"late_minutes": "99999999999"}) == 1440
    told = shop.page(begin(), NOW, late_minutes="99999999999")
    assert isinstance(told, Page)


def test_what_is_no_number_is_no_id_and_no_place_of_a_line(shop):
    for strange in ("Infinity", "-Infinity", "NaN"):
        assert key_text(Decimal(strange)) == ""
    assert key_text(Decimal("12345678901234567890")) == "12345678901234567890"
    for strange in ("Infinity", "NaN"):
        value = Decimal(strange)
        assert _pos_of(value) == 0


def _pos_of(value):
    from connectors.kit.canonical_record import Cell
    from connectors.sources.sql.pages import _pos

    return _pos({"pos": Cell("line 1", value)})


def test_the_end_of_all_days_is_no_day_and_is_told():
    told = convert_value("9999-12-31T23:59:59Z", DAY, ZoneInfo("Asia/Kuala_Lumpur"))
    assert isinstance(told, Unfit)
    assert convert_value("2026-11-19T23:59:59Z", DAY, ZONE) == date(2026, 11, 20)


def test_a_value_that_fills_the_memory_is_not_even_made(shop):
    query = "SELECT id, updated_at, hex(zeroblob(40000000)) AS number FROM orders"
    found, _ = shop.reading(begin(), NOW, order_query=query, order_columns="", line_query="")
    assert found
    for record in (one.records[0] for one in found):
        assert "The order is longer than may be read at once." in {
            one["message"] for one in record.faults
        }


@pytest.fixture
def speaking(monkeypatch):
    """A server that says these bytes, and the port; what it was answered comes into a list."""
    monkeypatch.setenv("CLEARPOST_SQL_HOSTS", "127.0.0.1")
    opened, heard = [], []

    def begin_to(said, *, hang=False):
        server = socket.create_server(("127.0.0.1", 0))
        opened.append(server)

        def serve():
            caller, _ = server.accept()
            opened.append(caller)
            caller.settimeout(5)
            caller.sendall(said)
            try:
                heard.append(caller.recv(4096))
            except OSError:
                heard.append(b"")
            if not hang:
                caller.close()

        threading.Thread(target=serve, daemon=True).start()
        return server.getsockname()[1], heard

    yield begin_to
    for one in opened:
        one.close()


def asked(url):
    source = sources()["sql"]
    return source.page(begin(), {"base_url": url, **QUERIES}, PASSWORD, ZONE, Http(SetClock(NOW)))


@pytest.mark.parametrize("system", ["postgresql", "mariadb"])
@pytest.mark.parametrize(
    "said", [b"\x05\x00\x00\x00HELLO", b"\x02\x00\x00\x00\x0a5", b"HTTP/1.1 400 Bad\r\n\r\n", b""]
)
def test_a_server_that_is_no_database_is_told_as_what_it_is(speaking, system, said):
    pytest.importorskip("pymysql")
    port, _ = speaking(said)
    told = asked(f"{system}://reader@127.0.0.1:{port}/shop")
    assert isinstance(told, NoPage)
    title = {"postgresql": "PostgreSQL", "mariadb": "MariaDB"}[system]
    hung_up = not said or (system == "mariadb" and said.startswith(b"HTTP"))
    stranger = f"127.0.0.1 answers on port {port}, and is no {title}."
    nobody = "The database cannot be reached, or does not take connections now."
    assert told.words == (nobody if hung_up else stranger)


@pytest.mark.parametrize("plain", [b"\xff\xf7", b"\xff\xff"])
def test_a_server_that_must_encrypt_and_does_not_hears_no_password(speaking, monkeypatch, plain):
    pytest.importorskip("pymysql")
    from connectors.sources.sql import database
    from connectors.transport.strict_json import Destination

    said = HANDSHAKE % plain
    port, heard = speaking(len(said).to_bytes(3, "little") + b"\x00" + said)
    to = Destination("tls", "127.0.0.1", port, "127.0.0.1")
    monkeypatch.setattr(database, "resolve_host", lambda *_: to)
    told = asked(f"mariadb://reader@127.0.0.1:{port}/shop")
    assert isinstance(told, NoPage)
    assert not told.key_refused
    assert all(word not in b"".join(heard) for word in (b"reader", PASSWORD.encode()))
