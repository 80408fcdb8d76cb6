"""Every class of refusal, met at the stand-in of each target, as the target itself says it."""

import io

import openpyxl
import pytest
import requests

from connectors.contract.errors import ERROR_CLASSES, RETRY, RetryWay
from connectors.contract.targets import Deferring
from connectors.registry import targets
from connectors.targets.autocount_aotg.relay import _STATUS as STATUSES
from connectors.targets.autocount_aotg.relay import WORDS
from tests.connectors.refusals import IMPORTS, NEVER, REFUSALS
from tests.connectors.sample_documents import sold_line
from tests.connectors.simulator_processes import Bench
from tests.connectors.targets.test_autocount_excel import build, of_type

WAYS = [
    pytest.param(name, error_class, batch, id=f"{name}-{error_class}{'-many' * batch}")
    for name, refusals in REFUSALS.items()
    for error_class in refusals
    for batch in (False, True)
    if not batch
    or (targets()[name].file_limits.documents > 1 and not isinstance(targets()[name], Deferring))
]


@pytest.mark.parametrize(("name", "error_class", "batch"), WAYS)
def test_a_refusal_has_its_class(running, http, name, error_class, batch):
    refusal = REFUSALS[name][error_class]
    bench = Bench(targets()[name], running(name), http, refusal.sample or name)
    bench.afresh()
    answer = refusal.meet(bench, batch=batch)
    assert answer.error_class == error_class
    assert (answer.code, refusal.told in answer.words) == (refusal.code, True), answer
    kinds = {RetryWay.AUTOMATIC: "temporary", RetryWay.LOOK_UP_FIRST: "uncertain"}
    assert answer.kind == kinds.get(RETRY[error_class].retry, "refused")


@pytest.mark.parametrize("error_class", IMPORTS)
def test_an_error_of_the_excel_import_has_its_class(emptied, error_class):
    """What it says of a row that it did not take, as a person would tell it."""
    refusal, sim = IMPORTS[error_class], emptied("autocount_excel")
    for act, given in refusal.acts:
        sim.control(act, **given)
    book = openpyxl.load_workbook(io.BytesIO(build(of_type(refusal.document)).body))
    sheet = book["Data"]
    columns = {cell.value: cell.column for cell in sheet[1]}
    for name, value in refusal.cells.items():
        sheet.cell(2, columns[name]).value = value
    changed = io.BytesIO()
    book.save(changed)
    query = {"type": refusal.document}
    told = requests.post(
        f"{sim.url}/desktop/import", params=query, data=changed.getvalue(), timeout=20
    ).json()["rows"][0]
    assert told["state"] == "Error"
    assert refusal.told in told["message"]
    assert targets()["autocount_excel"].class_of(told["message"]) == error_class


def test_no_class_of_any_target_is_left_out_in_silence():
    met = {**REFUSALS, "autocount_excel": IMPORTS}
    assert met.keys() == targets().keys()
    for name, refusals in met.items():
        reasons = NEVER.get(name, {})
        assert refusals.keys().isdisjoint(reasons), name
        assert {*refusals, *reasons} == {*ERROR_CLASSES}, name
        assert all(len(why) > 20 for why in reasons.values())
    assert NEVER.keys() <= met.keys()


def test_a_class_that_on_the_go_cannot_tell_is_no_class_of_its_words():
    """The reason why it is left out holds: none of its words, and none of its statuses, say it."""
    said = {told.error_class for _, told in WORDS} | {one.error_class for one in STATUSES.values()}
    assert said.isdisjoint(NEVER["autocount_aotg"])


def test_on_the_go_says_a_number_is_taken_only_where_that_was_the_reason(running, http):
    """Another reason, while something else exists under the number: only asking again tells."""
    bench = Bench(targets()["autocount_aotg"], running("autocount_aotg"), http)
    bench.afresh()
    bench.send(bench.changed())
    bench.sim.control("lock", through="2026-12-31")
    (answer,) = bench.send(bench.make()).answers
    assert (answer.kind, answer.code) == ("awaiting", "taken_in")
    assert bench.ask_again(bench.make(), answer.target_ref).kind == "different"


@pytest.mark.slow
def test_a_void_document_of_no_amount_is_not_taken_for_ours(running, http):
    """Made void, it has nothing that differs from a gift: none counts as posted."""
    bench = Bench(targets()["quickbooks"], running("quickbooks"), http)
    bench.afresh()
    row = sold_line(Qty="0", UnitPrice="0.00", Amount="0.00")
    gift = bench.make(lines=[row], amount="0.00", PrivateNote=None)
    assert bench.send(gift).answers[0].kind == "accepted"
    assert bench.send(gift, key="cp-void", action="void").answers[0].kind == "accepted"
    (answer,) = bench.send(gift, key="cp-2").answers
    assert (answer.kind, answer.error_class) == ("refused", "stale_version")
    assert "made void" in answer.words
