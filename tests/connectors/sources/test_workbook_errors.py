"""The workbook that goes back with a column Errors looks as the one that was uploaded."""

import io
import zipfile
from datetime import UTC, datetime

import openpyxl
import pytest
from openpyxl.styles import Font, PatternFill

from connectors.kit.workbook import Limits
from connectors.registry import sources
from connectors.sources.workbook import file_sheets

ERRORS = {"Orders!C2": "This is not a number.", "Orders!B2": "Too late.", "Orders!A3": "No id."}
TOLD = "C2: This is not a number.\nB2: Too late."

DAY = datetime(2026, 11, 19, tzinfo=UTC).replace(tzinfo=None)  # a cell knows no zone
MOMENT = DAY.replace(day=20, hour=9, minute=30)


def book() -> bytes:
    """A sheet with looks, a text that begins as a formula does, a formula, and a sheet of notes."""
    made = openpyxl.Workbook()
    sheet, notes = made.active, made.create_sheet("Notes")
    assert sheet is not None
    sheet.title = "Orders"
    sheet.append(["Order no", "Date", "Total"])
    sheet.append(["=1+1", DAY, 1234.5])
    sheet["A2"].data_type = "s"
    sheet.append(["SO-2", MOMENT, "=C2*2"])
    for cell in sheet[1]:
        cell.font, cell.fill = Font(name="Georgia", bold=True, color="FFC00000"), FILL
    sheet["B2"].number_format, sheet["C2"].number_format = "dd/mm/yyyy", '"RM" #,##0.00'
    sheet.column_dimensions["A"].width, sheet.row_dimensions[1].height = 33, 28
    sheet.freeze_panes = "A2"
    notes["B7"], notes["B7"].font = "By hand", Font(italic=True)
    notes.merge_cells("B7:D7")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


FILL = PatternFill("solid", fgColor="FFFFEEAA")


def back(raw: bytes, errors: dict[str, str] | None = None, name: str = "a.xlsx") -> bytes:
    given = ERRORS if errors is None else errors
    made = sources()["workbook"].with_errors(name, raw, given)  # type: ignore[attr-defined]
    assert isinstance(made, bytes)
    return made


def test_it_keeps_fonts_formats_widths_and_other_sheets() -> None:
    found = openpyxl.load_workbook(io.BytesIO(back(book())))
    sheet, notes = found["Orders"], found["Notes"]
    assert (sheet["A1"].font.name, sheet["A1"].font.bold) == ("Georgia", True)
    assert (sheet["D1"].value, sheet["D1"].font.name) == ("Errors", "Georgia")
    assert sheet["D1"].fill.fgColor.rgb == FILL.fgColor.rgb
    assert (sheet["B2"].value, sheet["B2"].number_format) == (DAY, "dd/mm/yyyy")
    assert (sheet["C2"].value, sheet["C2"].number_format) == (1234.5, '"RM" #,##0.00')
    assert sheet["B3"].value == MOMENT
    assert (sheet.column_dimensions["A"].width, sheet.row_dimensions[1].height) == (33, 28)
    assert sheet.freeze_panes == "A2"
    assert (notes["B7"].value, notes["B7"].font.italic) == ("By hand", True)
    assert [str(one) for one in notes.merged_cells.ranges] == ["B7:D7"]
    assert (sheet["D2"].value, sheet["D3"].value) == (TOLD, "A3: No id.")
    assert sheet["D2"].alignment.wrap_text
    assert sheet.column_dimensions["D"].width == 60


def test_nothing_is_a_formula() -> None:
    raw = back(book(), {"Orders!A2": "=1+1\x07"})
    sheet = openpyxl.load_workbook(io.BytesIO(raw))["Orders"]
    assert [(sheet[cell].value, sheet[cell].data_type) for cell in ("A2", "C3", "D2")] == [
        ("=1+1", "s"),
        (None, "n"),
        ("A2: =1+1\ufffd", "s"),
    ]


def test_words_that_begin_as_a_formula_does_are_words() -> None:
    raw = file_sheets.kept(book(), {"Orders": {2: "=1+1"}})
    assert raw is not None
    cell = openpyxl.load_workbook(io.BytesIO(raw))["Orders"]["D2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_what_would_not_be_read_is_not_written_either() -> None:
    raw = io.BytesIO(book())
    with zipfile.ZipFile(raw, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"Sub")
    made = sources()["workbook"].with_errors("a.xlsx", raw.getvalue(), ERRORS)  # type: ignore[attr-defined]
    assert made is None


@pytest.mark.slow
def test_the_column_is_there_once_and_says_what_is_wrong_now() -> None:
    first = back(book())
    again = openpyxl.load_workbook(io.BytesIO(back(first, {"Orders!A3": "No id."})))["Orders"]
    assert [cell.value for cell in again["D"]] == ["Errors", None, "A3: No id."]
    assert again.max_column == 4
    none = openpyxl.load_workbook(io.BytesIO(back(first, {"Notes!B7": "No."})))
    assert [cell.value for cell in none["Orders"]["D"]] == [None, None, None]
    notes = none["Notes"]
    assert (notes["E1"].value, notes["E7"].value) == ("Errors", "B7: No."), "behind what is merged"


@pytest.mark.parametrize(("most", "font"), [(1, "Calibri"), (None, "Georgia")])
def test_a_large_one_comes_back_with_its_values_alone(
    monkeypatch: pytest.MonkeyPatch, most: int | None, font: str
) -> None:
    if most is not None:
        monkeypatch.setattr(file_sheets, "MOST_UNPACKED", most)
    told = file_sheets.written(book(), "", ERRORS, Limits())
    assert told is not None
    sheet = openpyxl.load_workbook(io.BytesIO(told))["Orders"]
    assert (sheet["A1"].font.name, sheet["D2"].value) == (font, TOLD)


def test_what_only_the_reader_of_values_reads_comes_back_without_its_formats() -> None:
    """A width that openpyxl refuses."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book())) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            content = content.replace(b'width="33"', b'width="wide"')
            new.writestr(entry, content)
    sheet = openpyxl.load_workbook(io.BytesIO(back(out.getvalue())))["Orders"]
    assert (sheet["A1"].font.name, sheet["D2"].value) == ("Calibri", TOLD)
    assert sheet["C3"].value == "a formula without a result"


def test_a_csv_comes_back_as_a_workbook_and_the_sheet_is_the_one_of_its_cells() -> None:
    raw = back(b"Payout no,Total\nPO-1,five\n", {"payouts!B2": "No number."}, "a.csv")
    sheet = openpyxl.load_workbook(io.BytesIO(raw))["payouts"]
    assert [cell.value for cell in sheet["C"]] == ["Errors", "B2: No number."]


def test_what_is_no_workbook_comes_back_as_nothing() -> None:
    made = sources()["workbook"].with_errors("a.xlsx", b"PK\x03\x04 no", {})  # type: ignore[attr-defined]
    assert made is None
