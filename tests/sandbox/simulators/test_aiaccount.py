"""The simulator itself: its memory, its arithmetic, its plans."""

import json
import os
import subprocess
from dataclasses import replace
from decimal import Decimal

import pytest

from sandbox.simulators.aiaccount.kinds import INVOICES, Document, default_companies, totals
from sandbox.simulators.aiaccount.writes import tin_is_valid
from tests.connectors.sample_documents import invoice, line
from tests.connectors.simulator_processes import DEMO_KEY
from tests.support.zones import BOOKS


def send(sim, aiaccount, http, *documents, key="cp-1", batch=False, secret=DEMO_KEY):
    payload = aiaccount.build(documents, BOOKS, batch=batch, batch_name="x")
    return aiaccount.send(payload, sim.settings, secret, key, http)


def test_after_a_kill_everything_is_as_it_was(start, aiaccount, http):
    sim = start("--locked-through", "2026-09-30")
    paused = "aia_live_paused_4Rt8"
    first = send(sim, aiaccount, http, invoice("NS-1"), key="cp-1")
    send(sim, aiaccount, http, invoice("NS-2"), invoice("NS-3"), key="cp-2", batch=True)
    send(sim, aiaccount, http, invoice("NS-4"), key="cp-3", secret=paused)
    sim.control("quota", limit=4)
    documents, cached = sim.show("documents"), sim.show("cached")
    sim.kill()
    with sim.ledger_path.open("ab") as file:
        file.write(b'{"seq": 99, "call": "js')
    sim.start()
    assert sim.show("documents") == documents
    assert sim.show("cached") == cached
    again = send(sim, aiaccount, http, invoice("NS-1"), key="cp-1")
    assert again.answers == tuple(replace(one, existing=True) for one in first.answers)
    assert again.headers["idempotent-replayed"] == "true"
    sim.control("pause", key=paused, status="active")
    late = send(sim, aiaccount, http, invoice("NS-5"), key="cp-5")
    assert late.answers[0].code == "quota_exceeded"
    ids = [one["id"] for one in sim.show("documents")]
    assert len(set(ids)) == len(ids) == 4


def test_the_line_is_in_the_ledger_when_the_answer_is_withheld(sim, aiaccount, http):
    sim.control("faults", fault="timeout_after")
    sent = send(sim, aiaccount, http, invoice())
    assert sent.answers[0].kind == "uncertain"
    (written,) = [one for one in sim.ledger("created") if one["answer"] == "withheld"][-1:]
    assert (written["number"], written["key"]) == ("NS-1", "cp-1")
    assert written["document"]["lines"][0]["SKU"] == "TEE-BLK-M"


@pytest.mark.slow
def test_a_plan_withholds_exactly_so_many_answers_and_the_same_ones(start, aiaccount, http):
    kinds = []
    for _ in range(2):
        sim = start("--withhold", "5", "--seed", "7")
        sent = [
            send(sim, aiaccount, http, invoice(f"NS-{n}"), key=f"cp-{n}").answers[0].kind
            for n in range(45)
        ]
        kinds.append(sent)
        withheld = {one["request_id"] for one in sim.ledger() if one["answer"] == "withheld"}
        assert len(withheld) == sent.count("uncertain") == 5
        assert len(sim.show("documents")) == 45
    assert kinds[0] == kinds[1]


def test_without_dedupe_a_second_key_makes_a_second_document(start, aiaccount, http):
    sim = start("--dedupe", "none")
    for key in ("cp-1", "cp-1", "cp-2"):
        assert send(sim, aiaccount, http, invoice(), key=key).answers[0].kind == "accepted"
    assert len(sim.show("documents")) == 2
    found = aiaccount.look_up(invoice(), sim.settings, DEMO_KEY, "cp-1", http)
    assert (found.kind, found.words[:11]) == ("different", "2 documents")


def test_a_hand_import_beside_the_api_doubles(sim, aiaccount, http):
    payload = aiaccount.build([invoice()], BOOKS, batch=True, batch_name="x")
    send(sim, aiaccount, http, invoice())
    answer = sim.call("POST", "/_sim/by_hand", body=payload.body)
    assert answer.status_code == 201
    assert len(sim.show("documents")) == 2


