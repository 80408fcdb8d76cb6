"""What can be wrong with a connection: six answers that differ, each with its next step and its
place in the other system, for every system that is called.
"""

import html
import socket
import socketserver
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlalchemy import select

from connectors.contract.pulls import Testable
from connectors.registry import sources, targets
from holding.access.actors import SYSTEM
from holding.connections.connections import set_key
from holding.db.models import Connection
from tests.connectors.shop_database import PASSWORD, QUERIES, shop_database
from tests.portal.reading import plain
from tests.support.simulator import DEMO_KEY, simulator

pytestmark = pytest.mark.sqlite
NEW = "/c/kedai/connections/new"
PAGE = "/c/kedai/connections/tried"
KEY, HOST, COMPANY, RIGHTS, PORT, MOVED = "key", "host", "company", "rights", "port", "redirect"
CALLED_BY_NOBODY = {"autocount_excel", "intake", "workbook"}
"""Systems that Clearpost never calls: a person carries files, or they call us."""


@dataclass(frozen=True)
class Answer:
    """What is changed in a connection that is good, or what its stand-in meets; then the step that
    says so, what it says, and where to go.
    """

    step: str
    words: str
    hint: str
    given: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""
    warned: bool = False


@dataclass(frozen=True)
class System:
    """A connection that is good, and what each mistake leads to."""

    key: str
    answers: Mapping[str, Answer]
    given: Mapping[str, str] = field(default_factory=dict)


REACH: Mapping[str, tuple[str, str]] = {
    HOST: ("The name books.invalid was not found.", "ask who runs your network"),
    PORT: ("127.0.0.1 refused the connection on port ", "or open the firewall"),
    MOVED: ("The address sends us on to login.elsewhere.example.", "not of the web page"),
}
UNTOLD = "It may read; whether it may write, only a write shows."

