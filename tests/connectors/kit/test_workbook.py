# ruff: noqa: DTZ001 - a sheet knows no zone
"""Workbooks in and out: exact values, places of errors, the same records as the webhook."""

import csv
import io
import json
import random
import zipfile
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Accepted, SourceRefusal
from connectors.kit.workbook import (
    CellError,
    Limits,
    WorkbookRefusal,
    column_name,
    place,
    read_tables,
    sheets_of,
    stream_csv,
    write,
    write_sheets,
)
from connectors.kit.workbook_child import read
from connectors.registry import read_file, sources
from sandbox.simulators.netshop.deliveries import sample_order
from tests.support.zones import SHOP_ZONE

ORDER_WORDS = [
    "id",
    "number",
    "status",
    "ordered_on",
    "paid_at",
    "updated_at",
    "channel",
    "currency",
    "customer",
    "customer_name",
    "tin",
    "address",
    "subtotal",
    "tax_total",
    "round_off",
    "total",
    "version",
]
LINE_WORDS = ["order_id", "pos", "sku", "name", "uom", "qty", "price", "tax"]


def saved(orders, items):
    book = openpyxl.Workbook()
    book.active.title = "orders"
    sheet = book.create_sheet("order_items")
    for row in orders:
        book.active.append(row)
    for row in items:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def in_process(raw):
    return sheets_of(list(read(raw, Limits())))


def head_row(**changed):
    plain = {
        "id": 10231,
        "number": "NS-10231",
        "status": "paid",
        "ordered_on": date(2026, 11, 19),
        "paid_at": datetime(2026, 11, 19, 14, 3, 11),
        "updated_at": "2026-11-19T14:03:12+08:00",
        "channel": "FPX",
        "currency": "MYR",
        "customer": "C-88",
        "customer_name": "Aisyah Rahman",
        "tin": "IG24680135790",
        "address": "12 Jalan Ampang, 50450 Kuala Lumpur",
        "subtotal": 108.9,
        "tax_total": 9.9,
        "round_off": 0,
        "total": 118.8,
        "version": 1,
    }
    return [{**plain, **changed}[word] for word in ORDER_WORDS]


def item_row(**changed):
    plain = {
        "order_id": 10231,
        "pos": 1,
        "sku": "TEE-BLK-M",
        "name": "Tee, black, M",
        "uom": "PCS",
        "qty": 2,
        "price": 49.5,
        "tax": "SST",
    }
    return [{**plain, **changed}[word] for word in LINE_WORDS]


SHIPPING = {"pos": 2, "sku": "SHIP", "name": "Shipping", "qty": 1.0, "price": 9.9, "tax": "NONE"}


def canonical(answer):
    return [
        (one.external_id, one.stamp, json.dumps(one.body, sort_keys=True)) for one in answer.records
    ]


@pytest.fixture(scope="module")
def webhook():
    raw = json.dumps({"order": sample_order()}).encode()
    return canonical(read_file("a.json", raw, SHOP_ZONE))


def test_a_workbook_gives_the_same_bytes_as_the_webhook(webhook):
    raw = saved([ORDER_WORDS, head_row()], [LINE_WORDS, item_row(), item_row(**SHIPPING)])
    answer = read_file("month.xlsx", raw, SHOP_ZONE)
    assert answer.errors == ()
    assert canonical(answer) == webhook


def csv_of(rows):
    text = io.StringIO()
    for row in rows:
        text.write(",".join('"' + str(cell).replace('"', '""') + '"' for cell in row) + "\r\n")
    return text.getvalue().encode()


def test_a_csv_gives_the_same_bytes_as_the_webhook(webhook):
    head = head_row()
    rows = [[*head, *item_row()[1:]], [*head, *item_row(**SHIPPING)[1:]]]
    answer = read_file("month.csv", csv_of([[*ORDER_WORDS, *LINE_WORDS[1:]], *rows]), SHOP_ZONE)
    assert answer.errors == ()
    assert canonical(answer) == webhook


def held(answer):
    """Return the ids of the records that are stored and held for a wrong cell."""
    return [one.external_id for one in answer.records if one.faults]


def places(answer):
    """Return the cells that the errors of the file and of its records name."""
    return sorted({error.where for error in answer.problems})


