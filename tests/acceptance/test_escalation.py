"""Escalating a record that cannot be cleared here: what the packet holds, and what it does not."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import quiet
from tests.acceptance.orders import buyer, clean, with_sku
from tests.acceptance.parts import Part, read
from tests.acceptance.product import (
    ADMIN,
    CURRENT_COMPANY,
    FINANCE,
    SIMULATOR_KEY,
    House,
    Product,
    Visitor,
    free_environment,
)
from tests.acceptance.quiet import BASE, ask_target, change, fix_mapping, rows, send, work
from tests.support.hook_server import hook_box

NUMBER, ORDER = "NS-2501", 2501
FORM = f"{BASE}/escalate/netshop/order/{ORDER}"
TAX_NUMBER = "IG12345678901"
OF_ANOTHER = "C20880050010"  # of a supplier that the record does not know
BUYER = "Kelab Golf Seri Alam"
TWENTY_MINUTES = 1200
ASKED = [
    "connector", "record_number", "sync_run", "status", "exact_message", "retry_count",
    "expected_result", "what_changed_recently",
]  # fmt: skip


@dataclass
class Failed:
    """An order that AiAccount rejected twenty minutes after somebody changed a mapping."""

    house: House
    finance: Visitor

    def form(self) -> Part:
        return read(self.finance.get(FORM)).one("form", id="escalateform")

    def fields(self) -> dict[str, Any]:
        """What the form sends as it stands, with what was expected."""
        form = self.form()
        areas = {one.attributes["name"]: one.raw for one in form.all("textarea")}
        boxes = [
            one.attributes["value"]
            for one in form.all("input", name="changed")
            if "checked" in one.attributes
        ]
        typed = {**form.fields(), **areas, "changed": boxes}
        return {**typed, "expected_result": "A sales invoice in AiAccount."}

    def send(self, fields: dict[str, Any]) -> Any:
        address = self.finance.address + FORM
        headers = {"Referer": address}
        return self.finance.session.post(address, fields, headers=headers, timeout=30)

    def packet(self, fields: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """The packet that is made, and all of its files and its page in one text."""
        answer = self.send(fields)
        assert answer.status_code == 200, answer.text[:500]
        url = answer.url.removeprefix(self.finance.address)
        files = {ending: self.finance.get(f"{url}.{ending}") for ending in ("json", "html", "txt")}
        shown = read(answer.text).one("main").text
        return json.loads(files["json"]), "\n".join([*files.values(), shown])


@pytest.fixture(scope="module")
def failed(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Failed]:
    product = Product(command, tmp_path_factory.mktemp("escalation"), free_environment())
    with quiet(product, STARTER) as house:
        finance = house.visitor(FINANCE)
        assert change(house, "UPDATE program_version SET version = '0.0.9', schema = '0071'") == 1
        work(house)
        for each in range(11):
            added = ("user", "add", f"new{each}@depot.example", "--company", CURRENT_COMPANY)
            product.run(*added, "--role", "viewer")
        customer = buyer(ORDER, name=BUYER, tin=TAX_NUMBER)
        answer = house.deliver(clean(ORDER, items=with_sku("NEW-25"), customer=customer))
        assert answer.status_code == 202
        work(house)
        fix_mapping(finance, "NEW-25", "CUP-GLASS-20", "the new name of the glass")
        product.shift_clock(TWENTY_MINUTES)
        ask_target(house, "faults", fault="closed_period")
        work(house)
        yield Failed(house, finance)


def test_G12_what_changed_before_the_failure_stands_newest_first(failed: Failed) -> None:
    listed = [one.text for one in failed.form().one("fieldset", id="changes").all("label")]
    assert "NEW-25" in listed[0]
    assert "CUP-GLASS-20" in listed[0]
    assert "20 min before the failure" in listed[0]
    assert len(listed) > 3  # people, connections and rules of the same day
    kinds = {word for word in ("rules", "AiAccount", "joined") for one in listed if word in one}
    assert {"AiAccount"} <= kinds
    times = [one.one("time").attributes["datetime"] for one in failed.form().all("label")
             if one.all("time")]  # fmt: skip
    assert times == sorted(times, reverse=True)
    told, _ = failed.packet(failed.fields())
    assert "CUP-GLASS-20" in told["what_changed_recently"][0]
    # an update is told once, however many programs start; what is beyond ten is folded, not lost
    (update,) = (one for one in listed if "Clearpost was changed" in one)
    assert "from version 0.0.9 (schema 0071) to version" in update
    work(failed.house)
    count = "SELECT count(*) FROM event WHERE act = 'program.changed'"
    assert rows(failed.house, count) == [(len(rows(failed.house, "SELECT id FROM company")),)]
    folded = failed.form().one("details", id="earlierchanges")
    assert len(listed) > 12
    assert len(folded.all("input")) == len(listed) - 10
    assert not any("checked" in one.attributes for one in folded.all("input"))
    assert len(told["what_changed_recently"]) == 10
    log = failed.house.visitor(ADMIN).get(folded.one("a").attributes["href"])
    assert "CUP-GLASS-20" in log
    assert "from version 0.0.9 (schema 0071) to version" in log
    everything = {**failed.fields(), "changed": [
        one.attributes["value"] for one in failed.form().all("input", name="changed")
    ]}  # fmt: skip
    told, _ = failed.packet(everything)
    assert any("version 0.0.9" in one for one in told["what_changed_recently"])


def test_G10_all_eight_fields_are_filled_but_the_expected_result(failed: Failed) -> None:
    given = failed.fields()
    assert given["record_number"] == NUMBER
    assert read(failed.finance.get(FORM)).one("textarea", name="expected_result").raw == ""
    error = rows(failed.house, "SELECT error FROM attempt WHERE error IS NOT NULL")[-1][0]
    assert given["exact_message"] == error
    run = rows(failed.house, "SELECT max(run_id) FROM request WHERE kind = 'push'")[0][0]
    told, files = failed.packet(given)
    assert list(told)[:8] == ASKED
    assert told["connector"] == "aiaccount"
    assert told["record_number"] == NUMBER
    assert told["sync_run"].startswith(f"Run {run}, " if run else "none: ")
    assert told["status"] == "Failed (failed)"
    assert told["exact_message"] == error
    assert told["retry_count"].startswith("0, last sent 20")
    assert told["expected_result"] == "A sales invoice in AiAccount."
    assert all(told[name] for name in ASKED)
    assert files.count(error) >= 4
    for missing in ("record_number", "exact_message", "expected_result"):
        answer = failed.send({**given, missing: ""})
        assert answer.status_code == 422, missing


def test_C25_without_record_number_and_message_nothing_is_made(failed: Failed) -> None:
    count = "SELECT count(*) FROM event WHERE act = 'escalation.made'"
    before = rows(failed.house, count)
    given = failed.fields()
    assert given["record_number"] == NUMBER
    assert given["exact_message"]
    answer = failed.send({**given, "record_number": " ", "exact_message": "\n"})
    assert answer.status_code == 422
    page = read(answer.text)
    for name, words in (
        ("record_number", "The record number is missing."),
        ("exact_message", "The message is missing."),
    ):
        (field,) = [one for one in page.all() if one.attributes.get("name") == name]
        assert field.attributes["aria-invalid"] == "true"
        described = page.one("p", id=field.attributes["aria-describedby"]).text
        assert described.startswith(words)
    assert rows(failed.house, count) == before
    assert "A sales invoice in AiAccount." in page.one("textarea", name="expected_result").raw


def test_G11_module_place_user_and_message_are_in_it_and_nothing_secret(failed: Failed) -> None:
    given = failed.fields()
    spoken = (
        f"{given['exact_message']} X-Api-Key: {SIMULATOR_KEY}, webhook {failed.house.secret},"
        f" Bearer abcdefgh12345678, TIN {TAX_NUMBER} of {BUYER}, not {OF_ANOTHER}"
    )
    given |= {"exact_message": spoken, "also_changed": f"new key {SIMULATOR_KEY}"}
    told, files = failed.packet(given)
    assert told["module"] == "Sales invoice"
    assert told["branch_or_warehouse"]
    assert told["user"].startswith("finance, Finance user")
    assert told["visible_message"]
    assert told["expected_result"] == given["expected_result"]
    taxes = (TAX_NUMBER, OF_ANOTHER)
    for secret in (SIMULATOR_KEY, failed.house.secret, "abcdefgh12345678", *taxes, BUYER):
        assert secret not in files, secret
    assert "(secret removed)" in told["exact_message"]
    stored = rows(failed.house, "SELECT packet FROM escalation ORDER BY id DESC LIMIT 1")[0][0]
    assert SIMULATOR_KEY not in stored
    assert TAX_NUMBER not in stored

    allowed, files = failed.packet({**given, "op": time.monotonic_ns(), "personal": "1"})
    assert all(number in allowed["exact_message"] for number in taxes)
    assert BUYER in files
    for secret in (SIMULATOR_KEY, failed.house.secret, "abcdefgh12345678"):
        assert secret not in files, secret

    delivered(failed, spoken)
    url = f"{BASE}/audit?what=evidence"
    log = read(failed.finance.get(url)).one("table", id="auditlist").text
    assert f"made an escalation packet for {NUMBER}." in log


def delivered(failed: Failed, spoken: str) -> None:
    """A packet goes to the webhook of a desk, once and without secrets."""
    admin, finance = failed.house.visitor(ADMIN), failed.finance
    with hook_box() as hook:
        form = read(admin.get(f"{BASE}/notices")).one("form", id="addform")
        wish = {"kind": "webhook", "address": hook.url, "gets": "packets"}
        address = admin.address + form.attributes["action"]
        made = admin.session.post(
            address, {**form.fields(), **wish}, headers={"Referer": address}, timeout=30
        )
        assert made.status_code == 200, made.text[:500]
        answer = failed.send({**failed.fields(), "exact_message": spoken, "op": "delivered"})
        page = read(answer.text).one("form", id="deliverform")
        recipient = page.one("option").attributes["value"]
        path = page.attributes["action"]
        sent = send(finance, page, {**page.fields(), "recipient": recipient})
        assert "is queued for" in sent
        assert "already" in send(finance, page, {**page.fields(), "recipient": recipient}, code=409)
        work(failed.house)
        (call,) = hook.calls
        told = json.loads(call.body)
        assert told["kind"] == "packet"
        assert told["packet"]["record_number"] == NUMBER
        for secret in (SIMULATOR_KEY, failed.house.secret, TAX_NUMBER, BUYER):
            assert secret not in call.body.decode()
        shown = read(finance.get(path.removesuffix("/deliver"))).one("ul", id="packetmessages")
        assert shown.text.startswith("Sent to ")
