"""A table has at most 100,000 rows below its headings, and 200 columns, however it is read."""

import io
import zipfile

import pytest

from connectors.kit.workbook import Limits, WorkbookRefusal, read_csv, read_tables, write
from connectors.kit.workbook_child import check_archive

MOST = 100_000
WAYS = ("csv", "quick", "slow")
ROWS = " has more than 100,000 rows below its headings."
COLUMNS = " has more than 200 columns."


def read(way, rows, limits=None):
    """What is read of these rows: of a CSV, and of a workbook by either reader."""
    if way == "csv":
        raw = "".join(",".join(row) + "\r\n" for row in rows).encode()
        return read_csv("orders", raw, limits)
    raw = write("orders", rows)
    raw = with_formula(raw) if way == "slow" else raw
    if len(rows) < MOST:
        assert check_archive(raw, Limits()) == (way == "quick")
    return read_tables(raw, limits)


def with_formula(raw):
    """The workbook with a formula in its last row, which leaves it to the slow reader."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(raw)) as given,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in given.namelist():
            part = given.read(name)
            if name.startswith("xl/worksheets/sheet"):
                before, _, after = part.rpartition(b"</row>")
                cell = f'<c r="C{part.count(b"<row ")}"><f>1</f><v>1</v></c></row>'
                part = before + cell.encode() + after
            made.writestr(name, part)
    return out.getvalue()


def both_sides(way, most, limits=None):
    """So many rows below the headings are read; what is said of one more."""
    rows = [("id",), *((n,) for n in range(1, most + 1))]
    rows = [(str(one),) for (one,) in rows] if way == "csv" else rows
    (sheet,) = read(way, rows, limits)
    assert (len(sheet.rows), str(sheet.rows[most + 1][1])) == (most + 1, str(most))
    refused = read(way, [*rows, rows[-1]], limits)
    assert isinstance(refused, WorkbookRefusal)
    assert refused.code == "too_many_rows"
    return refused


@pytest.mark.parametrize("way", WAYS)
def test_A17_each_reader_counts_the_rows_below_the_headings(way):
    refused = both_sides(way, 300, Limits(rows=300))
    assert refused.message == "orders has more than 300 rows below its headings."


@pytest.mark.slow
@pytest.mark.parametrize("way", ["csv", "quick"])
def test_A17_a_hundred_thousand_rows_are_read_and_one_more_is_not(way):
    refused = both_sides(way, MOST)
    assert refused.message == f"orders{ROWS}"
    assert refused.hint.startswith("Split it")


@pytest.mark.slow
def test_A17_a_hundred_thousand_rows_are_read_by_the_slow_reader_too():
    """Within its time; that it counts as the others do is seen with fewer rows."""
    (sheet,) = read("slow", [("id",), *((n,) for n in range(1, MOST + 1))])
    assert (len(sheet.rows), str(sheet.rows[MOST + 1][1])) == (MOST + 1, str(MOST))


@pytest.mark.parametrize("way", WAYS)
def test_A17_two_hundred_columns_are_read_and_one_more_is_not(way):
    head = tuple(f"c{n}" for n in range(1, 201))
    (sheet,) = read(way, [head, ("a",)])
    assert sheet.rows[1][200] == "c200"
    refused = read(way, [(*head, "c201"), ("a",)])
    assert isinstance(refused, WorkbookRefusal)
    assert (refused.code, refused.message) == ("too_many_rows", f"orders{COLUMNS}")
