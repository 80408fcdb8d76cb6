"""The quick reader of workbooks tells what openpyxl tells, or leaves the file to it."""

import io
import subprocess
import sys
import zipfile
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.kit import workbook_child
from connectors.kit.workbook import Limits, write_sheets

LIMITS = Limits()
FORMATS = (
    "General",
    "0.00",
    "d/m/yyyy",
    "yyyy-mm-dd hh:mm",
    "hh:mm",
    "[h]:mm",
    '0 "days"',
    "[Red]0;-0",
    "@",
)
SHEET = "xl/worksheets/sheet1.xml"
XF = '<xf numFmtId="{}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
STYLES = "".join(
    [
        '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts>',
        *(
            f"<numFmt numFmtId={quoteattr(str(164 + n))} formatCode={quoteattr(f)}/>"
            for n, f in enumerate(FORMATS)
        ),
        '</numFmts><fonts count="1"><font><sz val="11"/></font></fonts>',
        '<fills count="1"><fill><patternFill/></fill></fills>',
        '<borders count="1"><border/></borders>',
        '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>',
        "</cellStyleXfs><cellXfs>",
        *(XF.format(164 + n) for n in range(len(FORMATS))),
        '</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/>',
        "</cellStyles></styleSheet>",
    ]
)


def made(cells: list[str], **parts: str) -> bytes:
    """A workbook of one sheet whose rows hold these cells as they are, with other parts changed."""
    rows = "".join(f'<row r="{n}">{cell}</row>' for n, cell in enumerate(cells, start=1))
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(write_sheets({"s": []}))) as plain,
        zipfile.ZipFile(out, "w") as archive,
    ):
        for name in plain.namelist():
            text = plain.read(name).decode()
            if name == SHEET:
                text = text.replace("<sheetData></sheetData>", f"<sheetData>{rows}</sheetData>")
                assert rows in text
            archive.writestr(name, {"xl/styles.xml": STYLES, **parts}.get(name, text))
    return out.getvalue()


def is_plain(raw: bytes) -> bool:
    return workbook_child.check_archive(raw, LIMITS)


NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18).map(str),
    st.decimals(-(10**6), 10**6, places=3).map(str),
    st.floats(0, 60_000).map(repr),
    st.sampled_from(["-0", "007", "1.0", "120.00", "1E3", "0.1", "44927.5", ".5", "5.", "1e-7"]),
)
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=12),
    st.sampled_from(
        [" x ", "a\nb", "_x000D_", "_x0041_", "TRUE", "1.50", "#N/A", "2026-11-19", "\t"]
    ),
)


@st.composite
def cell(draw: st.DrawFn) -> str:
    """One cell as a program may write it: a number in a format, a text of three kinds, a truth."""
    column = draw(st.sampled_from("ABCZ"))
    kind = draw(st.sampled_from(["n", "n", "str", "inlineStr", "b", "e", "formula", "empty"]))
    style = f' s="{draw(st.integers(0, len(FORMATS) - 1))}"' if draw(st.booleans()) else ""
    head = f'<c r="{column}0"{style}'
    keep = draw(st.sampled_from(["", ' xml:space="preserve"']))
    text = escape(draw(TEXTS))
    return {
        "n": f"{head}><v>{draw(NUMBERS)}</v></c>",
        "str": f'{head} t="str"><v>{text}</v></c>',
        "inlineStr": f'{head} t="inlineStr"><is><t{keep}>{text}</t></is></c>',
        "b": f'{head} t="b"><v>{draw(st.sampled_from("01"))}</v></c>',
        "e": f'{head} t="e"><v>#DIV/0!</v></c>',
        "formula": f"{head}><f>1+1</f><v>2</v></c>",
        "empty": f"{head}/>",
    }[kind]


def read_both(raw: bytes) -> tuple[object, object]:
    """What each reader tells, or that it cannot."""
    told = []
    for reader in (workbook_child._quickly, workbook_child._sheets):
        try:
            lines = reader(raw, LIMITS)
            told.append(None if lines is None else list(lines))
        except Exception as error:
            told.append(type(error).__name__)
    return told[0], told[1]


