"""Hostile and broken input, made by code: each item is (name, bytes). Other tests may import it.

Here: JSON bodies, order values, workbooks and CSV files that nobody should be able to use
against us. Not here: what must happen to each; in short: a refusal with a reason, quickly, and
nothing else.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import openpyxl

from connectors.kit.workbook import write
from sandbox.simulators.netshop.deliveries import sample_order

Item = tuple[str, bytes]


def json_bodies() -> Iterator[Item]:
    """Bodies that are no JSON, or JSON that two readers could understand differently."""
    good = json.dumps({"event": "x", "order": sample_order()}).encode()
    yield "empty", b""
    yield "blank", b"  \n"
    yield "nan", good.replace(b'"118.80"', b"NaN")
    yield "infinity", good.replace(b'"118.80"', b"-Infinity")
    yield "1e400", good.replace(b'"118.80"', b"1e400")
    yield "huge whole number", good.replace(b'"118.80"', b"9" * 5_000)
    yield "long fraction", good.replace(b'"118.80"', b"0." + b"3" * 5_000)
    yield "huge exponent", good.replace(b'"118.80"', b"1e" + b"9" * 5_000)
    yield "duplicate key", good.replace(b'"event"', b'"order": {}, "event"')
    yield "duplicate key inside", good.replace(b'"tin"', b'"name": "B", "tin"')
    yield "deep list", b"[" * 200_000 + b"]" * 200_000
    yield "deep object", b'{"a":' * 200_000 + b"1" + b"}" * 200_000
    yield "deep and open", b'{"order":' + b"[" * 200_000
    yield "51 levels", b"[" * 51 + b"]" * 51
    yield "lone surrogate", good.replace(b"Shipping", b"\\ud800")
    yield "nul", good.replace(b"Shipping", b"\\u0000")
    yield "raw nul", good.replace(b"Shipping", b"a\x00b")
    yield "latin-1", good.replace(b"Shipping", b"Caf\xe9")
    yield "utf-16", good.decode().encode("utf-16")
    yield "very long text", good.replace(b"Shipping", b"x" * 40_000)
    yield "cut off", good[: len(good) // 2]
    yield "two values", good + good
    yield "trailing comma", b'{"order": {},}'
    yield "single quotes", b"{'order': {}}"
    yield "comment", b'{"order": {}} // x'
    yield "xml", b"<order/>"
    yield "form", b"webhook_id=7"
    yield "list", b"[]"
    yield "text", b'"order"'
    yield "null", b"null"
    yield "no order", b"{}"
    yield "order is a list", b'{"order": []}'
    yield "order is null", b'{"order": null}'
    yield "orders is an object", b'{"orders": {}}'


def bad_orders() -> Iterator[tuple[str, dict[str, Any]]]:
    """Orders with one value that cannot be right; the JSON itself is good."""

    def item(**changed: Any) -> dict[str, Any]:
        order = sample_order()
        order["items"][0].update(changed)
        return order

    yield "no id", sample_order(id=None)
    yield "blank id", sample_order(id="  ")
    yield "id is an object", sample_order(id={"a": 1})
    yield "no number", sample_order(number=None)
    yield "no status", sample_order(status="")
    yield "status is a list", sample_order(status=["paid"])
    yield "status is long", sample_order(status="x" * 101)
    yield "number is long", sample_order(number="N" * 51)
    yield "date of month 13", sample_order(ordered_at="2026-13-01T00:00:00+08:00")
    yield "29 February", sample_order(ordered_at="2026-02-29T00:00:00+08:00")
    yield "year 0", sample_order(ordered_at="0000-01-01T00:00:00+08:00")
    yield "end of time", sample_order(ordered_at="9999-12-31T23:59:59-12:00")
    yield "no zone", sample_order(paid_at="2026-11-19T14:03:11")
    yield "epoch", sample_order(paid_at=1_763_600_000)
    yield "epoch as text", sample_order(paid_at="1763600000")
    yield "only a date", sample_order(updated_at="2026-11-19")
    yield "total is text", sample_order(total="RM 118.80")
    yield "total with a comma", sample_order(total="1,118.80")
    yield "total is yes", sample_order(total=True)
    yield "total is an object", sample_order(total={"amount": 1})
    yield "total of 30 digits", sample_order(total="1" * 30)
    yield "total too fine", sample_order(total="1e-30")
    yield "arabic digits", sample_order(total="١٢٣")
    yield "delivered maybe", sample_order(delivered="maybe")
    yield "customer is text", sample_order(customer="Aisyah")
    yield "items is an object", sample_order(items={})
    yield "items hold text", sample_order(items=["TEE"])
    yield "too many items", sample_order(items=[{"pos": n} for n in range(1, 5_002)])
    yield "no pos", item(pos=None)
    yield "half a pos", item(pos=1.5)
    yield "pos twice", item(pos=2)
    yield "qty is text", item(qty="two")
    yield "sku is yes", item(sku=True)
    yield "price is a list", item(price=[1])


def workbooks() -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Files with the ending .xlsx that must not be read; made when asked, for some are large."""
    good = good_workbook()
    yield "empty", lambda: b""
    yield "text", lambda: b"order,qty\n1,2\n"
    yield "html", lambda: b"<html></html>"
    yield "pdf", lambda: b"%PDF-1.7\n"
    yield "gzip", lambda: b"\x1f\x8b\x08\x00" + b"\x00" * 50
    yield "old or encrypted", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600
    for part in (1, 5, 25, 50, 75, 95, 99):
        yield f"cut at {part} %", partial(good.__getitem__, slice(len(good) * part // 100))
    yield "a flipped byte", lambda: good[:120] + bytes([good[120] ^ 0xFF]) + good[121:]
    yield "zip of nothing", lambda: _zip({})
    yield "zip of text", lambda: _zip({"a.txt": b"hello"})
    yield "zip inside", lambda: _changed(good, add={"xl/worksheets/sheet1.xml": good})
    yield "bomb of zeros", lambda: _changed(good, add={"xl/media/a.bin": b"\x00" * (150 << 20)})
    yield (
        "bomb in a sheet",
        lambda: _changed(good, add={"xl/worksheets/sheet1.xml": _blown_sheet()}),
    )
    yield "many parts", lambda: _changed(good, add={f"xl/media/{n}.bin": b"" for n in range(2_001)})
    yield "macros", lambda: _changed(good, add={"xl/vbaProject.bin": b"x"})
    yield (
        "macro type",
        lambda: _changed(good, edit=lambda _, x: x.replace(b"sheet.main", b"macroEnabled")),
    )
    yield (
        "external link",
        lambda: _changed(good, add={"xl/externalLinks/externalLink1.xml": b"<x/>"}),
    )
    yield "path that climbs", lambda: _changed(good, add={"../../etc/passwd": b"x"})
    yield "absolute path", lambda: _changed(good, add={"/etc/passwd": b"x"})
    yield "part twice", lambda: _changed(good, add={"XL/Workbook.xml": b"<x/>"})
    yield "entity blow-up", lambda: _sheet_with(good, _ENTITIES)
    yield "external entity", lambda: _sheet_with(good, _EXTERNAL)
    yield "sheet is no XML", lambda: _sheet_with(good, b"<worksheet")
    yield "one wide row", lambda: _sheet_with(good, _wide_row())
    yield "a row far down", lambda: _sheet_with(good, _far_row())
    yield "no orders sheet", lambda: write("other", [["id", "number"], ["1", "NS-1"]])
    yield (
        "no items sheet",
        lambda: write("orders", [["id", "number", "status"], ["1", "NS-1", "paid"]]),
    )


def csv_files() -> Iterator[Item]:
    """Files with the ending .csv that must not be read as they are."""
    head = b"id,number,status,pos,sku\n"
    yield "empty", b""
    yield "nul", head + b"1,NS-1,paid,1,a\x00b\n"
    yield "open quote", head + b'1,NS-1,paid,1,"a\n'
    yield "no columns", b"1,NS-1,paid,1,a\n"
    yield "10,000 columns", b",".join([b"x"] * 10_000) + b"\n"
    yield "one long cell", head + b"1,NS-1,paid,1," + b"x" * 200_000 + b"\n"
    yield "too many rows", head + b"1,NS-1,paid,1,a\n" * 100_001


def other_csv_files() -> Iterator[Item]:
    """Files of one order in other character sets, and with another separator."""
    head = "id,number,status,pos,sku\n"
    yield "latin-1", (head + "1,NS-1,paid,1,Caf\xe9\n").encode("latin-1")
    yield "utf-16", (head + "1,NS-1,paid,1,Caf\xe9\n").encode("utf-16")
    yield "semicolons", (head + "1,NS-1,paid,1,Caf\xe9\n").replace(",", ";").encode()


def good_workbook(orders: int = 1) -> bytes:
    """A workbook of both sheets, as a spreadsheet program would save it."""
    book = openpyxl.Workbook()
    head = book.active
    head.title = "orders"
    head.append(["id", "number", "status", "ordered_on", "paid_at", "total"])
    items = book.create_sheet("order_items")
    items.append(["order_id", "pos", "sku", "qty", "price", "tax"])
    for at in range(1, orders + 1):
        paid = datetime(2026, 11, 19, 14, 3, 11)  # noqa: DTZ001 - a sheet knows no zone
        head.append([at, f"NS-{at}", "paid", datetime(2026, 11, 19), paid, 118.8])  # noqa: DTZ001
        items.append([at, 1, "TEE-BLK-M ", 2, 49.5, "SST"])
    book.properties.modified = datetime(2026, 1, 1, tzinfo=UTC)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _zip(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def _changed(
    raw: bytes,
    *,
    add: dict[str, bytes] | None = None,
    edit: Callable[[str, bytes], bytes] | None = None,
) -> bytes:
    parts = {}
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            parts[name] = edit(name, content) if edit else content
    return _zip({**parts, **(add or {})})


def _sheet_with(raw: bytes, sheet: bytes) -> bytes:
    return _changed(raw, add={"xl/worksheets/sheet1.xml": sheet})


_MAIN = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
_END = b"</sheetData></worksheet>"
_CELL = b'<row r="1"><c r="A1" t="inlineStr"><is><t>&b;</t></is></c></row>'
_ENTITIES = (
    b'<!DOCTYPE x [<!ENTITY a "%s"><!ENTITY b "%s">]>' % (b"x" * 1_000, b"&a;" * 1_000)
    + _MAIN
    + _CELL
    + _END
)
_EXTERNAL = b'<!DOCTYPE x [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + _MAIN + _CELL + _END


def _blown_sheet() -> bytes:
    row = b'<row><c t="inlineStr"><is><t>' + b"A" * 1_000 + b"</t></is></c></row>"
    return _MAIN + row * 120_000 + _END


def _wide_row() -> bytes:
    return _MAIN + b'<row r="1"><c r="XFD1"><v>1</v></c></row>' + _END


def _far_row() -> bytes:
    return _MAIN + b'<row r="1048576"><c r="A1048576"><v>1</v></c></row>' + _END
