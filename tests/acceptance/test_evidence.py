"""A record as evidence: a file that is proved where there is nothing but the file."""

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import buyer, clean, later
from tests.acceptance.parts import answers, read
from tests.acceptance.product import (
    FINANCE,
    SIMULATOR_KEY,
    House,
    Product,
    Visitor,
    free_environment,
)
from tests.acceptance.quiet import BASE, record, rows, send, work

AUDITOR = "auditor@kedai.example"
BUYER, TAX_NUMBER = "Kelab Golf Seri Alam", "IG12345678901"
NUMBER, ORDER = "NS-1601", 1601
PAGE = f"{BASE}/evidence/netshop/order/{ORDER}"
NOTE = "The amount agrees with the bank statement of the buyer."
ALONE = """
import os, sys
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen"):
        os.write(2, f"REFUSED {event}\\n".encode()); os._exit(99)
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
        os.write(2, f"REFUSED {event} {args[0]}\\n".encode()); os._exit(99)
sys.addaudithook(refuse)
"""
"""No network, no database, no child and nothing written: whatever tries ends the command."""


@dataclass
class Audited:
    """A posted order that was edited once, and an auditor."""

    house: House
    auditor: Visitor
    place: Path

    def packet(self, **chosen: str) -> Path:
        """The file that the page gives for these choices."""
        form = read(self.auditor.get(PAGE)).one("form", id="packetform")
        address = self.auditor.address + form.attributes["action"]
        fields = {**form.fields(), **chosen}
        answer = self.auditor.session.post(
            address, fields, headers={"Referer": address}, timeout=30
        )
        assert answer.status_code == 200, answer.text[:500]
        file = self.place / f"packet{len(list(self.place.iterdir()))}.zip"
        file.write_bytes(answer.content)
        return file

    def verify(self, file: Path, *more: str) -> tuple[int, str]:
        """What the command says in an empty folder of a machine that has nothing."""
        folder = self.place / "elsewhere"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        hooks = self.place / "hooks"
        hooks.mkdir(exist_ok=True)
        (hooks / "sitecustomize.py").write_text(ALONE)
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(hooks),
               "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
        done = subprocess.run(
            [self.house.product.command, "evidence", "verify", str(file), *more],
            cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert list(folder.iterdir()) == []
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def audited(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    product = Product(command, tmp_path_factory.mktemp("evidence"), free_environment())
    with quiet(product, STARTER) as house:
        told = product.run("user", "add", AUDITOR, *COMPANY, "--role", "auditor").stdout
        house.passwords[AUDITOR] = told.split("only now: ")[1].split()[0]
        customer = buyer(ORDER, name=BUYER, tin=TAX_NUMBER)
        first = clean(ORDER, customer=customer)
        house.deliver(first, clean(1602))
        work(house)
        house.deliver(later(first, customer=customer, payment_method="cash"))
        work(house)
        yield Audited(house, house.visitor(AUDITOR), tmp_path_factory.mktemp("packets"))


def parts(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as found:
        return {name: found.read(name) for name in found.namelist()}


def rewritten(file: Path, changed: dict[str, bytes]) -> Path:
    """The same packet with other parts; None of its own checksums tells."""
    new = file.with_name("altered.zip")
    with zipfile.ZipFile(new, "w") as out:
        for name, raw in {**parts(file), **changed}.items():
            out.writestr(name, raw)
    return new


def forged(file: Path, changed: dict[str, bytes]) -> Path:
    """Somebody changes parts and makes the manifest anew."""
    found = {**parts(file), **changed}
    manifest: dict[str, Any] = json.loads(found["manifest.json"])
    manifest["parts"] = {
        name: {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        for name, raw in found.items()
        if name != "manifest.json"
    }
    del manifest["sha256"]
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return rewritten(file, {**changed, "manifest.json": text.encode()})


def test_G16_a_packet_is_proved_elsewhere_without_database_and_network(audited: Audited) -> None:
    house = audited.house
    form = read(audited.auditor.get(PAGE)).one("form", id="noteform")
    send(audited.auditor, form, {**form.fields(), "text": NOTE})
    (event,) = rows(house, "SELECT id FROM event WHERE act = 'posting.posted' ORDER BY id")[0]
    page = f"{BASE}/audit/{event}/note"
    form = read(audited.auditor.get(page)).one("form", id="noteform")
    send(audited.auditor, form, {**form.fields(), "text": "Seen in the ledger."})
    work(house)  # its events get their places
    file = audited.packet(personal="1", others="1")
    data, events = (json.loads(parts(file)[name]) for name in ("packet.json", "events.json"))

    shown = answers(record(audited.auditor, ORDER))
    assert {one["no"]: one["answer"] for one in data["documents"][0]["answers"]} == shown
    assert [one["no"] for one in data["versions"]] == [1, 2]
    assert data["postings"][0]["number"] in house.created()
    written = [one for one in house.calls() if one["effect"] == "created"]
    assert data["requests"][0]["sha256"] in json.dumps(written) or data["requests"][0]["sent"]
    assert BUYER in json.dumps(data, ensure_ascii=False)
    assert [one["text"] for one in data["notes"]] == [NOTE, "Seen in the ledger."]
    assert [one["event"] for one in data["notes"]] == [None, event]
    html = parts(file)["packet.html"].decode()
    for words in (*shown.values(), NOTE, data["postings"][0]["hash"]):
        assert words[:40] in read(html).text, words
    assert BUYER in read(html).text
    whole = b"".join(parts(file).values()).decode()
    for secret in (SIMULATOR_KEY, house.secret, *house.passwords.values()):
        assert secret not in whole

    code, said = audited.verify(file)
    assert code == 0, said
    many = len(events["events"])
    of_record = "SELECT count(*) FROM event WHERE act <> 'audit.packet' AND record_id ="
    stored = rows(house, f"{of_record} (SELECT id FROM record WHERE number = ?)", NUMBER)
    assert stored == [(many,)]
    assert f"Nothing in the packet contradicts itself. It says that it is of {NUMBER}." in said
    assert f"0 of {many:,} events proved" in said
    assert f"{many:,} events agree only with themselves" in said
    assert "Compared with nothing: the page, the answers" in said
    assert "is whole" not in said
    anchors = house.product.home / "anchors.jsonl"
    code, said = audited.verify(file, "--anchors", str(anchors))
    assert (code, "Noted heads compared: " in said) == (0, True), said
    assert "is whole" not in said
    last = events["stretches"][-1]["links"][-1]["seq"]
    ((noted,),) = rows(house, "SELECT hash FROM event_link WHERE seq = ?", last)
    head = ("--head", f"{last}:{noted}", "--anchors", str(anchors))
    code, said = audited.verify(file, *head)
    assert (code, f"{many:,} of {many:,} events proved" in said) == (0, True), said
    told = json.loads(audited.verify(file, *head, "--json")[1])
    assert told["contents"] == sum(
        len(data[name]) for name in ("versions", "pushes", "approvals", "requests")
    )
    assert told["contents_proved"] == told["contents_compared"] >= 3, told
    assert (told["ok"], told["whole"]) == (True, False)
    wrong = f"{events['stretches'][-1]['links'][-1]['seq']}:{'0' * 64}"
    code, said = audited.verify(file, "--head", wrong)
    assert (code, "is not what was noted" in said) == (1, True), said
    digest = hashlib.sha256(parts(file)["manifest.json"]).hexdigest()
    assert digest in read(audited.auditor.get(f"{BASE}/audit")).text
    code, said = audited.verify(file, "--sha256", digest)
    assert (code, f"The packet of {NUMBER} is whole" in said) == (0, True), said
    assert audited.verify(file, "--sha256", "0" * 64)[0] == 1

    for name, raw in parts(file).items():
        for at in (0, len(raw) // 2, len(raw) - 1):
            one_byte = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            code, said = audited.verify(rewritten(file, {name: one_byte}))
            assert code == 1, (name, at, said)
            assert f"{name}: " in said, (name, at, said)
        raw_file = file.read_bytes()
        at = raw_file.index(name.encode()) + len(name) + 20  # inside of its packed bytes
        (audited.place / "bent.zip").write_bytes(
            raw_file[:at] + bytes([raw_file[at] ^ 255]) + raw_file[at + 1 :]
        )
        code, said = audited.verify(audited.place / "bent.zip")
        assert (code, name in said) == (1, True), said

    lied = json.loads(json.dumps(data))
    lied["versions"][0]["body"]["number"] = "NS-9999"
    raw = json.dumps(lied).encode()
    code, said = audited.verify(forged(file, {"packet.json": raw}))
    assert (code, "Version 1 is not the content" in said) == (1, True), said
    sealed = (
        parts(file)["events.json"]
        .replace(b"approved", b"rejected")
        .replace(NUMBER.encode(), b"NS-9999")
    )
    code, said = audited.verify(forged(file, {"events.json": sealed}))
    assert (code, "is not what was sealed" in said) == (1, True), said

    fewer = json.dumps({**data, "versions": data["versions"][1:]}).encode()
    code, said = audited.verify(forged(file, {"packet.json": fewer}), *head)
    assert (code, "Version 1, which event " in said) == (1, True), said
    gap = json.loads(parts(file)["events.json"])
    places = {one["seq"] for one in gap["events"]}
    links = [one for stretch in gap["stretches"] for one in stretch["links"]]
    other = next(one for one in links if one["seq"] not in places)
    other["text"] = None
    code, said = audited.verify(forged(file, {"events.json": json.dumps(gap).encode()}), *head)
    assert (code, f"The text at place {other['seq']} is missing" in said) == (1, True), said
    half = json.loads(json.dumps(data))
    half["versions"][0].update(whole=False, body={"number": "NS-9999"})
    altered = forged(file, {"packet.json": json.dumps(half).encode()})
    found = json.loads(audited.verify(altered, *head, "--json")[1])
    assert found["contents_compared"] == told["contents_compared"] - 1
    assert audited.verify(altered, "--sha256", digest)[0] == 1

    plain = audited.packet()
    masked = b"".join(parts(plain).values()).decode()
    assert BUYER not in masked
    assert TAX_NUMBER not in masked
    code, said = audited.verify(plain)
    assert code == 0, said
    finance = house.visitor(FINANCE)
    closed = read(finance.get(PAGE)).one("form", id="packetform")
    assert closed.one("button", id="getpacket").attributes["aria-disabled"] == "true"
    address = finance.address + PAGE
    refused = finance.session.post(
        address, closed.fields(), headers={"Referer": address}, timeout=9
    )
    assert refused.status_code == 403


def test_the_command_writes_a_packet_and_one_file_that_verifies_it_alone(audited: Audited) -> None:
    out = audited.place / "handed-out"
    told = audited.house.product.run(
        "packet", NUMBER, *COMPANY, "--as", AUDITOR, "--personal", "--out", str(out)
    )
    packet, program = sorted(out.iterdir())
    assert (packet.suffix, program.name) == (".zip", "verify_packet.py")
    digest = told.stdout.split()[1]

    def verify(file: Path, *more: str) -> tuple[int, dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(program), str(file), *more],
            cwd=out, env={}, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout)

    code, found = verify(packet, "--sha256", digest)
    assert (code, found["ok"], found["record"], found["faults"]) == (0, True, NUMBER, [])
    assert found["contents_compared"] > 0
    assert found["rows"] >= found["rows_compared"] > 0
    data = json.loads(parts(packet)["packet.json"])
    data["postings"][0]["target_id"] = "INV-forged"
    data["versions"][0]["body"]["total"] = "1.00"
    altered = forged(packet, {"packet.json": json.dumps(data).encode()})
    code, found = verify(altered)
    assert (code, found["ok"]) == (1, False)
    assert any("Version 1 is not the content" in fault for fault in found["faults"])
    told_of = "SELECT count(*) FROM event WHERE act = 'audit.packet' AND body LIKE ?"
    assert rows(audited.house, told_of, f"%{digest}%") == [(1,)]


def test_no_secret_stands_in_any_file_of_the_installation_or_page(audited: Audited) -> None:
    house = audited.house
    secrets = [SIMULATOR_KEY, house.secret, *house.passwords.values()]
    secrets = [text for secret in secrets for text in secret.split(":") if len(text) >= 12]
    assert len(secrets) >= 3
    files = [path for path in house.product.home.rglob("*") if path.is_file()]
    assert any(path.name.startswith("clearpost.sqlite3") for path in files)
    for path in files:
        raw = path.read_bytes()
        assert [text for text in secrets if text.encode() in raw] == [], path.name
    for page in (f"{BASE}/audit", f"{BASE}/audit.json", PAGE):
        text = audited.auditor.get(page)
        assert [secret for secret in secrets if secret in text] == [], page


def test_verify_lists_what_no_seal_covers_and_names_an_edited_row(audited: Audited) -> None:
    house = audited.house
    work(house)
    listed = house.product.run("verify", *COMPANY, "--not-covered").stdout
    assert "`posting.lease_owner`: " in listed
    assert "`heartbeat`: " in listed
    told = json.loads(house.product.run("verify", *COMPANY, "--json").stdout)
    assert told["breaks"] == []
    assert set(told["not_covered"]["heartbeat"]) == {"*"}
    with closing(sqlite3.connect(house.product.home / "clearpost.sqlite3")) as connection:
        connection.execute("DROP TRIGGER IF EXISTS posting_tally_update")
        connection.execute("UPDATE posting SET target_ref = 'INV-forged' WHERE target_ref <> ''")
        connection.commit()
    answer = house.product.run("verify", *COMPANY, "--json", code=1)
    messages = [one["message"] for one in json.loads(answer.stdout)["breaks"]]
    assert "Table posting, row 1: its content is not what event" in messages[0]
