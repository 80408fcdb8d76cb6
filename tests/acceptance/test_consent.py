"""Who may say yes: nobody to what went through their own hands, by whatever way they come."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import buyer, clean, priced, with_sku
from tests.acceptance.parts import read
from tests.acceptance.product import (
    APPROVER,
    CURRENT_COMPANY,
    House,
    Product,
    free_environment,
)
from tests.acceptance.quiet import (
    BASE,
    agree,
    approve,
    fix_mapping,
    record,
    send,
    until_shown,
    work,
    writes,
)

BOTH = "farah@kedai.example"  # finance and approver in one
HANDS = (BOTH, "consultant@kedai.example", "publisher@kedai.example")


@dataclass
class Program:
    """A program that calls the interface with a token."""

    house: House
    key: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str) -> Any:
        return self._answer(self.session.get(self._url(path), headers=self._headers(), timeout=30))

    def approve(self, *holds: dict[str, Any]) -> requests.Response:
        listed = [{"id": hold["posting"], "hash": hold["hash"]} for hold in holds]
        body = {"postings": listed, "reason": "Checked by the program"}
        url = self._url("/holds/approve")
        return self.session.post(url, json=body, headers=self._headers(), timeout=30)

    def waiting(self) -> dict[str, dict[str, Any]]:
        """Order number -> its hold that asks for an approval."""
        holds = self.get("/holds")["holds"]
        return {hold["number"]: hold for hold in holds if hold["code"] == "APP01"}

    def _url(self, path: str) -> str:
        return f"{self.house.address}/api/v1/c/{CURRENT_COMPANY}{path}"

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def _answer(self, answer: requests.Response) -> Any:
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def office(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company in which three people who make things may approve as well."""
    product = Product(command, tmp_path_factory.mktemp("consent"), free_environment())
    with quiet(product, STARTER) as house:
        teams = ("--team", "accounts", "--team", "sales_admin")
        roles = ("--role", "approver", "--role", "finance")
        for email in HANDS:
            made = product.run("user", "add", email, *COMPANY, *roles, *teams).stdout
            if "only now: " in made:
                house.passwords[email] = made.split("only now: ")[1].split()[0]
        yield house


def program(house: House, email: str) -> Program:
    scopes = ("--scope", "record.read", "--scope", "posting.approve")
    made = house.product.run("token", "add", email, *COMPANY, "--name", "till", *scopes).stdout
    return Program(house, made.split("only now: ")[1].split()[0])


def entered(house: House) -> tuple[str, str]:
    """Farah enters two orders from a file."""
    orders = [clean(number, items=priced("3500.00")) for number in (201, 202)]
    file = house.product.folder / "by_hand.json"
    file.write_text(json.dumps({"event": "order.updated", "orders": orders}), "utf-8")
    words = (str(file), *COMPANY, "--source", "netshop", "--as", BOTH)
    house.product.run("ingest", *words)
    return "NS-201", "NS-202"


def mapped(house: House) -> tuple[str, str]:
    """Farah maps an article that two orders wait for."""
    for number in (203, 204):
        lines = with_sku("NEW-9", qty="1", price=f"3{number}.00")
        assert house.deliver(clean(number, items=lines)).ok
    work(house)
    fix_mapping(house.visitor(BOTH), "NEW-9", "TEA-BOH-20", "New packing of the same tea")
    return "NS-203", "NS-204"


def released(house: House) -> tuple[str, str]:
    """Farah lets two orders pass that look like others."""
    for number in (205, 206):
        twice = {"customer": clean(number)["customer"], "items": priced(f"3{number}.00")}
        assert house.deliver(clean(number + 10, **twice), clean(number, **twice)).ok
    work(house)
    farah = house.visitor(BOTH)
    holds = program(house, BOTH).get("/holds")["holds"]
    alike = [hold for hold in holds if hold["code"] == "DUP01"]
    assert {hold["number"] for hold in alike} == {"NS-215", "NS-216"}
    for hold in alike:
        page = farah.get(f"{BASE}/holding/{hold['hold']}")
        answer = farah.post(
            f"{BASE}/holding/{hold['hold']}/release", page, reason="Two tables, two orders"
        )
        assert answer.ok, answer.text[:500]
    return "NS-215", "NS-216"