def test_errors_stand_with_their_cells_and_orders_with_an_id_get_in():
    orders = [
        ORDER_WORDS,
        head_row(id=1, number="NS-1", total="207.90"),  # twice 99.00, and 9.90 of tax
        head_row(id=2, number="NS-2", total="a lot", paid_at="yesterday"),
        head_row(id=3, number="NS-3", status=None),
        head_row(id=4, number="NS-4"),
        head_row(id=4, number="NS-4b"),
    ]
    items = [
        LINE_WORDS,
        item_row(order_id=1),
        item_row(order_id=1, pos=2, qty="two"),
        item_row(order_id=2),
        item_row(order_id=99),
    ]
    answer = read_file("month.xlsx", saved(orders, items), SHOP_ZONE)
    assert [one.external_id for one in answer.records] == ["1", "2", "3"]
    assert held(answer) == ["1", "2", "3"]
    assert places(answer) == [
        "order_items!A5",
        "order_items!F3",
        "orders!A5",
        "orders!A6",
        "orders!C4",
        "orders!E3",
        "orders!P3",
    ]
    assert all(error.message and error.hint for error in answer.errors)
    fixed = [LINE_WORDS, item_row(order_id=1), item_row(order_id=1, pos=2), item_row(order_id=99)]
    answer = read_file("month.xlsx", saved(orders, fixed), SHOP_ZONE)
    assert [one.external_id for one in answer.records] == ["1", "2", "3"]
    assert held(answer) == ["2", "3"]
    assert places(answer) == [
        "order_items!A4",
        "orders!A5",
        "orders!A6",
        "orders!C4",
        "orders!E3",
        "orders!P3",
    ]


def test_columns_that_are_not_known_or_occur_twice_are_told():
    raw = saved(
        [[*ORDER_WORDS, "colour", "total"], [*head_row(), "red", 1]], [LINE_WORDS, item_row()]
    )
    answer = read_file("month.xlsx", raw, SHOP_ZONE)
    assert [error.where for error in answer.errors][:2] == ["orders!R1", "orders!S1"]


def test_rows_of_one_csv_order_that_differ():
    words = ["id", "number", "status", "pos", "sku"]
    rows = [[1, "NS-1", "paid", 1, "A"], [1, "NS-1", "shipped", 2, "B"], [2, "N2", "paid", 1, "A"]]
    answer = read_file("a.csv", csv_of([words, *rows]), SHOP_ZONE)
    assert [one.external_id for one in answer.records] == ["1", "2"]
    assert held(answer) == ["1"]
    assert places(answer) == ["orders!C3"]


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (0.1 + 0.2, Decimal("0.3")),
        (33.16, Decimal("33.16")),
        (1.1 * 3, Decimal("3.3")),
        (1e-7, Decimal("1E-7")),
        (123456789.12, Decimal("123456789.12")),
        (2, Decimal("2")),
        (2.0, Decimal("2")),
        (True, True),
        ("TEA-1 ", "TEA-1 "),
        (" 007", " 007"),
        (datetime(2026, 11, 19), datetime(2026, 11, 19)),
        (datetime(2026, 11, 19, 14, 3, 11), datetime(2026, 11, 19, 14, 3, 11)),
        ("#N/A", CellError("#N/A")),
        ("=1+1", CellError("a formula without a result")),
    ],
)
def test_a_cell_is_read_exactly(cell, told):
    book = openpyxl.Workbook()
    book.active["A1"] = cell
    out = io.BytesIO()
    book.save(out)
    assert in_process(out.getvalue())[0].rows[1][1] == told


def test_a_formula_is_read_by_its_kept_result():
    raw = write("orders", [[Decimal(7)]])
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b"<v>7</v>", b"<f>3+4</f><v>7</v>")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert in_process(out.getvalue())[0].rows == {1: {1: Decimal(7)}}


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.text(
                st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20
            ),
            st.decimals(allow_nan=False, allow_infinity=False, places=4).filter(
                lambda d: abs(d) < 10**9
            ),
            st.integers(-(10**14), 10**14),
            st.dates(date(1901, 1, 1), date(2200, 1, 1)),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_what_is_read(row):
    first = write("s & <t>", [row])
    assert first == write("s & <t>", [row])
    sheets = in_process(first)
    assert sheets[0].name == "s & <t>"
    expected = {
        at: datetime(cell.year, cell.month, cell.day) if isinstance(cell, date) else cell
        for at, cell in enumerate(row, start=1)
        if cell is not None and cell != ""
    }
    assert dict(sheets[0].rows.get(1, {})) == expected


