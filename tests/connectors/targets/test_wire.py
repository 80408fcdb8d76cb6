"""Client and stand-in speak as the contract has it: each beside literal recorded calls.

The files under wire/ are written from the contracts, not by either side. See recorded.py.
"""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from connectors.contract import Answer, Kept
from connectors.registry import targets
from connectors.targets.autocount.payload import BODIES
from sandbox.simulators.aiaccount.kinds import SHEETS
from sandbox.simulators.autocount.checks import KINDS, PARTS
from tests.connectors.recorded import BASE, Tape, expected, names, opened, played, recorded
from tests.connectors.recorded_aiaccount import SOME_OF_A_BATCH
from tests.connectors.recorded_documents import DOCUMENTS, before
from tests.connectors.simulator_processes import SAMPLES
from tests.support.zones import BOOKS, LISTED

FILES = [(target, name) for target in DOCUMENTS for name in names(target)]
BUILT = [
    (target, name)
    for target, name in FILES
    if target != "quickbooks" or (name.endswith(".create") and "payment." not in name)
]
"""Those whose body is whole when it is built: nothing that only QuickBooks knows is laid over it
when it is sent.
"""
NOT_SHOWN = {("aiaccount", "sales_refund.alone")}
"""What is in no list of the target, so that no look-up finds it."""
NUMBERS = {"whole", "number", "decimal", "money", "quantity"}
OFFERED = {
    "aiaccount": {
        ("sales_invoice", "batch"),
        ("sales_invoice", "alone"),
        ("sales_receipt", ""),
        ("expense_bill", ""),
        ("expense_payment", ""),
        ("sales_refund", "alone"),
    },
    "autocount_aotg": {("ar_invoice", "alone"), ("ar_invoice", "batch")},
    **{
        name: {
            (schema.name, action)
            for schema in targets()[name].documents
            for action in ("create", *schema.actions)
        }
        for name in ("autocount", "quickbooks")
    },
}


def _taken(number, ref, status=201, words="Accepted.", *, total=None, tax=None, **more):
    return Answer(
        kind="accepted",
        words=words,
        number=number,
        target_ref=ref,
        status=status,
        total=total and Decimal(total),
        tax=tax and Decimal(tax),
        **more,
    )


def _read_back(number, status=201, *, total):
    return _taken(number, number, status, "Accepted, and read back.", total=total)


def _refused(number, error_class, code, words):
    return Answer(
        kind="refused", error_class=error_class, code=code, words=words, number=number, status=422
    )


def _taken_in(number):
    """It is awaited; the ticket is the id of the recorded request."""
    request = "abf79c80-13e9-41ae-993d-2cd6b99b5570"
    words = f"AutoCount keeps it until the account book has made it (request {request})."
    return Answer(
        kind="awaiting", code="taken_in", words=words, target_ref=request, number=number, status=200
    )