def corrected(house: House) -> tuple[str, str]:
    """Farah writes the name that the shop left out of two orders."""
    for number in (207, 208):
        nameless = buyer(number, name=None)
        order = clean(number, items=priced(f"3{number}.00"), customer=nameless)
        assert house.deliver(order).ok
    work(house)
    farah = house.visitor(BOTH)
    holds = program(house, BOTH).get("/holds")["holds"]
    for hold in (hold for hold in holds if hold["code"] == "MIS01"):
        page = farah.get(f"{BASE}/holding/{hold['hold']}")
        forms = read(page).all("form", cls="act")
        form = next(one for one in forms if one.attributes["action"].endswith("/correct"))
        wanted = {"path": "customer_name", "value": f"Buyer {hold['number']}"}
        send(farah, form, {**form.fields(), **wanted, "reason": "As on the order form"})
    return "NS-207", "NS-208"


def test_D02_what_it_says(office: House) -> None:
    hands = {
        entered: "you entered it",
        mapped: "you fixed its mapping item(“NEW-9”)",
        released: "you released an earlier hold on it",
        corrected: "you corrected it",
    }
    made = {why: (BOTH, deed(office)) for deed, why in hands.items()}
    work(office)
    rules = "the rules it was checked with (version 1)"
    made[f"you wrote {rules}"] = ("consultant@kedai.example", made["you entered it"][1])
    made[f"you published {rules}"] = ("publisher@kedai.example", made["you entered it"][1])
    approver = program(office, APPROVER)
    waiting = approver.waiting()
    visitors = {email: office.visitor(email) for email in HANDS}
    programs = {email: program(office, email) for email in HANDS}

    for why, (email, numbers) in made.items():
        one, two = (waiting[number] for number in numbers)
        pages = [[one["posting"]], [one["posting"], two["posting"]]]
        told = [agree(visitors[email], *picks, code=403) for picks in pages]
        answers = [programs[email].approve(one), programs[email].approve(one, two)]
        assert [answer.status_code for answer in answers] == [403, 403], why
        for text in (*told, *(answer.json()["todo"] for answer in answers)):
            assert why.casefold() in text.casefold()
        assert [left["status"] for left in answers[1].json()["refused"]] == [403, 403]
        with pytest.raises((Exception, psycopg.Error), match="duties kept apart"):
            past_the_service(office, email, one["posting"])
    assert set(approver.waiting()) == set(waiting)
    assert office.created() == []

    lim = office.visitor(APPROVER)
    assert (
        approver.approve(*(waiting[f"NS-{no}"] for no in (201, 203, 207))).json()["refused"] == []
    )
    assert "1 approved" in approve(lim, "NS-215")
    work(office)
    for number in (201, 203, 207, 215):
        until_shown(lim, number, "Posted")
        assert [call["effect"] for call in writes(office, f"NS-{number}")] == ["created"]
    assert "approver (till)" in record(lim, 201, tab="trace").text
    trail = office.product.json("verify", *COMPANY, "--json")
    assert trail["breaks"] == []
    assert trail["events"] > 30


def past_the_service(house: House, email: str, posting: int) -> None:
    """Somebody with SQL writes the approval that the service refuses."""
    house.product.sql(
        "INSERT INTO approval (posting_id, hash, content, level, person_id, reason, at)"
        " SELECT p.id, p.hash, p.content, 'approve by accounts', person.id, 'mine', ev.at"
        " FROM posting p, person, event ev"
        " WHERE p.id = ? AND person.email = ? AND ev.id = (SELECT max(id) FROM event)",
        posting,
        email,
    )
