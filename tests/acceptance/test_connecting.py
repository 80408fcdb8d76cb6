"""A system is connected in the browser: tested before it is used, and its key changed under way."""

import datetime
import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean
from tests.acceptance.parts import Part, read
from tests.acceptance.product import (
    ADMIN,
    SIMULATOR_KEY,
    House,
    Product,
    Visitor,
    free_environment,
    until,
)
from tests.acceptance.quiet import BASE, rows, work, writes

pytestmark = pytest.mark.slow
OURS = "203.0.113.7"
OTHER_KEY = "aia_live_nobills_3Yd6"
BOOKS = {"company_id": "CMP-1042", "company_name": "Kedai Contoh Sdn Bhd"}
DAY = 86_400


@pytest.fixture(scope="module")
def office(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    env = {**free_environment(), "CLEARPOST_OUTGOING_ADDRESS": OURS}
    with quiet(Product(command, tmp_path_factory.mktemp("connecting"), env), STARTER) as found:
        yield found


def connect(who: Visitor, base: str, system: str, **given: str) -> str:
    """Fill in the form of a system and save it; the page that this leads to."""
    page = who.get(f"{base}/connections/new?system={system}")
    form = read(page).one("form", id="addform")
    sent = {**form.fields(), "name": system, **given}
    answer = who.post(f"{base}/connections/new", page, **sent)
    assert answer.status_code == 200, read(answer.text).text[:800]
    return answer.text


def steps_told(page: str) -> dict[str, tuple[str, str]]:
    """Step of the connection test -> how it ended, and all that is said of it."""
    found: list[Part] = read(page).one("section", id="conntest").all("li")
    return {
        one.one("span", cls="st").text: (one.one("span", cls="ms").text, one.text) for one in found
    }


def send_signed(
    office: House, path: str, secret: str, event: str, body: Mapping[str, Any], prefix: str
) -> requests.Response:
    """A delivery, signed as the page of the connection shows it."""
    raw, stamp = json.dumps(body).encode(), str(int(time.time()))
    digest = hmac.new(secret.encode(), f"{stamp}.{event}.".encode() + raw, hashlib.sha256)
    names = {"Timestamp": stamp, "Event-Id": event, "Signature": f"sha256={digest.hexdigest()}"}
    headers = {f"{prefix}-{name}": value for name, value in names.items()}
    return requests.post(office.address + path, data=raw, headers=headers, timeout=30)


def new_company(office: House) -> Visitor:
    """A company with its people and nothing else; its admin, signed in."""
    run, passwords = office.product.run, {}
    run("company", "add", "toko", "--name", "Toko Baru Sdn Bhd")
    for role in ("admin", "consultant", "publisher"):
        told = run("user", "add", f"{role}@toko.example", "--company", "toko", "--role", role)
        passwords[role] = told.stdout.split("only now: ")[1].split()[0]
    office.product.let_live()
    return Visitor(office.address, "admin@toko.example", passwords["admin"])


def test_E06_what_it_says(office: House) -> None:
    admin, base = new_company(office), "/c/toko"
    page = connect(admin, base, "netshop")
    secret = read(page).one("input", id="secret").attributes["value"]
    given = {**BOOKS, "base_url": office.target, "key": f" {SIMULATOR_KEY[:-1]}x\n"}
    given["unit_rates"] = "table"
    page = connect(admin, base, "aiaccount", **given)

    told = read(page).text
    assert "Spaces or line ends around the key were left out." in told
    assert "Its test failed, so nothing is sent there yet." in told
    assert "Not tested OK" in read(page).one("div", id="endpoints").text
    assert "key ends …7Qkx" in told
    steps = steps_told(page)
    hows = [how for how, _ in steps.values()]
    assert re.fullmatch(r"passed, [\d,.]+ m?s", hows[1]), hows
    assert [hows[0], *hows[2:]] == ["passed", "failed", *["not run"] * 5], "no call, no time"
    assert "AiAccount does not know this API key, ending in …7Qkx." in steps["Key accepted"][1]
    assert "Settings > Integrations > API Keys" in steps["Key accepted"][1]

    team = ("--company", "toko", "--as", "consultant@toko.example")
    office.product.run("rules", "push", str(STARTER), *team)
    office.product.run("publish", "1", "--company", "toko", "--as", "publisher@toko.example")
    order = {"event": "order.paid", "order": clean(801)}
    answer = send_signed(office, "/hooks/toko/netshop", secret, "evt_801", order, "X-NS16")
    assert answer.status_code == 202, answer.text
    before = len(writes(office, "NS-801"))
    work(office)
    assert len(writes(office, "NS-801")) == before == 0, "its route is off"

    page = admin.get(f"{base}/connections/aiaccount")
    answer = admin.post(f"{base}/connections/aiaccount/keys", page, key=SIMULATOR_KEY)
    assert "It passed its test and is in use now." in read(answer.text).text
    hows = [how for how, _ in steps_told(answer.text).values()]
    assert all(how.partition(",")[0] == "passed" for how in hows), hows
    work(office)
    assert [call["effect"] for call in writes(office, "NS-801")] == ["created"]

    path = f"{base}/connections/aiaccount/settings"
    for address, effects in ((f"{office.target}/elsewhere", []), (office.target, ["created"])):
        page = admin.get(path)
        form = read(page).one("form", id="settingsform")
        said = admin.post(path, page, **{**form.fields(), "base_url": address}).text
        if not effects:
            assert "Its test failed, so nothing is sent there yet." in read(said).text
            order = {"event": "order.paid", "order": clean(802)}
            send_signed(office, "/hooks/toko/netshop", secret, "evt_802", order, "X-NS16")
        work(office)
        assert [call["effect"] for call in writes(office, "NS-802")] == effects
        waits = read(admin.get(f"{base}/connections/aiaccount")).one("div", id="endpoints").text
        assert ("Not tested OK" in waits) is (effects == [])
    shown = answer.text + page + json.dumps(rows(office, "SELECT body FROM event"))
    assert SIMULATOR_KEY not in shown
    assert secret not in shown


class Quiet(BaseHTTPRequestHandler):
    """Nobody gets as far as to ask it."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def own_certificate(folder: Path) -> Path:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "books.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    made = made.public_key(key.public_key()).not_valid_before(now - datetime.timedelta(days=1))
    signed = made.not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / "own.pem"
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + signed.public_bytes(pem))
    return file


@contextmanager
def unreachable(folder: Path) -> Iterator[dict[str, str]]:
    """Four ways not to be reached -> an address of each."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own_certificate(folder))
    secure = HTTPServer(("127.0.0.1", 0), Quiet)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=secure.serve_forever, args=(0.05,), daemon=True).start()
    with socket.socket() as closed, socket.socket() as silent:
        for one in (closed, silent):
            one.bind(("127.0.0.1", 0))
        silent.listen(8)  # takes the connection and never answers
        yield {
            "name": "https://api.aiaccount.invalid",
            "refused": f"http://127.0.0.1:{closed.getsockname()[1]}",
            "tls": f"https://127.0.0.1:{secure.server_port}",
            "timeout": f"http://127.0.0.1:{silent.getsockname()[1]}",
        }
    secure.shutdown()
    secure.server_close()