_LOCKED = "Accounting period is locked through 2026-09-30"
_UNKNOWN = "Tax code SR-6 is not configured"
ANSWERS = {
    "aiaccount": {
        "sales_invoice.batch": (
            _taken("NS-10231", "inv_55120", total="118.80", tax="9.90"),
            _taken(
                "NS-10232",
                "inv_55121",
                words="Accepted, with a note: line 4 was 33.16, stored as 33.17.",
                kept=(Kept(1, "LineTotal", "33.17"),),
                total="33.17",
                tax="3.02",
            ),
            _taken("NS-10236", "inv_55122", total="11.00", tax="1.00"),
        ),
        "sales_invoice.alone": (_taken("NS-10240", "inv_55130", total="108.90", tax="9.00"),),
        "sales_receipt": (
            _taken(
                "RC-NS-10231",
                "rcp_901",
                total="118.80",
                besides="RM 0.00 is left to pay of NS-10231.",
            ),
        ),
        "expense_bill": (_taken("ST-88", "bil_301", total="261.00"),),
        "expense_payment": (
            _taken(
                "PV-ST-88", "pay_77", total="250.00", besides="RM 11.00 is left to pay of ST-88."
            ),
        ),
        "sales_refund.alone": (
            _taken("RF-NS-10231-1", "rfd_12", besides="Returned to stock there: 1 TEE-BLK-M."),
        ),
    },
    "autocount": {
        "invoice.create": (_read_back("NS-10231", total="108.90"),),
        "invoice.update": (_read_back("NS-10231", 204, total="54.45"),),
        "invoice.void": (_taken("NS-10231", "NS-10231", 204, "Made void."),),
        "credit_note.create": (_read_back("CN-NS-10231-1", total="108.90"),),
        "credit_note.update": (_read_back("CN-NS-10231-1", 204, total="44.55"),),
        "purchase_order.create": (_read_back("PO-7", total="108.90"),),
        "purchase_order.update": (_read_back("PO-7", 204, total="54.45"),),
        "purchase_order.void": (_taken("PO-7", "PO-7", 204, "Made void."),),
        "purchase_invoice.create": (_read_back("PI-7", total="108.90"),),
        "ap_invoice.create": (_read_back("PI-ST-88", total="250.00"),),
        "ar_payment.create": (_read_back("OR-NS-10231", total="108.90"),),
        "ap_payment.create": (_read_back("PV-ST-88", total="250.00"),),
        "knock_off.create": (_read_back("KO-10231", total=None),),
    },
    "autocount_aotg": {
        "ar_invoice.alone": (
            _taken("NS-10231", "1455", 200, "Accepted, and looked up.", total="108.90"),
        ),
        "ar_invoice.batch": (_taken_in("NS-10231"), _taken_in("NS-10232")),
    },
    "quickbooks": {
        "invoice.create": (_taken("NS-10231", "145", 200, total="118.80"),),
        "invoice.update": (_taken("NS-10231", "145", 200, total="64.35"),),
        "invoice.void": (_taken("NS-10231", "145", 200, "Made void."),),
        "sales_receipt.create": (_taken("SR-10231", "145", 200, total="118.80"),),
        "sales_receipt.update": (_taken("SR-10231", "145", 200, total="64.35"),),
        "credit_memo.create": (_taken("CN-NS-10231-1", "145", 200, total="118.80"),),
        "credit_memo.update": (_taken("CN-NS-10231-1", "145", 200, total="64.35"),),
        "refund_receipt.create": (_taken("RF-NS-10231-1", "145", 200, total="118.80"),),
        "refund_receipt.update": (_taken("RF-NS-10231-1", "145", 200, total="64.35"),),
        "bill.create": (_taken("ST-88", "145", 200, total="261.00"),),
        "bill.update": (_taken("ST-88", "145", 200, total="211.00"),),
        "payment.create": (_taken("FPX-771", "146", 200, total="118.80"),),
        "payment.update": (_taken("FPX-771", "146", 200, total="100.00"),),
        "bill_payment.create": (_taken("PV-ST-88", "146", 200, total="261.00"),),
        "bill_payment.update": (_taken("PV-ST-88", "146", 200, total="200.00"),),
    },
}


def settings(target):
    return {"base_url": BASE, **SAMPLES[target].settings}


def key_of(calls):
    """The key under which it was recorded."""
    told = [call.headers.get("Idempotency-Key") or call.path for call in calls]
    found = [re.search(r"(?:^|requestid=)(cp-\w+)", text) for text in told]
    return next((match[1] for match in found if match), "cp-none")


def action_of(target, name):
    return "create" if target in ("aiaccount", "autocount_aotg") else name.partition(".")[2]


def build(target, name):
    return targets()[target].build(
        DOCUMENTS[target][name],
        {**BOOKS, **LISTED},
        batch=not name.endswith(".alone"),
        batch_name=_batch(target, name),
        action=action_of(target, name),
    )


def _batch(target, name):
    bodies = (call.body for call in recorded(target, name)["write"])
    found = [re.search(r'"source_batch"\n\n(.*)', body) for body in bodies]
    return next((match[1] for match in found if match), "alone")


def sent(target, name):
    """What the client makes of the recorded answers, asking exactly what was recorded."""
    calls = recorded(target, name)["write"]
    tape = Tape(calls)
    came = targets()[target].send(
        build(target, name), settings(target), SAMPLES[target].secret, key_of(calls), tape
    )
    assert tape.calls == []
    return came.answers


def looked_up(target, name):
    """What the client finds by the recorded look-up, and by the recorded reading where there is
    one.
    """
    steps, client = recorded(target, name), targets()[target]
    document, there, secret = DOCUMENTS[target][name][0], settings(target), SAMPLES[target].secret
    tape, key = Tape(steps["look-up"]), key_of(steps["write"])
    action = action_of(target, name)
    found = [client.look_up(document, there, secret, key, tape, action=action)]
    assert tape.calls == []
    if "read" in steps:
        tape = Tape(steps["read"])
        found += client.read((document,), there, secret, tape)
        assert tape.calls == []
    return found


