"""Separate ways into AutoCount behind one contract; by Excel import a person carries the file."""

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from tests.acceptance.desktop import Desktop, opened_desktop
from tests.acceptance.houses import COMPANY
from tests.acceptance.parts import read
from tests.acceptance.product import ADMIN, Product, free_environment, order
from tests.acceptance.quiet import BASE, ask_target, rows, work
from tests.installed import ROOT

pytestmark = pytest.mark.slow
WAYS = ("autocount", "autocount_aotg", "autocount_excel")
BY_ADMIN = (*COMPANY, "--as", ADMIN)


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desktop]:
    product = Product(command, tmp_path_factory.mktemp("desktop"), free_environment())
    with opened_desktop(product) as made:
        yield made


def test_E29_ways_into_autocount_are_connectors_behind_one_contract(house: Desktop) -> None:
    _each_passes_the_contract()
    _pages_say_what_each_does(house)
    _others_are_refused(house)
    _one_way_at_a_time(house)
    _a_file_is_told_of_and_proved(house)
    _an_overwritten_document_is_an_alarm(house)
    _columns_are_named_as_in_the_customers_template(house)
    _what_the_interface_has_no_method_for_goes_by_import_beside_it(house)


def _each_passes_the_contract() -> None:
    """The shared suite over every target that is called, and the part of it for files."""
    suites = ("test_target_contract.py", "test_autocount_excel.py")
    paths = [str(ROOT / "tests" / "connectors" / "targets" / name) for name in suites]
    words = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", *paths]
    done = subprocess.run(
        [*words, "-k", "accepted_and_written_once or the_same_bytes"],
        cwd=ROOT,
        env={k: v for k, v in os.environ.items() if not k.startswith("REQUIRE_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]


def _pages_say_what_each_does(house: Desktop) -> None:
    admin = house.visitor(ADMIN)
    for name in WAYS:
        way = read(admin.get(f"{BASE}/connections/new?system={name}")).one("section", id="way")
        assert "What it does not do" in way.text
        if name != "autocount":
            assert "sales orders, delivery orders and goods received notes" in way.text
    imported = ("Sales order", "Delivery order", "Cash sale", "Goods received note")
    entered = dict.fromkeys(imported, "AutoCount Excel import")
    way = read(admin.get(f"{BASE}/connections/new?system=autocount"))
    assert "the interface has no method for them" in way.one("section", id="way").text
    listed = way.one("dl", id="other_ways")
    told = zip(listed.all("dt"), listed.all("dd"), strict=True)
    assert {one.text: how.text for one, how in told} == entered
    settings = house.product.run("connection", "settings", "autocount").stdout
    assert "Not posted here: Delivery order: AutoCount Excel import." in settings
    shown = read(admin.get(f"{BASE}/connections/autocount_excel"))
    assert "a document counts as posted when a person or a listing says so" in shown.text
    assert "no key yet" not in shown.text


def _others_are_refused(house: Desktop) -> None:
    for name in ("autocount_sdk", "autocount_plugin", "autocount_middleware"):
        add = ("connection", "add", "books", *BY_ADMIN, "--side", "target", "--type", name)
        told = house.product.run(*add, code=1)
        said = told.stdout + told.stderr
        assert "You cannot connect" in said
        assert "because" in said
        assert "Offered for AutoCount: autocount, " in said
        assert "autocount_excel" in said
    assert not rows(house, "SELECT id FROM connection WHERE name = 'books'")


def _one_way_at_a_time(house: Desktop) -> None:
    """The cloud beside the file is refused, until the file is paused; then the file stays so."""
    sets = ("base_url=http://127.0.0.1:9", "company_id=1042", "key_id=K", "locked_through=none")
    words = [word for one in sets for word in ("--set", one)]
    add = ("connection", "add", "autocount", *BY_ADMIN, "--side", "target", *words)
    told = house.product.run(*add, code=1)
    assert "autocount_excel (Excel import) goes to" in told.stdout + told.stderr
    house.product.run("connection", "pause", "autocount_excel", *BY_ADMIN, "--reason", "moving")
    house.product.run(*add)
    told = house.product.run("connection", "resume", "autocount_excel", *BY_ADMIN, code=1)
    assert "pause autocount first" in told.stdout + told.stderr
    house.product.run("connection", "pause", "autocount", *BY_ADMIN, "--reason", "stays with files")
    house.product.run("connection", "resume", "autocount_excel", *BY_ADMIN)


def _a_file_is_told_of_and_proved(house: Desktop) -> None:
    """Two orders in one file: one is refused there, one is posted by the listing alone."""
    file = house.export(order(1), order(2, customer={"id": "C-999", "name": "Nobody"}))
    assert house.states() == {"NS-1": "awaiting", "NS-2": "awaiting"}
    body = house.act(file, "download").content
    again = house.act(file, "download").content
    assert body == again
    page = house.file(file)
    assert hashlib.sha256(body).hexdigest() in page.text
    assert "Import it in AutoCount, then tell what happened" in page.text
    _the_workbook_is_plain(body)
    imported = house.imports(body)
    wrong = [one for one in imported if one["state"] == "Error"]
    assert {one["doc_no"] for one in wrong} == {"NS-2"}
    for _ in range(2):  # workers come and go: only a person ends the wait
        work(house)
    assert set(house.states().values()) == {"awaiting"}
    told = house.act(
        file,
        "outcome",
        new=str(len(imported) - len(wrong)),
        error=str(len(wrong)),
        error_rows="\n".join(f"{one['row']}: {one['message']}" for one in wrong),
    )
    assert told.status_code == 200, read(told.text).text[:800]
    assert house.states() == {"NS-1": "awaiting", "NS-2": "failed"}
    held = rows(house, "SELECT class, message FROM hold WHERE state = 'open'")
    assert [one for one, _ in held] == ["mapping_missing"]
    assert "Debtor code 300-X999 not found" in held[0][1]
    assert house.upload(file, house.listing()).status_code == 200
    assert house.states() == {"NS-1": "posted", "NS-2": "failed"}
    assert "This file is reconciled" in house.file(file).text
    assert house.made() == [("created", "NS-1")]


def _the_workbook_is_plain(body: bytes) -> None:
    book = openpyxl.load_workbook(io.BytesIO(body))
    assert book.sheetnames == ["Data", "Clearpost"]
    heads = [cell.value for cell in book["Data"][1]]
    assert heads[:3] == ["DocNo", "DocDate", "DebtorCode"]
    cell = book["Data"][2][heads.index("DebtorName")]
    assert (cell.value, cell.data_type, cell.quotePrefix) == ("-10% Web Customer", "s", True)
    told = {row[0]: row[1] for row in book["Clearpost"].iter_rows(values_only=True)}
    assert told["Documents"] == 2


def _an_overwritten_document_is_an_alarm(house: Desktop) -> None:
    """Something with our number existed there; and a withdrawn file goes nowhere by itself."""
    ask_target(
        house, "by_hand", type="invoice", number="NS-3", date="2026-11-01", party="300-W001",
        total="5.00",
    )  # fmt: skip
    file = house.export(order(3))
    imported = house.imports(house.act(file, "download").content)
    named = ", ".join(str(one["row"]) for one in imported)
    assert {one["state"] for one in imported} == {"Update"}
    house.act(file, "outcome", update=str(len(imported)), update_rows=named)
    (held,) = rows(
        house, "SELECT class, message FROM hold WHERE state = 'open' AND number = 'NS-3'"
    )
    assert held[0] == "duplicate"
    assert "has overwritten it" in held[1]
    file = house.export(order(4))
    assert house.states()["NS-4"] == "awaiting"
    house.order(order(4))
    work(house)
    assert rows(house, "SELECT count(*) FROM import_file")[0][0] == file
    house.act(file, "withdraw", reason="the wrong month")
    assert house.states()["NS-4"] == "failed"
    assert house.act(file, "download").status_code == 409
    assert "the wrong month" in house.file(file).text


def _columns_are_named_as_in_the_customers_template(house: Desktop) -> None:
    """Names that an import would leave out are not saved as tested; the others head the file."""
    named = ("connection", "set", "autocount_excel", *BY_ADMIN, "--set")
    test = ("connection", "test", "autocount_excel", *BY_ADMIN)
    house.product.run(*named, "column_names=Inv No = DocNo")
    told = house.product.run(*test, code=3)
    assert "“Inv No” has a space or a sign" in told.stdout + told.stderr
    house.product.run(*named, "column_names=Inv_No = DocNo, DetailText = DtlDescription")
    told = house.product.run(*test)
    assert "As in your template: Inv_No for DocNo, DetailText for DtlDescription." in told.stdout
    file = house.export(order(5))
    body = house.act(file, "download").content
    heads = [cell.value for cell in openpyxl.load_workbook(io.BytesIO(body))["Data"][1]]
    assert heads[0] == "Inv_No"
    assert {"DetailText", "DocDate"} <= {*heads}
    assert not {"DocNo", "DtlDescription"} & {*heads}
    imported = house.imports(body, "Inv_No:DocNo,DetailText:DtlDescription")
    assert {(one["doc_no"], one["state"]) for one in imported} == {("NS-5", "New")}
    house.act(file, "outcome", new=str(len(imported)))
    assert house.upload(file, house.listing()).status_code == 200
    assert house.states()["NS-5"] == "posted"


def _what_the_interface_has_no_method_for_goes_by_import_beside_it(house: Desktop) -> None:
    """Sales orders in a file while the interface is in use, and nothing that both could post."""
    types = ("connection", "set", "autocount_excel", *BY_ADMIN, "--set")
    resume = ("connection", "resume", "autocount", *BY_ADMIN)
    told = house.product.run(*resume, code=1)
    assert "only what autocount cannot post" in told.stdout + told.stderr
    house.product.run(*types, "document_types=sales_order, delivery_order")
    house.product.run(*resume)
    told = house.product.run(*types, "document_types=sales_order, invoice", code=1)
    assert "the same documents could get there by both" in told.stdout + told.stderr
    house.product.run(*types, "column_names=")
    file = house.export(order(6))
    assert house.states()["NS-6"] == "held", "the rules still make an invoice of it"
    (held,) = rows(house, "SELECT message FROM hold WHERE state = 'open' AND number = 'NS-6'")
    assert "takes no document of the type invoice" in held[0]

    _publish_sales_orders(house)
    assert house.export(order(7)) > file
    file = house.export(order(8))
    body = house.act(file, "download").content
    (name,) = rows(house, f"SELECT name FROM import_file WHERE id = {file}")[0]
    assert name.startswith("cp_kedai_sales_order_")
    imported = house.imports(body, kind="sales_order")
    assert {(one["doc_no"], one["state"]) for one in imported} == {("NS-8-SO", "New")}
    house.act(file, "outcome", new=str(len(imported)))
    assert house.upload(file, house.listing("sales_order")).status_code == 200
    assert house.states()["NS-8-SO"] == "posted"
    assert house.states()["NS-7-SO"] == "awaiting"
    orders = [one for one in house.calls() if one.get("number") == "NS-8-SO"]
    assert [(one["effect"], one["type"]) for one in orders] == [("created", "sales_order")]


def _publish_sales_orders(house: Desktop) -> None:
    """The same rules, of which an order becomes a sales order."""
    folder = house.product.folder / "rules"
    (path,) = folder.glob("*.rules")
    invoice, text = 'autocount_excel.invoice as "{number}"', path.read_text("utf-8")
    assert invoice in text
    path.write_text(text.replace(invoice, 'autocount_excel.sales_order as "{number}-SO"'), "utf-8")
    house.product.run("rules", "push", str(folder), *COMPANY, "--as", "consultant@kedai.example")
    house.product.run("publish", "2", *COMPANY, "--as", "publisher@kedai.example")
    work(house)