def test_T05b_a_workbook_is_packed_and_its_bytes_depend_on_its_values_only(monkeypatch):
    rows = [[f"IV-{n // 21}", date(2026, 11, 19), Decimal(n)] for n in range(2_000)]
    raw = write("x", rows)
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert write("x", rows) == raw
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        assert {part.compress_type for part in parts.infolist()} == {zipfile.ZIP_DEFLATED}
        assert {part.date_time for part in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert len(raw) * 6 < sum(part.file_size for part in parts.infolist())


def test_T05b_the_most_repetitive_workbook_is_not_taken_for_a_bomb():
    """Readers refuse what grows a hundredfold: ours, and the one that many others are made with."""
    raw = write("x", [["A" * 300] * 20] * 300)
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        sheet = max(parts.infolist(), key=lambda part: part.file_size)
        assert sheet.file_size < 100 * sheet.compress_size
    assert len(in_process(raw)[0].rows) == 300


DANGEROUS = [
    f"{first}{rest}"
    for first in "=+-@\t\r\n＝＋－＠"
    for rest in ("cmd|' /C calc'!A0", "HYPERLINK(1)", "1+1", "SUM(A1:A9)")
]


def test_no_text_becomes_a_formula():
    book = openpyxl.load_workbook(io.BytesIO(write("x", [[text] for text in DANGEROUS])))
    cells = [row[0] for row in book.active.iter_rows()]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells] == DANGEROUS


def test_no_text_of_a_csv_is_a_formula():
    given = [*DANGEROUS, *(f"  {text}" for text in DANGEROUS), "plain", "a=1"]
    raw = io.BytesIO()
    stream_csv(raw, [[text] for text in given])
    out = io.StringIO(raw.getvalue().decode("utf-8-sig"), newline="")
    assert [row[0] for row in csv.reader(out)] == [
        *(f"'{text}" for text in given[:-2]),
        *given[-2:],
    ]


def test_a_sign_that_a_workbook_cannot_hold_breaks_none():
    never = [*range(9), 0x0B, 0x0C, *range(0x0E, 0x20), 0xD800, 0xDFFF, 0xFFFE, 0xFFFF]
    kept = [0x09, 0x0A, 0x0D, 0x20, 0x7F, 0xD7FF, 0xE000, 0xFFFD, 0x1F600]
    raw = write("x", [[f"a{chr(code)}b" for code in codes] for codes in (never, kept)])
    book = openpyxl.load_workbook(io.BytesIO(raw))
    assert {cell.value for cell in book.active[1]} == {"a\ufffdb"}
    told = [cell.value for cell in book.active[2] if cell.value]
    assert told == [f"a{chr(code)}b" for code in kept]


def test_a_text_ends_where_a_cell_does():
    raw = write("x", [["x" * 32_767, "x" * 32_768, "x" + "\U0001f600" * 20_000]])
    cells = openpyxl.load_workbook(io.BytesIO(raw)).active[1]
    assert [cell.value for cell in cells] == ["x" * 32_767] * 2 + ["x" + "\U0001f600" * 16_383]


@pytest.mark.slow
def test_a_reader_that_needs_too_much_is_stopped():
    raw = write("orders", [["x" * 50]] * 20_000)
    tiny = Limits(memory_bytes=20 << 20)
    assert isinstance(read_tables(raw, tiny), WorkbookRefusal)
    assert read_tables(raw, Limits(rows=100)).code == "too_many_rows"
    assert isinstance(read_tables(raw), tuple)


