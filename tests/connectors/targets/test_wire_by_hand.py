"""The import that a person carries: workbook, outcome and listing beside literal recorded ones.

The client builds the recorded workbook and reads the recorded listing without any stand-in; the
stand-in imports the recorded workbook without any client. Each title on either side is corrupted
once, and each is found.
"""

import json
from dataclasses import replace
from decimal import Decimal
from unittest.mock import patch

import pytest

from connectors.registry import targets
from connectors.targets.autocount_excel import connector
from sandbox.simulators.autocount_excel import imports
from sandbox.simulators.base.server import Handle, Request
from tests.connectors.recorded_autocount_excel import (
    BEFORE,
    DOCUMENTS,
    FOLDER,
    opened,
    plain,
    recorded,
    workbook,
)
from tests.connectors.targets.test_wire_corrupted import served
from tests.support.zones import BOOKS

TARGET = targets()["autocount_excel"]
SETTINGS = {**BOOKS, "company_id": "kedai", "number_prefix": "NS-", "locked_through": "none"}
LOCKED = "outcome, locked through 2026-11-30"
CLASSES = {
    "Debtor code 300-X999 not found": "mapping_missing",
    "Mandatory field DisplayTerm is empty": "missing_field",
}


def built(name):
    return TARGET.build(DOCUMENTS[name], SETTINGS, batch=True, batch_name="20261120_17")


def as_recorded(name) -> bool:
    told = recorded(name)
    return opened(built(name).body) == {s: plain(told[s]) for s in ("Data", "Clearpost")}


def asked(handle: Handle, method: str, path: str, body: bytes = b"", **query: str):
    request = Request(method=method, path=path, query=query, headers={}, body=body)
    reply = handle(request)
    assert reply.status == 200, reply.encoded()
    return reply.encoded()


def imported(handle: Handle, kind: str, file: str, body: bytes):
    """What the rows came to, with the moment by its form alone."""
    told = json.loads(asked(handle, "POST", "/desktop/import", body, type=kind, file=file))
    return {**told, "imported_at": "a moment" if told.pop("imported_at") else ""}


def said(outcome):
    return {**outcome, "imported_at": "a moment"}


def stands_as_recorded(handle: Handle, name: str) -> bool:
    """The recorded workbook is imported; what it came to, the documents there cell by cell, and the
    listing are the recorded ones.
    """
    told = recorded(name)
    (outcome,) = told["outcome"]
    body = workbook({sheet: told[sheet] for sheet in ("Data", "Clearpost")})
    if imported(handle, name, outcome["file"], body) != said(outcome):
        return False
    there = json.loads(asked(handle, "GET", "/_sim/documents"))["documents"]
    rows = [row for one in there if one["type"] == name for row in one["rows"]]
    (listed,) = opened(asked(handle, "GET", "/desktop/listing", type=name)).values()
    return _as_written(told["Data"], rows) and listed == plain(told["Listing"])


def _as_written(sheet, rows) -> bool:
    """Whether these cells exist there by their titles; a number counts by its value."""
    heads, *below = sheet
    wanted = [
        {head: cell for head, cell in zip(heads, row, strict=True) if cell is not None}
        for row in below
    ]
    return [row.keys() for row in rows] == [row.keys() for row in wanted] and all(
        _same(cell, row[head])
        for row, cells in zip(rows, wanted, strict=True)
        for head, cell in cells.items()
    )


def _same(cell, told) -> bool:
    if isinstance(cell, dict):
        return told == cell["date"]
    return Decimal(told) == cell if isinstance(cell, int | Decimal) else told == cell


def begun(name, folder) -> Handle:
    """A new stand-in with what must be there first."""
    handle = served("autocount_excel", folder)
    if earlier := BEFORE.get(name):
        assert stands_as_recorded(handle, earlier)
    return handle


def test_T33b_every_document_that_goes_by_hand_is_recorded():
    offered = {schema.name for schema in TARGET.documents}
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(DOCUMENTS) == offered
    for name, documents in DOCUMENTS.items():
        (schema,) = [one for one in TARGET.documents if one.name == name]
        filled = {field for one in documents for part in (one.fields, *one.lines) for field in part}
        assert {f.name for f in connector.columns(schema)} == filled, "each column has a cell"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_T33b_the_client_builds_the_recorded_workbook(name):
    assert built(name).file_name == recorded(name)["Clearpost"][0][1]
    assert as_recorded(name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_T33b_the_client_reads_the_recorded_listing(name):
    listed = TARGET.listed(workbook({"Listing": recorded(name)["Listing"]}))
    assert [(one.number, one.party, one.date.isoformat(), one.total) for one in listed] == [
        (one.number, one.party, one.fields["DocDate"], one.amount) for one in DOCUMENTS[name]
    ]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_T33b_the_stand_in_imports_as_recorded(name, tmp_path):
    assert stands_as_recorded(begun(name, tmp_path), name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_T33b_what_a_locked_period_refuses_is_as_recorded(name, tmp_path):
    """On both sides: the words of the stand-in, and the class that the client reads from them."""
    handle, told = begun(name, tmp_path), recorded(name)
    asked(handle, "POST", "/_sim/lock", json.dumps({"through": "2026-11-30"}).encode())
    (outcome,) = told[LOCKED]
    body = workbook({"Data": told["Data"]})
    assert imported(handle, name, outcome["file"], body) == said(outcome)
    assert {TARGET.class_of(row["message"]) for row in outcome["rows"]} == {"period_locked"}


def test_T33b_rows_that_are_refused_or_overwritten_are_as_recorded(tmp_path):
    handle, told = begun("invoice", tmp_path), recorded("refused/some_rows")
    assert stands_as_recorded(handle, "invoice")
    (outcome,) = told["outcome"]
    body = workbook({"Data": told["Data"]})
    assert imported(handle, "invoice", outcome["file"], body) == said(outcome)
    words = [row["message"] for row in outcome["rows"] if row["state"] == "Error"]
    assert {word: TARGET.class_of(word) for word in words} == CLASSES


@pytest.mark.parametrize("name", DOCUMENTS)
def test_T33c_a_corrupted_title_of_the_client_is_found(name):
    schema, survived = connector.SCHEMAS[name], []
    assert as_recorded(name)
    columns = connector.columns(schema)
    for field in columns:
        wrong = replace(field, title=f"x{field.title}")
        header, lines = (
            tuple(wrong if one is field else one for one in part)
            for part in (schema.header, schema.lines)
        )
        bad = replace(schema, header=header, lines=lines)
        with patch.dict(connector.SCHEMAS, {name: bad}):
            survived += [field.title] if as_recorded(name) else []
    assert survived == []
    assert len(columns) >= 8


@pytest.mark.parametrize("name", DOCUMENTS)
def test_T33c_a_corrupted_title_of_the_stand_in_is_found(name, tmp_path):
    sheet, survived = imports.SHEETS[name], []
    assert _imports_all_the_same(begun(name, tmp_path / "right"), name)
    for at, column in enumerate(sheet.columns):
        handle = begun(name, tmp_path / str(at))
        wrong = replace(column, name=f"x{column.name}")
        bad = replace(sheet, columns=tuple(wrong if c is column else c for c in sheet.columns))
        with patch.dict(imports.SHEETS, {name: bad}):
            survived += [column.name] if _imports_all_the_same(handle, name) else []
    assert survived == []
    assert len(sheet.columns) >= 8


def _imports_all_the_same(handle, name) -> bool:
    try:
        return stands_as_recorded(handle, name)
    except (AssertionError, KeyError):  # it stops: nobody gets an answer
        return False