def test_its_time_is_that_of_the_home(start, tmp_path, aiaccount, http):
    (tmp_path / "clock").write_text("86400")
    sim = start(home=tmp_path)
    send(sim, aiaccount, http, invoice())
    first = sim.ledger("created")[0]["at"]
    (tmp_path / "clock").write_text("0")
    send(sim, aiaccount, http, invoice("NS-2"), key="cp-2")
    assert sim.ledger("created")[1]["at"] < first


def test_it_leaves_with_its_parent(start):
    sim = start()
    sim.process.stdin.close()
    assert sim.process.wait(10) == 0


def test_the_first_line_of_output_is_all_it_says(tmp_path):
    command = ["-m", "sandbox.simulators.aiaccount", "--ledger", str(tmp_path / "l")]
    child = subprocess.Popen(
        [os.sys.executable, *command, "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    told = json.loads(child.stdout.readline())
    child.kill()
    assert told.keys() == {"name", "url", "control", "company_id", "company_name", "key", "faults"}
    assert child.communicate()[0] == ""


def test_imports_are_listed_in_pages(sim, aiaccount, http):
    for number in range(3):
        send(sim, aiaccount, http, invoice(f"NS-{number}"), key=f"cp-{number}", batch=True)
    page = sim.call("GET", "/v1/imports?per_page=2&page=2").json()
    assert (page["page"], page["pages"], len(page["data"])) == (2, 2, 1)
    one = sim.call("GET", f"/v1/imports/{page['data'][0]['id']}").json()
    assert one["documents"][0]["outcome"] == "accepted"
    assert sim.call("GET", "/v1/imports/imp_1").status_code == 404


def test_a_look_up_stays_in_its_company(sim, aiaccount, http):
    send(sim, aiaccount, http, invoice())
    answer = sim.call("GET", "/v1/sales/invoices?invoice_number=NS-1", X_Company_Id="CMP-2001")
    assert answer.json()["data"] == []
    assert sim.call("GET", "/v1/sales/invoices").json()["data"][0]["invoice_number"] == "NS-1"


def test_the_sku_and_its_blanks_arrive_as_they_are(sim, aiaccount, http):
    for batch in (False, True):
        document = invoice(f"NS-{batch}", lines=[line(SKU="TEA-1 ")])
        send(sim, aiaccount, http, document, key=f"cp-{batch}", batch=batch)
        assert sim.ledger("created")[-1]["document"]["lines"][0]["SKU"] == "TEA-1 "


@pytest.mark.parametrize(
    ("rounding", "tax"), [("per_line", Decimal("3.03")), ("sum_then_round", Decimal("3.02"))]
)
def test_the_two_ways_of_rounding(rounding, tax):
    companies = default_companies(name="x", locked_through=None, quota=None, rounding=rounding)
    one = {"Quantity": Decimal(1), "UnitPrice": Decimal("10.05"), "TaxCode": "MY-SALES10"}
    sent = Document(kind=INVOICES, header={}, lines=(one,) * 3, rows=(2, 3, 4))
    assert totals(sent, companies["CMP-1042"]).tax == tax


@pytest.mark.parametrize(
    ("tin", "good"),
    [
        ("IG24680135790", True),
        ("C25845632020", True),
        ("C25845632021", False),
        ("CS0123450", False),
        ("OG123456789", False),
        ("IG1234567890123", False),
        ("X1234567890", False),
        ("EI00000000010", True),
        ("EI00000000050", False),
        ("c25845632020", False),
    ],
)
def test_tax_numbers(tin, good):
    assert tin_is_valid(tin) is good


def test_a_planned_fault_is_used_up_by_one_request(sim, aiaccount, http):
    sim.control("faults", plan=["processing_completed", "unavailable", "slow"])
    documents = [invoice(f"NS-{n}") for n in range(4)]
    first = send(sim, aiaccount, http, *documents, batch=True)
    assert {answer.kind for answer in first.answers} == {"awaiting"}
    assert sim.show_plan() == ["unavailable", "slow"]
    assert send(sim, aiaccount, http, invoice()).answers[0].kind == "uncertain"
    send(sim, aiaccount, http, *documents, batch=True)
    assert sim.show_plan() == []