def test_E22_what_it_says(office: House, tmp_path: Path) -> None:
    admin, said = office.visitor(ADMIN), {}
    words = {
        "name": "The name api.aiaccount.invalid was not found.",
        "refused": "127.0.0.1 refused the connection on port",
        "tls": "The certificate of 127.0.0.1 cannot be trusted",
        "timeout": "127.0.0.1 did not answer in time.",
    }
    with unreachable(tmp_path) as addresses:
        for why, address in addresses.items():
            given = {**BOOKS, "base_url": address, "key": SIMULATOR_KEY, "name": f"no_{why}"}
            how, told = steps_told(connect(admin, BASE, "aiaccount", **given))["Reach"]
            assert re.fullmatch(r"failed, [\d,.]+ m?s", how), how
            assert words[why] in told
            assert f"Our outgoing address is {OURS}." in told
            said[why] = told
    assert len({*said.values()}) == 4
    as_json = ("connection", "test", "no_refused", "--company", "kedai", "--as", ADMIN, "--json")
    steps = json.loads(office.product.run(*as_json, code=3).stdout)["steps"]
    assert [one["code"] for one in steps if one["ok"] is False] == ["reach.refused"]
    stored = rows(office, "SELECT name, test_steps FROM connection WHERE name LIKE 'no_%'")
    codes = {name: json.loads(steps)[1]["code"] for name, steps in stored}
    assert codes == {f"no_{why}": f"reach.{why}" for why in words}