SYSTEMS: Mapping[str, System] = {
    "aiaccount": System(
        DEMO_KEY,
        {
            KEY: Answer(
                "Key accepted",
                "AiAccount does not know this API key, ending in …body.",
                "Settings > Integrations > API Keys",
                {"key": "aia_live_of_nobody"},
            ),
            COMPANY: Answer(
                "Company",
                "The key is good, and reaches no company CMP-9.",
                "Correct the company ID, or create the key in that company at Settings >",
                {"company_id": "CMP-9"},
            ),
            RIGHTS: Answer(
                "Permission",
                "Missing: “Write sales”:",
                "Tick Write sales",
                {"key": "aia_live_readonly_2Lm5"},
            ),
        },
        {"company_id": "CMP-1042", "company_name": "Kedai Contoh Sdn Bhd"},
    ),
    "autocount": System(
        "acc_demo_9Tq4Lx",
        {
            KEY: Answer(
                "Key accepted",
                "AutoCount does not accept this API key, ending in …rong, for account book 1042.",
                "settings of the account book, tab API Keys",
                {"key": "acc_wrong"},
            ),
            COMPANY: Answer(
                "Account book",
                "The key is good, and reaches no account book 1099.",
                "Correct the number of the account book",
                {"company_id": "1099"},
            ),
            RIGHTS: Answer(
                "Permission",
                UNTOLD,
                "In AutoCount open settings of the account book, tab API Keys, and allow the key",
                {"key_id": "cp-reader", "key": "acc_reader_1Hs7"},
                warned=True,
            ),
        },
        {"company_id": "1042", "key_id": "cp-demo", "locked_through": "none"},
    ),
    "autocount_aotg": System(
        "aotg-demo-4Vr8:3DT88-KEDAI-CONTO-H0001-7QK2M",
        {
            KEY: Answer(
                "Key accepted",
                "Invalid user name, password or API key.",
                "with AOTG's portal",
                {"key": "wrong:3DT88-KEDAI-CONTO-H0001-7QK2M"},
            ),
            COMPANY: Answer(
                "Key text",
                "The API key is not that of the account book 9KX21.",
                "Compare the account book",
                {"company_id": "9KX21"},
            ),
            RIGHTS: Answer(
                "Permission",
                UNTOLD,
                "See in AutoCount's user maintenance",
                warned=True,
            ),
        },
        {
            "company_id": "3DT88",
            "user_name": "clearpost@kedai.example",
            "locked_through": "none",
        },
    ),
    "quickbooks": System(
        "qbo-client-3Rk9:qbo-refresh-5Mx8-0",
        {
            KEY: Answer(
                "Key renewal",
                "Intuit answered 401 to the refresh token: invalid_client.",
                "Compare client ID and client secret at developer.intuit.com",
                {"key": "qbo-client-other:qbo-refresh-5Mx8-0"},
            ),
            COMPANY: Answer(
                "Company",
                "The key reaches no company 9130999.",
                "Correct the company ID, or connect to that company of QuickBooks.",
                {"company_id": "9130999"},
            ),
            RIGHTS: Answer(
                "Permission",
                "QuickBooks does not let the app into these books.",
                "Have an administrator of the company press Connect to QuickBooks",
                fault="shut",
            ),
        },
        {"company_id": "9130347", "client_id": "AB-clearpost-app", "token_url": "{tokens}"},
    ),
    "netshop": System(
        "ns16-hook-demo-7Qm2",
        {
            KEY: Answer(
                "Key accepted",
                "NetShop does not accept the secret.",
                "Make a new secret here, enter it in NetShop",
                {"key": "ns16-hook-of-nobody"},
            ),
            COMPANY: Answer(
                "Shop",
                "There is no NetShop shop at this address of 127.0.0.1.",
                "put up /clearpost/changes at this address",
                {"base_url": "{there}/elsewhere"},
            ),
            RIGHTS: Answer(
                "Permission",
                "The list of changes is not allowed.",
                "go to Settings > Notifications",
                fault="rest_forbidden",
            ),
        },
    ),
    "woocommerce": System(
        "woo-hook-demo-4Kd8:ck_demo_3b7f:cs_demo_9x2q",
        {
            KEY: Answer(
                "Key accepted",
                "WooCommerce does not accept the REST API key.",
                "Settings > Advanced > REST API",
                {"key": "woo-hook-demo-4Kd8:ck_demo_3b7f:cs_other"},
            ),
            COMPANY: Answer(
                "Shop",
                "There is no WooCommerce shop at this address of 127.0.0.1.",
                "Settings > General",
                {"base_url": "{there}/elsewhere"},
            ),
            RIGHTS: Answer(
                "Permission",
                "The key may not read orders.",
                "set Permissions to Read",
                fault="rest_forbidden",
            ),
        },
    ),
    "shopify": System(
        "shpss_demo_4Kx9:shpat_demo_7Qk2",
        {
            KEY: Answer(
                "Key accepted",
                "Shopify does not accept the access token.",
                "Settings > Apps > Develop apps",
                {"key": "shpss_demo_4Kx9:shpat_other"},
            ),
            COMPANY: Answer(
                "Shop",
                "There is no Shopify shop at this address of 127.0.0.1.",
                "Settings > Domains",
                {"base_url": "{there}/elsewhere"},
            ),
            RIGHTS: Answer(
                "Permission",
                "The app may not read orders.",
                "tick read_orders",
                fault="rest_forbidden",
            ),
        },
    ),
    "shopee": System(
        "shpk_demo_3Lw8:refresh-0",
        {
            KEY: Answer(
                "Key renewal",
                "Shopee gave no access token for the refresh token: Invalid refresh_token.",
                "At open.shopee.com authorize the app for the shop again",
                {"key": "shpk_demo_3Lw8:refresh-9"},
            ),
            COMPANY: Answer(
                "Shop",
                "The app reaches no shop 89.",
                "Correct the shop ID",
                {"shop_id": "89"},
            ),
            RIGHTS: Answer(
                "Permission",
                "The app may not read orders.",
                "have the module Order allowed",
                fault="rest_forbidden",
            ),
        },
        {"partner_id": "2001234", "shop_id": "88", "e_invoice_issuer": "us"},
    ),
    "lazada": System(
        "lzd_demo_6Tn5:refresh-0",
        {
            KEY: Answer(
                "Key renewal",
                "Lazada gave no access token for the refresh token: The refresh token is invalid",
                "At open.lazada.com authorize the app for the seller again",
                {"key": "lzd_demo_6Tn5:refresh-9"},
            ),
            COMPANY: Answer(
                "Shop",
                "The key belongs to another seller: Kedai Demo, ID 1000165972, not 1000.",
                "Correct the seller ID",
                {"seller_id": "1000"},
            ),
            RIGHTS: Answer(
                "Permission",
                "The app may not read orders.",
                "apply for the API group of orders",
                fault="rest_forbidden",
            ),
        },
        {"app_key": "123456", "token_url": "{there}", "e_invoice_issuer": "us"},
    ),
    "sql": System(
        PASSWORD,
        {
            KEY: Answer(
                "Login",
                "The database does not accept the login.",
                "Compare the user in the address",
                {"key": "another-pa55-word"},
            ),
            HOST: Answer(
                "Reach",
                "The name books.invalid was not found.",
                "Compare the address",
                {"base_url": "mariadb://reader@books.invalid/shop"},
            ),
            COMPANY: Answer(
                "Login",
                "There is no such database there, or the login may not open it.",
                "Compare the end of the address.",
                {"base_url": "{there}_other"},
            ),
            RIGHTS: Answer(
                "Orders",
                "The login may not read what the query names.",
                "let this login SELECT from these tables",
                fault="revoke",
            ),
            PORT: Answer(
                "Reach",
                "127.0.0.1 refused the connection on port ",
                "Compare the port",
                {"base_url": "{user}@{closed}/shop"},
            ),
            MOVED: Answer(
                "Reach",
                "127.0.0.1 answers on port ",
                "Enter the address of the database, not of a web page",
                {"base_url": "postgresql://reader@{web}/shop"},
            ),
        },
        {**QUERIES},
    ),
}


