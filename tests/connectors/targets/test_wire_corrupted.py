"""A word that is wrong on one side alone is found: the recorded calls hold both sides apart.

Every word that a client sends of every document type is corrupted once, and so is every word in a
stand-in's own statement of it that the recorded calls speak.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from unittest.mock import patch

import pytest

from connectors.registry import targets
from connectors.targets.aiaccount import ways
from connectors.targets.autocount import payload as autocount
from connectors.targets.autocount_aotg import relay
from connectors.targets.quickbooks import payload as quickbooks
from sandbox.simulators.aiaccount import kinds as sheet_columns
from sandbox.simulators.aiaccount.kinds import KINDS
from sandbox.simulators.autocount import checks
from sandbox.simulators.autocount_aotg import api
from sandbox.simulators.base import control
from sandbox.simulators.quickbooks import faults
from tests.connectors.recorded import NotAsRecordedError, expected, handled, names, recorded
from tests.connectors.recorded_documents import DOCUMENTS, before
from tests.connectors.simulator_processes import Bench
from tests.connectors.targets.test_wire import ANSWERS, NOT_SHOWN, build, looked_up, sent

TYPES = [(target, schema.name) for target in DOCUMENTS for schema in targets()[target].documents]
LISTED = ("number_field", "party_field")
Path = tuple[str, ...]
CRASHES = {"InvoiceNumber", "BillNumber"}
"""What a payment of QuickBooks pays: its client knows the field by this very word, and stops."""


# ---- the client ----


def spoken(target, schema) -> Iterator[tuple[object, str]]:
    """The fields of a schema and the attribute that goes over the wire: a workbook has titles, and
    words only for what documents are looked up by; all else is JSON.
    """
    for field in (*schema.header, *schema.lines):
        if not field.sent or not field.wire:
            continue
        if target == "aiaccount" and not schema.singly:
            yield field, "title"
        listed = field.name in {getattr(schema, name) for name in LISTED}
        if target != "aiaccount" or schema.name in ("sales_invoice", "sales_refund") or listed:
            yield field, "wire"


def corrupted(schema, field, attribute, *, front: bool):
    """The schema with one wrong word; a word of two parts is tried wrong in each."""
    word = getattr(field, attribute)
    wrong = replace(field, **{attribute: f"x{word}" if front else f"{word}x"})
    header, lines = (
        tuple(wrong if one is field else one for one in part)
        for part in (schema.header, schema.lines)
    )
    return replace(schema, header=header, lines=lines)


def speaking(target, schema) -> ExitStack:
    """The client, with this schema in place of its own."""
    stack = ExitStack()
    if target == "aiaccount":
        way = replace(ways.WAYS[schema.name], schema=schema)
        stack.enter_context(patch.dict(ways.WAYS, {schema.name: way}))
        stack.enter_context(patch.dict(ways.BY_PATH, {way.imports: way, way.page: way}))
    else:
        clients = {"autocount": autocount, "autocount_aotg": relay, "quickbooks": quickbooks}
        stack.enter_context(patch.dict(clients[target].SCHEMAS, {schema.name: schema}))
    return stack


def as_recorded(target, name) -> bool:
    if build(target, name).refused:
        return False
    try:
        kinds = [found.kind for found in looked_up(target, name)]
        seen = {"unknown"} if (target, name) in NOT_SHOWN else {"equal"}
        return sent(target, name) == ANSWERS[target][name] and set(kinds) == seen
    except NotAsRecordedError:
        return False


@pytest.mark.parametrize(("target", "document"), TYPES)
def test_T33c_a_corrupted_word_of_the_client_is_found(target, document):
    (schema,) = [one for one in targets()[target].documents if one.name == document]
    files = [one for one in names(target) if one.partition(".")[0] == document]
    assert all(as_recorded(target, name) for name in files)
    survived, crashed, tried = [], set(), 0
    for field, attribute in spoken(target, schema):
        for front in (False, True) if "." in getattr(field, attribute) else (False,):
            tried += 1
            with speaking(target, corrupted(schema, field, attribute, front=front)):
                try:
                    if all(as_recorded(target, name) for name in files):
                        survived.append((field.name, attribute))
                except (StopIteration, RuntimeError):
                    crashed.add(field.name)
    assert survived == []
    assert crashed <= (CRASHES if target == "quickbooks" else set())
    assert tried >= len([one for one in (*schema.header, *schema.lines) if one.sent and one.wire])


OPTIONAL = {
    "aiaccount": "Reference",
    "autocount": "Ref",
    "autocount_aotg": "RefNo2",
    "quickbooks": "PrivateNote",
}


@pytest.mark.parametrize("target", OPTIONAL)
def test_T33a_a_stand_in_refuses_a_word_that_is_not_its_own(target, emptied, http):
    """Also one that need not be there, so that a client gets nowhere with it."""
    bench = Bench(targets()[target], emptied(target), http)
    (schema, *_) = [one for one in bench.target.documents if one.name.endswith("invoice")]
    (field,) = [one for one in schema.header if one.name == OPTIONAL[target]]
    attribute = "title" if target == "aiaccount" else "wire"
    with speaking(target, corrupted(schema, field, attribute, front=False)):
        (answer,) = bench.send(bench.make(), batch=True).answers
    assert (answer.kind, bench.standing()) == ("refused", [])
    assert f"{getattr(field, attribute)}x" in answer.words
    (answer,) = bench.send(bench.make(), key="cp-2", batch=True).answers
    assert answer.kind == "accepted"


# ---- the stand-in ----


def served(target, folder, options=()):
    """A new stand-in without a process: what answers its requests."""
    made = []
    module = import_module(f"sandbox.simulators.{target}.__main__")
    with patch.object(control, "serve", lambda name, handle, **_: made.append(handle)):
        module.main(["--ledger", str(folder / "ledger.jsonl"), *options])
    return made[0]


def stated(target, name) -> Iterator[tuple[Path, Mapping[str, object], object]]:
    """Each word of a stand-in's statement by its place, the table it is in, and the entry of that
    table with the word wrong.
    """
    document = name.partition(".")[0]
    if target == "aiaccount":
        yield from _stated_columns(document, alone=name.endswith(".alone"))
    elif target == "autocount":
        kind = "purchase_invoice" if document == "ap_invoice" else document
        parts = checks.PARTS[kind]
        for part in ("master", "details", "payments"):
            place = "paymentDetails" if part == "payments" else part
            for path, wrong in _without(getattr(parts, part)):
                yield (place, *path), checks.PARTS, (kind, replace(parts, **{part: wrong}))
    elif target == "autocount_aotg":
        for table, at in (("ARInvoice", ()), ("DetailsLine", ("DetailsLine",))):
            for path, wrong in _without(api.TABLES[table]):
                yield (*at, *path), api.TABLES, (table, wrong)
    else:
        entity = quickbooks.ENTITIES[document].name
        for path, wrong in _without(faults.SHAPES[entity]):
            yield path, faults.SHAPES, (entity, wrong)


def _stated_columns(document, *, alone):
    """The titles of a workbook and the words of its answers; of JSON alone the words."""
    sheet, kind = sheet_columns.SHEETS[document], KINDS[document]
    every = (*sheet.header, *sheet.lines)
    answered = [kind.column(name) for name in (kind.keys[0], kind.keys[2], kind.paid) if name]
    told = {"word": every} if alone else {"title": every, "word": answered}
    for attribute, named in told.items():
        for column in named:
            wrong = replace(column, **{attribute: f"x{getattr(column, attribute)}"})
            header, lines = (
                tuple(wrong if one is column else one for one in part)
                for part in (sheet.header, sheet.lines)
            )
            yield (
                (column.name,),
                sheet_columns.SHEETS,
                (document, sheet_columns.Sheet(header, lines)),
            )


def _without(shape):
    for word, form in shape.items():
        yield (word,), {f"{one}x" if one == word else one: shape[one] for one in shape}
        if isinstance(form, Mapping):
            for path, wrong in _without(form):
                yield (word, *path), {**shape, word: wrong}


def places(value, at=()) -> Iterator[Path]:
    """The places of the words in JSON; those in a list are in its objects."""
    for inner in value if isinstance(value, list) else ():
        yield from places(inner, at)
    for word, inner in value.items() if isinstance(value, dict) else ():
        yield (*at, word)
        yield from places(inner, (*at, word))


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (target, name)
        for target in DOCUMENTS
        for name in names(target)
        if not name.endswith((".void", ".update")) or name == "invoice.update"
    ],
)
def test_T33c_a_corrupted_word_of_the_stand_in_is_found(target, name, tmp_path):
    calls = recorded(target, name)["write"]
    bodies = (json.loads(call.body) for call in calls if call.body.startswith(("{", "[")))
    told = {place for body in bodies for place in places(body)}
    survived, tried = [], 0
    for at, (path, table, (key, wrong)) in enumerate(stated(target, name)):
        if target != "aiaccount" and path not in told:
            continue
        handle = served(target, tmp_path / str(at))
        for earlier in before(target, name):
            for call in recorded(target, earlier)["write"]:
                assert handled(handle, call) == expected(call)
        with patch.dict(table, {key: wrong}):
            tried += 1
            if all(_answers(handle, call) for call in calls):
                survived.append(path)
    assert survived == []
    assert tried >= 6


def _answers(handle, call) -> bool:
    try:
        return handled(handle, call) == expected(call)
    except (KeyError, StopIteration):  # it stops: nobody gets an answer
        return False
