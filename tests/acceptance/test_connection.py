"""The connection test tells apart what people get wrong, and a key is never seen again."""

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean
from tests.acceptance.parts import read
from tests.acceptance.product import (
    ADMIN,
    CURRENT_COMPANY,
    SIMULATOR_KEY,
    House,
    Product,
    free_environment,
)
from tests.acceptance.quiet import BASE, work, writes

pytestmark = pytest.mark.slow
AS_ADMIN = ("--company", CURRENT_COMPANY, "--as", ADMIN)
KEY, REACH, ACCEPTED, COMPANY, PERMITTED = range(5)
READ_ONLY = "aia_live_readonly_2Lm5"


@pytest.fixture(scope="module")
def office(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("connection"), free_environment())
    with quiet(product, STARTER) as found:
        yield found


def give_key(office: House, key: str, code: int = 0) -> str:
    """What the command says of a key that is pasted."""
    done = office.product.run("connection", "key", "aiaccount", *AS_ADMIN, stdin=key, code=code)
    return done.stdout + done.stderr


def steps_told(office: House, *, code: int = 0) -> list[dict[str, Any]]:
    """The steps of the connection test."""
    words = ("connection", "test", "aiaccount", *AS_ADMIN, "--json")
    found: list[dict[str, Any]] = json.loads(office.product.run(*words, code=code).stdout)["steps"]
    return found


def test_E19_white_space_around_a_key_is_left_out_and_told(office: House) -> None:
    for pasted in (f"{SIMULATOR_KEY} ", f"\t{SIMULATOR_KEY}\r\n", f"\n {SIMULATOR_KEY}\n\n"):
        told = give_key(office, pasted)
        assert "ends in 7Qk2" in told
        assert "Spaces or line ends around it were left out." in told
        steps = steps_told(office)
        assert steps[KEY]["ok"] is True
        assert steps[ACCEPTED]["ok"] is True
    assert "left out" not in give_key(office, f"{SIMULATOR_KEY}\n")

    refused = give_key(office, SIMULATOR_KEY.replace("_live_", "_live _"), code=1)
    assert "The key has white space inside." in refused
    assert "Copy it again, in one piece." in refused
    assert steps_told(office)[ACCEPTED]["ok"] is True, "the key before it stays"


def test_E20_a_key_that_may_not_write_is_found_without_writing(office: House) -> None:
    give_key(office, READ_ONLY)
    before = len(office.calls())
    step = steps_told(office, code=3)[PERMITTED]
    assert step["ok"] is False
    for right, lost in (
        ("Write sales", "no sales invoice and no sales receipt is taken"),
        ("Write expenses", "no expense bill and no expense payment is taken"),
        ("Submit e-invoices", "no sales invoice is taken while e-invoices are on"),
    ):
        assert f"“{right}”: {lost}" in step["words"]
    assert [call["call"] for call in office.calls()[before:]] == ["connection"]

    give_key(office, SIMULATOR_KEY)
    step = steps_told(office)[PERMITTED]
    assert step["ok"] is True
    told = "Sales invoices and sales receipts, expense bills and expense payments may be written."
    assert step["words"] == told


def test_E21_another_company_is_told_apart_from_another_key(office: House) -> None:
    def company(number: str) -> None:
        setting = f"company_id={number}"
        office.product.run("connection", "set", "aiaccount", *AS_ADMIN, "--set", setting)

    company("CMP-9")
    steps = steps_told(office, code=3)
    assert [step["ok"] for step in steps[:5]] == [True, True, True, False, None]
    assert "The key is good, and reaches no company CMP-9" in steps[COMPANY]["words"]

    company("CMP-2001")
    steps = steps_told(office, code=3)
    assert [step["ok"] for step in steps[:4]] == [True, True, True, False]
    told = "The key belongs to another company: Kedai Lain Sdn Bhd, ID CMP-2001, not "
    assert steps[COMPANY]["words"].startswith(told)

    company("CMP-1042")
    give_key(office, "aia_live_of_nobody")
    steps = steps_told(office, code=3)
    assert [step["ok"] for step in steps[:4]] == [True, True, False, None]
    assert "Unknown API key" in steps[ACCEPTED]["words"]
    give_key(office, SIMULATOR_KEY)
    assert all(step["ok"] is not False for step in steps_told(office))


def test_H07_a_key_is_encrypted_at_rest_and_shown_nowhere_again(office: House) -> None:
    office.deliver(clean(701))
    work(office)
    assert [call["effect"] for call in writes(office, "NS-701")] == ["created"]
    give_key(office, READ_ONLY)  # a refusal is a story of its own in logs and trails
    office.deliver(clean(702))
    work(office)
    give_key(office, SIMULATOR_KEY)

    admin = office.visitor(ADMIN)
    pages = [f"{BASE}/connections/aiaccount", f"{BASE}/connections", f"{BASE}/pushes"]
    pages += [f"{BASE}/records/netshop/order/701?tab={tab}" for tab in ("trace", "pushes")]
    shown = [admin.get(path) for path in pages]
    assert "key ends …7Qk2" in read(shown[0]).text
    printed = [
        office.product.run("trace", number, "--company", CURRENT_COMPANY, "--json").stdout
        for number in ("NS-701", "NS-702")
    ]
    assert rows_of(office) >= 3, "the keys are there, encrypted"

    files = {str(path): path.read_bytes() for path in everything(office)}
    assert any(name.endswith(".sqlite3") for name in files)
    assert any(name.endswith("portal.err") for name in files)
    opened = packed(office)
    assert any(b"NS-701" in part for part in opened), "calls and deliveries are kept so"
    seen = [part.encode() for part in (*shown, *printed)]
    for place, text in [*enumerate((*seen, *opened)), *files.items()]:
        for secret in (SIMULATOR_KEY, READ_ONLY, office.secret):
            for form in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")[:-1]):
                assert form not in text, place


def rows_of(office: House) -> int:
    """How many keys are stored; none twice in the same bytes."""
    kept = [row[0] for row in office.product.sql("SELECT secret FROM connection_key")[0]]
    assert len({*kept}) == len(kept)
    return len(kept)


def packed(office: House) -> list[bytes]:
    """What the database keeps packed, as it is read: in the file nobody would see a key there."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    found = []
    for (table,) in office.product.sql(tables)[0]:
        for row in office.product.sql(f'SELECT * FROM "{table}"')[0]:
            kept = [one for one in row if isinstance(one, bytes) and one[:2] == b"\0z"]
            found += [zlib.decompress(one[2:]) for one in kept]
    return found


def everything(office: House) -> Iterator[Path]:
    """All files that the product left behind; the ledger is the stand-in's own."""
    for path in office.product.folder.rglob("*"):
        if path.is_file() and office.ledger not in path.parents and path != office.ledger:
            yield path