class Web(socketserver.BaseRequestHandler):
    """A web server that is spoken to in another tongue."""

    def handle(self):
        self.request.recv(64)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


class Page(BaseHTTPRequestHandler):
    """A web page that sends on."""

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(302)
        self.send_header("Location", "https://login.elsewhere.example/in")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET  # noqa: N815

    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def places():
    """A web page, and a port at which nobody listens."""
    page = HTTPServer(("127.0.0.1", 0), Page)
    web = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Web)
    for server in (page, web):
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield {
            "page": f"127.0.0.1:{page.server_port}",
            "web": f"127.0.0.1:{web.server_address[1]}",
            "closed": f"127.0.0.1:{closed.getsockname()[1]}",
        }
    for server in (page, web):
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def start(tmp_path_factory, seeded):
    """The stand-in of a system, or a database for the one that has none."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CLEARPOST_ENV", "test")

        def running(name):
            folder = tmp_path_factory.mktemp(name)
            if name == "sql":
                return shop_database("mariadb", folder, patched.setenv)
            ahead = seeded.clock.now() - datetime.now(UTC)
            (folder / "clock").write_text(str(ahead.total_seconds()), "ascii")
            return simulator(folder, "--home", str(folder), name=name)

        yield running


def tried(adam, database, given):
    """The steps of the test of a new connection, as they are kept and as its page tells them."""
    if given["system"] == "netshop":  # its secret is made here, and shown once
        assert "Enter its address and secret there" in adam.post(NEW, given).text
        with database.write() as session:
            row = session.scalars(select(Connection).where(Connection.name == "tried")).one()
            set_key(session, SYSTEM, row.id, given["key"], now=datetime.now(UTC))
        adam.post(f"{PAGE}/test", {})
    else:
        adam.post(NEW, given, status=303)
    page = html.unescape(plain(adam.text(PAGE)))
    with database.write() as session:
        row = session.scalars(select(Connection).where(Connection.name == "tried")).one()
        steps = list(row.test_steps)
        row.name = f"tried_{row.id}"
    return steps, page


def met(there, fault):
    """As it was at first; let the next question meet this."""
    if hasattr(there, "control"):
        there.control("reset")
    if fault == "revoke":
        who = f"'{there.name[-20:]}'@'%'"
        there.run(f"GRANT SELECT ON {there.name}.blogger_settlements TO {who}")
        there.run(f"REVOKE SELECT ON {there.name}.* FROM {who}")
    elif fault == "shut":
        there.control("company", shut=True)
    elif fault:
        there.control("faults", plan=[fault])


def test_every_system_that_is_called_stands_in_the_table():
    called = {name for name, one in sources().items() if isinstance(one, Testable)}
    assert called | targets().keys() | CALLED_BY_NOBODY == SYSTEMS.keys() | CALLED_BY_NOBODY
    assert not called & CALLED_BY_NOBODY
    assert {name for name, one in sources().items() if hasattr(one, "page")} == called


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_six_mistakes_have_six_answers(visit, database, places, start, name):
    system, adam, seen = SYSTEMS[name], visit("adam"), {}
    ways = {
        HOST: "https://books.invalid",
        PORT: f"http://{places['closed']}",
        MOVED: f"http://{places['page']}",
    }
    reach = {
        why: Answer("Reach", *REACH[why], {"base_url": ways[why], "token_url": ways[why]})
        for why in REACH
    }
    with start(name) as there:
        address = there.settings["base_url"] if name == "sql" else there.url
        words = {
            "there": address,
            "tokens": f"{address}/oauth2/v1/tokens/bearer",
            "user": address.rpartition("@")[0],
            **places,
        }
        for why, answer in {**reach, **system.answers}.items():
            given = {"base_url": address, "key": system.key, **system.given, **answer.given}
            if why in reach and "token_url" not in system.given:
                given.pop("token_url", None)
            asked = {field: value.format(**words) for field, value in given.items()}
            met(there, answer.fault)
            steps, page = tried(adam, database, {"system": name, "name": "tried", **asked})
            wanted = None if answer.warned else False
            (step,) = [
                one
                for one in steps
                if one["name"].startswith(answer.step) and one["ok"] is wanted and one["hint"]
            ][:1] or [{"words": steps, "hint": ""}]
            assert answer.words in str(step["words"]), (why, steps)
            assert answer.hint in step["hint"], (why, steps)
            assert step["words"] in page, why
            assert step["hint"] in page, why
            seen[why] = (step["words"], step["hint"])
    assert len(seen) == 6
    assert len({*seen.values()}) == 6, seen
