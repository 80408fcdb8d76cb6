"""To whom a database source says its login: certificates that are good, and never in plain text.

Here: servers that speak as much of each protocol as it takes until the login, behind real TLS.
"""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.contract.pulls import NoPage
from connectors.sources.sql import database
from connectors.transport.strict_json import Destination
from tests.connectors.shop_database import PASSWORD
from tests.connectors.sources.test_sql_garbled import HANDSHAKE, asked

HOST = "db.shop.example"
UNTRUSTED = "The database shows a certificate that is not trusted, or that names another host."
SYSTEMS = ("postgresql", "mariadb")
ENCRYPTS = b"\xff\xff"


def certificate(folder, name, *, days=1):
    """A certificate of its own making for a name: the file that trusts it, and what serves it."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, served = folder / f"{name}.{days}.pem", folder / f"{name}.{days}.both.pem"
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    served.write_bytes(
        trusted.read_bytes() + key.private_bytes(serialization.Encoding.PEM, form, plain)
    )
    return trusted, served


@pytest.fixture
def server(monkeypatch):
    """Begins a server with a certificate; the port, what it heard in all, and inside of TLS."""
    opened = []

    def begin(system, served):
        listening = socket.create_server(("127.0.0.1", 0))
        opened.append(listening)
        heard, inside = [], []

        def serve():
            caller, _ = listening.accept()
            opened.append(caller)
            caller.settimeout(5)
            if system == "mariadb":
                said = HANDSHAKE % ENCRYPTS
                caller.sendall(len(said).to_bytes(3, "little") + b"\x00" + said)
                heard.append(caller.recv(36))  # asks for encryption, with an empty name
            else:
                heard.append(caller.recv(8))
                caller.sendall(b"S")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(served)
            try:
                with context.wrap_socket(caller, server_side=True) as wrapped:
                    opened.append(wrapped)
                    inside.append(wrapped.recv(4096))
            except OSError:
                inside.append(b"")

        running = threading.Thread(target=serve, daemon=True)
        running.start()
        port = listening.getsockname()[1]
        to = Destination("tls", HOST, port, "127.0.0.1")
        monkeypatch.setattr(database, "resolve_host", lambda *_: to)
        return port, heard, inside, running

    yield begin
    for one in opened:
        one.close()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("named", "trusts", "days", "good"),
    [
        (HOST, HOST, 1, True),
        ("elsewhere.example", "elsewhere.example", 1, False),
        (HOST, "elsewhere.example", 1, False),
        (HOST, "", 1, False),
        (HOST, HOST, -1, False),
    ],
    ids=["good", "another host", "another signer", "signed by itself", "over"],
)
def test_only_a_server_with_a_good_certificate_hears_who_asks(
    server, tmp_path, monkeypatch, system, named, trusts, days, good
):
    pytest.importorskip("pymysql")
    trusted = {
        name: certificate(tmp_path, name, days=days) for name in {named, trusts or "nobody.example"}
    }
    if trusts:
        monkeypatch.setenv("CLEARPOST_SQL_CA", str(trusted[trusts][0]))
    port, heard, inside, running = server(system, trusted[named][1])
    told = asked(f"{system}://reader@{HOST}:{port}/shop")
    running.join(5)
    assert isinstance(told, NoPage)
    assert not told.key_refused
    assert (told.words == UNTRUSTED) is not good
    assert (b"reader" in b"".join(inside)) is good
    assert all(word not in b"".join(heard) for word in (b"reader", PASSWORD.encode()))


@pytest.mark.parametrize("way", [b"mysql_clear_password", b"dialog"])
@pytest.mark.parametrize("first", [True, False], ids=["at once", "later"])
def test_no_server_gets_the_password_as_it_is(monkeypatch, way, first):
    """Whichever way it asks for that: with its first word, or as a change of ways."""
    pytest.importorskip("pymysql")
    monkeypatch.setenv("CLEARPOST_SQL_HOSTS", "127.0.0.1")
    heard = []

    def serve():
        caller, _ = listening.accept()
        with caller:
            caller.settimeout(5)
            said = HANDSHAKE % b"\xff\xf7"
            said = said.replace(b"mysql_clear_password", way if first else b"mysql_native_password")
            caller.sendall(len(said).to_bytes(3, "little") + b"\x00" + said)
            heard.append(caller.recv(4096))
            asks = b"\xfe" + way + b"\x00" + (b"\x04Password: " if way == b"dialog" else b"")
            caller.sendall(len(asks).to_bytes(3, "little") + b"\x02" + asks)
            try:
                heard.append(caller.recv(4096))
            except OSError:
                heard.append(b"")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = threading.Thread(target=serve, daemon=True)
        running.start()
        told = asked(f"mariadb://reader@127.0.0.1:{listening.getsockname()[1]}/shop")
        running.join(6)
    assert isinstance(told, NoPage)
    assert len(heard) == 2
    assert PASSWORD.encode() not in b"".join(heard)
    assert told.words == "The database asks for the password unencrypted, so it was not sent."