@pytest.mark.slow
@given(st.lists(cell(), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_the_quick_reader_tells_the_same_or_leaves_it(cells):
    raw = made([one.replace('0"', f'{n}"', 1) for n, one in enumerate(cells, start=1)])
    if is_plain(raw):
        quick, slow = read_both(raw)
        assert quick is None or quick == slow


def test_the_slow_reader_is_loaded_for_those_that_need_it():
    """Loading it takes twice as long as all else that a process for one workbook does at first."""
    told = "import sys, connectors.kit.workbook_child; print('openpyxl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def elsewhere(raw: bytes, names: dict[str, str]) -> bytes:
    """The same workbook with parts of other names, as its relations then say."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as plain, zipfile.ZipFile(out, "w") as archive:
        for name in plain.namelist():
            text = plain.read(name).decode()
            for old, new in names.items():
                text = text.replace(old, new).replace(old.removeprefix("xl/"), new[3:])
            archive.writestr(names.get(name, name), text)
    return out.getvalue()


@pytest.mark.parametrize("place", [SHEET, "xl/pages/one.xml", "xl/Sheet.XML", "xl/data.bin"])
@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ('<c r="A1"><f>1+1</f></c>', ["e", "a formula without a result"]),
        ('<c r="A1" t="e"><v>#N/A</v></c>', ["e", "#N/A"]),
        ('<c r="A1" t="str"><v> AB-100 </v></c>', ["t", " AB-100 "]),
    ],
)
def test_cells_are_told_wherever_their_sheet_lies(cell, told, place):
    """What the quick reader does not tell is looked for in every part that could be a sheet: a
    total that is missing is another thing than one that cannot be read.
    """
    beside = '<c r="B1" t="str"><v>x</v></c>'
    raw = made([f"{cell}{beside}"])
    moved = elsewhere(raw, {SHEET: place}) if place != SHEET else raw
    lines = list(workbook_child.read(moved, LIMITS))
    assert lines[1:] == [{"row": 1, "cells": {"1": told, "2": ["t", "x"]}}]


def test_where_the_quick_reader_breaks_the_other_reads():
    far = made(['<c r="A1" s="2"><v>-133333333333</v></c>', '<c r="A2"><v>1</v></c>'])
    lines = list(workbook_child.read(far, LIMITS))
    assert lines[-1] == {"row": 2, "cells": {"1": ["n", "1"]}}


@pytest.mark.parametrize(
    "held",
    [
        '<c r="A1"><f>1+1</f><v>2</v></c>',
        '<c r="A1"><f t="shared" si="0"/><v>2</v></c>',
        '<c r="A1" t="e"><v>#N/A</v></c>',
        "<c r=\"A1\" t='e'><v>#N/A</v></c>",
        '<c r="A1"><v>12345678901234567</v></c>',
        '<c r="A1"><v>120.00</v></c>',
        '<c r="A1"><v>1E3</v></c>',
        '<c r="A1" t="d"><v>2026-11-19</v></c>',
    ],
)
def test_what_it_would_not_tell_is_left_to_the_other(held):
    assert not is_plain(made([held]))
    assert is_plain(made(['<c r="A1"><v>12</v></c>']))


@pytest.mark.parametrize("style", ["", ' s="0"', ' s="1"', ' s="8"'])
def test_a_shop_of_millions_of_orders_is_read_quickly(style):
    raw = made([f'<c r="A1"{style}><v>14000001</v></c>', '<c r="A2" s="2"><v>45000</v></c>'])
    quick, slow = read_both(raw)
    assert is_plain(raw)
    assert quick == slow
    assert quick[1] == {"row": 1, "cells": {"1": ["n", "14000001"]}}


@pytest.mark.parametrize(
    ("cell", "styles"),
    [
        ('<c r="A1" s="2"><v>2958466</v></c>', STYLES),
        ('<c r="A1" s="5"><v>-7000000</v></c>', STYLES),
        ('<c r="A1" s="1"><v>2958466</v></c>', STYLES.replace('numFmtId="165"', 'numFmtId="22"')),
        ('<c r="A1"><v>2958466</v></c>', STYLES.replace('numFmtId="164"', 'numFmtId="14"')),
        ('<c r="A1"><v>2958466</v></c>', STYLES.replace("cellXfs", "others")),
    ],
)
def test_a_number_after_all_days_is_left_to_the_other(cell, styles):
    """Whatever says that it is a day: its format, or that of cells without any."""
    assert not is_plain(made([cell], **{"xl/styles.xml": styles}))


def test_a_cell_that_is_far_out_is_refused_and_takes_no_memory():
    far = made(['<c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c>'])
    with pytest.raises(workbook_child.RefusedError) as refused:
        list(workbook_child.read(far, LIMITS))
    assert refused.value.refusal.code == "too_many_rows"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("820982911946154508", ["n", "820982911946154508"]),
        ("1234567890123456", ["n", "1234567890123456"]),
        ("123456789012345", ["n", "123456789012345"]),
        ("100000000000000", ["n", "100000000000000"]),
        ("820982911946154000", None),
        ("8.2098291194615398E+17", None),
        ("8.2E+17", None),
        ("1234567890123450", None),
        ("9007199254740993.5", None),
        ("-820982911946154000", None),
    ],
)
def test_a_number_whose_last_digits_are_lost_is_no_value(written, told):
    """Excel keeps 15 digits and writes noughts for the others: as an id it would be another."""
    (row,) = [one for one in workbook_child.read(made([f'<c r="A1"><v>{written}</v></c>']), LIMITS)
              if "row" in one]  # fmt: skip
    assert row["cells"]["1"] == (told or ["e", "a number too long to be exact"])