def test_A09_what_it_says(office: House) -> None:
    admin = office.visitor(ADMIN)
    page = connect(admin, BASE, "intake", record_kinds="order")
    secret = read(page).one("input", id="secret").attributes["value"]
    purchase = {"kind": "purchase", "id": "PO-1", "number": "PO-1", "status": "open"}
    body = {"records": [purchase]}
    sign = (secret, "evt_po_1", body, "X-Clearpost")
    answer = send_signed(office, "/hooks/kedai/intake", *sign)
    assert answer.status_code == 403
    assert answer.json()["code"] == "delivery.kind"
    assert "intake may not deliver purchases, so nothing was taken" in answer.json()["title"]
    assert rows(office, "SELECT count(*) FROM record WHERE number = 'PO-1'") == [(0,)]
    events = rows(office, "SELECT body FROM event WHERE act = 'delivery.refused'")
    assert len(events) == 1
    assert "It may deliver orders." in str(events[0])
    listed = read(admin.get(f"{BASE}/connections/intake")).one("section", id="deliveries").text
    assert "Rejected intake may not deliver purchases" in listed

    page = admin.get(f"{BASE}/connections/intake/settings")
    path = f"{BASE}/connections/intake/settings"
    assert admin.post(path, page, record_kinds="purchase").status_code == 200
    answer = send_signed(office, "/hooks/kedai/intake", secret, "evt_po_2", body, "X-Clearpost")
    assert answer.status_code == 202, answer.text
    for other in ("toko", "nobody"):
        away = send_signed(office, f"/hooks/{other}/intake", *sign)
        assert away.status_code == 404, "a source delivers to its own company alone"


def test_E26_what_it_says(office: House) -> None:
    numbers = range(810, 822)
    admin, path = office.visitor(ADMIN), f"{BASE}/connections/aiaccount"
    with office.product.started("worker", "--no-redis"):
        for number in numbers:
            office.deliver(clean(number))
            if number == 815:
                page = admin.get(path)
                said = read(admin.post(f"{path}/keys", page, key="aia_live_of_nobody").text).text
                assert "It did not pass its test and is not used." in said
                said = read(admin.post(f"{path}/keys", page, key=OTHER_KEY).text).text
                assert "It passed its test and is in use now. The old key is disabled." in said
        names = {f"NS-{number}" for number in numbers}
        until(lambda: names <= {*office.created()}, "all posted", 120)
    effects = [[call["effect"] for call in writes(office, name)] for name in names]
    assert effects == [["created"]] * len(names), "no push failed, and none was made twice"
    states = rows(office, "SELECT DISTINCT state FROM push")
    assert {state for (state,) in states} == {"accepted"}
    query = "SELECT k.state, k.tail FROM connection_key k JOIN connection c ON c.id = "
    query += "k.connection_id JOIN company o ON o.id = c.company_id WHERE o.code = 'kedai' "
    query += "AND c.name = 'aiaccount' ORDER BY k.no"
    assert rows(office, query) == [("disabled", "7Qk2"), ("active", "3Yd6")]

    old = re.search(r"/keys/(\d+)/delete", admin.get(path))
    assert old is not None
    delete = f"{path}/keys/{old[1]}/delete"
    for day, status in ((6, 409), (8, 200)):
        office.product.shift_clock(day * DAY)
        later = office.visitor(ADMIN)
        answer = later.post(delete, later.get(path))
        assert answer.status_code == status, f"day {day}: {answer.text[:300]}"
    assert rows(office, query) == [("active", "3Yd6")]
