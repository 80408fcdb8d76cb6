"""The way to a system, against real sockets: each failure has a code and a next step of its own."""

import datetime
import http.server
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connectors import registry
from connectors.kit.calls import reach
from connectors.transport.http import Http

SHORT = 0.4  # seconds; nobody answers, so it is waited for in full


class Web(http.server.BaseHTTPRequestHandler):
    """A web page that sends on, and a system that is busy."""

    def do_GET(self):
        self.send_response(503 if self.path.startswith("/busy") else 302)
        self.send_header("Location", "https://login.elsewhere.example/in")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


def certificate(folder):
    """One that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "own.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(pem))
    return path


def serving(folder=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    if folder is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate(folder))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """What is wrong there -> its address."""
    plain, secure = serving(), serving(tmp_path_factory.mktemp("tls"))
    with socket.socket() as closed, socket.socket() as silent:
        closed.bind(("127.0.0.1", 0))  # bound, and nobody listens
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)  # taken, and never answered
        yield {
            "name": "https://api.aiaccount.invalid",
            "refused": f"http://127.0.0.1:{closed.getsockname()[1]}",
            "tls": f"https://127.0.0.1:{secure.server_port}",
            "timeout": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "redirect": f"http://127.0.0.1:{plain.server_port}",
            "unavailable": f"http://127.0.0.1:{plain.server_port}/busy",
            "blocked": "https://10.0.0.7",
        }
    for server in (plain, secure):
        server.shutdown()
        server.server_close()


TOLD = {
    "name": ("The name api.aiaccount.invalid was not found.", "ask who runs your network"),
    "refused": ("127.0.0.1 refused the connection on port ", "or open the firewall"),
    "tls": ("The certificate of 127.0.0.1 cannot be trusted, so nothing was sent.", "to renew it"),
    "timeout": ("127.0.0.1 did not answer in time.", "outgoing address to be allowed"),
    "redirect": ("The address sends us on to login.elsewhere.example.", "not of the web page"),
    "unavailable": ("127.0.0.1 answered 503: it is not available now.", "in a few minutes"),
    "blocked": ("10.0.0.7 is 10.0.0.7: an address inside a network", "in the internet"),
}


@pytest.mark.parametrize("why", TOLD)
def test_E22_each_way_not_to_be_reached_has_its_code_and_its_next_step(places, monkeypatch, why):
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "1")
    words, hint = TOLD[why]
    settings = {"base_url": places[why], "company_id": "1", "key_id": "K", "client_id": "C"}
    http_ = Http(connect_seconds=SHORT, read_seconds=SHORT)
    for name, secret in (("aiaccount", "a-key-of-it"), ("autocount", "a-key-of-it")):
        report = registry.targets()[name].test(
            {**settings, "locked_through": "none"}, secret, http_
        )
        key, step, *later = report.steps
        assert key.ok is True
        assert (step.name, step.ok, step.code) == ("Reach", False, f"reach.{why}")
        assert step.words.startswith(words)
        assert hint in step.hint
        assert {one.ok for one in later} == {None}
        assert {one.words for one in later} == {"Not run: reach comes first."}
        assert report.snapshot is None
        assert report.reached is (why == "redirect")
        if why == "timeout":
            break


def test_who_answers_is_reached(places, monkeypatch):
    monkeypatch.setenv("CLEARPOST_ENV", "test")
    monkeypatch.setenv("CLEARPOST_ALLOW_LOOPBACK", "1")
    answer = Http().request("GET", places["redirect"], headers={})
    step = reach({"base_url": places["redirect"]}, answer)
    assert step.code == "reach.redirect"