def test_T33b_every_document_and_action_that_a_target_offers_is_recorded():
    for target, offered in OFFERED.items():
        assert {tuple(name.partition(".")[::2]) for name in names(target)} == offered
        assert set(DOCUMENTS[target]) == set(ANSWERS[target]) == set(names(target))
    taken = {schema.name for schema in targets()["aiaccount"].documents}
    assert {document for document, _ in OFFERED["aiaccount"]} == taken


@pytest.mark.parametrize(("target", "name"), FILES)
def test_T33b_the_client_asks_what_was_recorded_and_reads_the_answer(target, name):
    assert sent(target, name) == ANSWERS[target][name]


@pytest.mark.parametrize(("target", "name"), BUILT)
def test_T33b_the_client_builds_the_recorded_body(target, name):
    """Byte by byte, a workbook cell by cell."""
    payload, call = build(target, name), recorded(target, name)["write"][0]
    assert call.path.partition("?")[0].endswith(payload.path.partition("?")[0])
    if not payload.file_name:
        assert (payload.body.decode(), payload.method) == (call.body, call.method)
        return
    ((_, (sheet, rows)),) = [part for part in call.asked[3] if isinstance(part[1], tuple)]
    assert opened(payload.body) == (sheet, rows)


@pytest.mark.parametrize(("target", "name"), FILES)
def test_T33b_the_client_looks_up_as_recorded(target, name):
    first = ANSWERS[target][name][0]
    ref = "1455" if first.kind == "awaiting" else first.target_ref
    for found in looked_up(target, name):
        if (target, name) in NOT_SHOWN:
            assert (found.kind, found.target_ref) == ("unknown", None)
            assert found.key_lasts == timedelta(days=30)
        else:
            assert (found.kind, found.target_ref) == ("equal", ref)


@pytest.mark.parametrize(("target", "name"), FILES)
def test_T33b_the_stand_in_answers_as_recorded(target, name, emptied):
    sim = emptied(target)
    for earlier in before(target, name):
        for call in recorded(target, earlier)["write"]:
            assert played(sim.url, call) == expected(call)
    for step, calls in recorded(target, name).items():
        for call in calls:
            assert played(sim.url, call) == expected(call), step


def test_T33b_a_batch_that_is_refused_in_part_is_as_recorded(emptied):
    (call,) = recorded("aiaccount", "refused/some_of_a_batch")["write"]
    client, name = targets()["aiaccount"], "NS16-2026-11-20"
    payload = client.build(SOME_OF_A_BATCH, {**BOOKS, **LISTED}, batch=True, batch_name=name)
    secret, key = SAMPLES["aiaccount"].secret, key_of([call])
    came = client.send(payload, settings("aiaccount"), secret, key, Tape([call]))
    assert came.answers == (
        _taken("NS-10233", "inv_55122", 422, total="59.00", tax="0.00"),
        _taken(
            "NS-10231",
            "inv_55120",
            422,
            "Already there, with the same content.",
            code="duplicate",
            existing=True,
            same_content=True,
        ),
        _refused("NS-10234", "period_locked", "period_locked", f"line 5: {_LOCKED}"),
        _refused("NS-10235", "mapping_missing", "unknown_tax_code", f"line 6: {_UNKNOWN}"),
    )
    sim = emptied("aiaccount")
    (first,) = recorded("aiaccount", "sales_invoice.batch")["write"]
    assert played(sim.url, first) == expected(first)
    sim.control("lock", through="2026-09-30")
    assert played(sim.url, call) == expected(call)


def test_T33b_client_and_stand_in_of_aiaccount_read_the_same_limits():
    """Two readings of one contract: what must be there, how long a text is, how fine a number."""
    for schema in targets()["aiaccount"].documents:
        sheet = SHEETS[schema.name]
        ours = [
            (one.title, one.wire, one.required, one.max_length, one.places, one.type in NUMBERS)
            for one in (*schema.header, *schema.lines)
            if one.sent
        ]
        theirs = [
            (one.title, one.word, one.must, one.longest, one.places, one.form in NUMBERS)
            for one in (*sheet.header, *sheet.lines)
        ]
        assert ours == theirs


def test_T33b_the_client_of_autocount_keeps_within_the_limits_of_its_stand_in():
    for schema in targets()["autocount"].documents:
        parts = PARTS[KINDS[BODIES[schema.name].path.strip("/").casefold()].type]
        for one in (*schema.header, *schema.lines):
            words = (part[one.wire] for part in (parts.master, parts.details) if one.wire in part)
            longest = [word.longest for word in words if one.sent and word.longest]
            assert not longest or (one.max_length or 0) <= max(longest), one