def shared(text, cells, *, formula):
    """A workbook in which one text stands in many cells; a formula leaves it to the slow reader."""
    out = io.BytesIO()
    rows = "".join(f'<row><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(1, cells))
    rows += "<row><c><f>1</f><v>1</v></c></row>" if formula else ""
    with (
        zipfile.ZipFile(io.BytesIO(write("s", []))) as given,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in given.namelist():
            part = given.read(name).decode().replace("<sheetData>", f"<sheetData>{rows}")
            if name.endswith("workbook.xml.rels"):
                kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
                link = f'<Relationship Id="x" Type="{kind}/sharedStrings" Target="t.xml"/>'
                part = part.replace("</Relationships>", f"{link}</Relationships>")
            if name == "[Content_Types].xml":
                sheet = "vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
                told = f'<Override PartName="/xl/t.xml" ContentType="application/{sheet}"/>'
                part = part.replace("</Types>", f"{told}</Types>")
            made.writestr(name, part)
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        made.writestr("xl/t.xml", f'<sst xmlns="{main}"><si><t>{text}</t></si></sst>')
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("formula", [True, False])
def test_one_text_in_many_cells_is_not_told_without_end(formula):
    raw = shared("x" * 32_000, 5_000, formula=formula)
    assert len(raw) < 100_000
    assert read_tables(raw).code == "too_large"
    few = read_tables(shared("x" * 32_000, 5, formula=formula))
    assert few[0].rows[4][1] == "x" * 32_000
    assert read_tables(raw, Limits(told_bytes=200_000_000))[0].rows[4_999][1] == "x" * 32_000


def test_a_path_is_read_too(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(write("orders", [["id"]]))
    assert read_tables(tmp_path / "a.xlsx")[0].rows == {1: {1: "id"}}


def test_names_of_places():
    assert [column_name(n) for n in (1, 26, 27, 52, 703)] == ["A", "Z", "AA", "AZ", "AAA"]
    assert place("orders", 17, 3) == "orders!C17"


def test_a_workbook_is_no_webhook():
    assert sources()["workbook"].accept({}, b"", [], None, SHOP_ZONE).status == 405


def test_without_ids_the_number_tells_orders_apart():
    words = ["number", "status"]
    items = [["number", "pos", "sku"], ["NS-1", 1, "A"]]
    answer = read_file("a.xlsx", saved([words, ["NS-1", "paid"]], items), SHOP_ZONE)
    assert isinstance(answer, Accepted)
    assert answer.records[0].external_id == "NS-1"
    assert answer.records[0].body["lines"] == [{"pos": 1, "sku": "A"}]


@pytest.mark.parametrize(
    ("heads", "items", "missing"),
    [
        (["id", "status"], ["order_id", "pos"], "orders: missing columns: number"),
        (["number", "status"], ["order_id", "pos"], "orders: missing columns: id"),
        (["id", "number", "status"], ["pos", "sku"], "order_items: missing columns: order_id"),
    ],
)
def test_a_column_that_names_the_order_is_asked_for(heads, items, missing):
    order = {"id": "77", "number": "NS-1", "status": "paid"}
    item = {"order_id": "77", "pos": 1, "sku": "A"}
    sheets = ([heads, [order[w] for w in heads]], [items, [item[w] for w in items]])
    answer = read_file("a.xlsx", saved(*sheets), SHOP_ZONE)
    assert isinstance(answer, SourceRefusal)
    assert answer.message == f"{missing}."


def test_items_may_name_the_order_by_its_number_in_order_id():
    items = [["order_id", "pos", "sku"], ["NS-1", 1, "A"]]
    answer = read_file("a.xlsx", saved([["number", "status"], ["NS-1", "paid"]], items), SHOP_ZONE)
    assert isinstance(answer, Accepted)
    assert answer.errors == ()


def test_a_hundred_orders_are_the_same_by_either_way():
    chance = random.Random(7)
    wire, heads, items = [], [ORDER_WORDS], [LINE_WORDS]
    for number in range(1, 101):
        qty, price = chance.randint(1, 5000) / 4, chance.randint(1, 99_999) / 100
        goods = (Decimal(str(qty)) * Decimal(str(price))).quantize(Decimal("0.01"), ROUND_HALF_UP)
        paid = goods + Decimal("9.90")
        order = sample_order(number, total=str(paid), subtotal=str(goods))
        order["items"] = [{**order["items"][0], "qty": f"{qty:.3f}", "price": f"{price:.4f}"}]
        wire.append(order)
        heads.append(head_row(id=number, number=f"NS-{number}", total=paid, subtotal=goods))
        items.append(item_row(order_id=number, qty=qty, price=price))
    answer = read_file("month.xlsx", saved(heads, items), SHOP_ZONE)
    raw = json.dumps({"orders": wire}).encode()
    assert answer.errors == ()
    assert canonical(answer) == canonical(read_file("month.json", raw, SHOP_ZONE))


def test_each_sheet_has_its_name_and_rows():
    raw = write_sheets(
        {"Journal": [("=A1", Decimal("1.10"))], 'Other "&" more': [(date(2026, 11, 20),)]}
    )
    book = openpyxl.load_workbook(io.BytesIO(raw))
    assert book.sheetnames == ["Journal", 'Other "&" more']
    assert [cell.data_type for cell in book["Journal"][1]] == ["s", "n"]
    assert [sheet.name for sheet in in_process(raw)] == book.sheetnames


def test_a_table_that_stands_away_from_the_corner_keeps_its_places():
    book = openpyxl.Workbook()
    book.active["C3"], book.active["D3"], book.active["C5"] = "id", 7, "x"
    out = io.BytesIO()
    book.save(out)
    assert read_tables(out.getvalue())[0].rows == {3: {3: "id", 4: Decimal(7)}, 5: {3: "x"}}
