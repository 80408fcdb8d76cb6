"""Workbooks as people make them, for tests of uploads."""

import io
from collections.abc import Mapping, Sequence

import openpyxl

HEAD = ("Order ID", "Order No", "Status", "Date", "Customer code", "Currency", "Total")
ITEMS = ("Order ID", "Line", "Item code", "Description", "Unit", "Qty", "Unit price")


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """An .xlsx of these sheets, saved as a spreadsheet program does."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(out)
    return out.getvalue()


def orders(*numbers: int, **changes: object) -> bytes:
    """A workbook of clean orders: one line of two TEA-1 at RM 48.00, for customer C-77."""
    given: dict[str, object] = {"status": "paid", "customer": "C-77", "sku": "TEA-1", "qty": 2}
    given |= {"total": "96.00", **changes}
    heads: list[Sequence[object]] = [HEAD]
    lines: list[Sequence[object]] = [ITEMS]
    for number in numbers:
        heads.append(
            (number, f"SO-{number}", given["status"], "2026-11-19", given["customer"], "MYR",
             given["total"])
        )  # fmt: skip
        lines.append((number, 1, given["sku"], "Tea", "BOX", given["qty"], "48.00"))
    return workbook({"Orders": heads, "Order items": lines, "Notes": [["Made by hand"]]})
