"""Who lacks a right asks for it, and an administrator answers."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text

from holding.access.actors import Actor, may
from holding.access.reach import of_ids
from holding.db.database import Database
from holding.db.models import AccessRequest, Event, Person
from tests.portal.conftest import Browser
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
Visit = Callable[..., Browser]
ACCESS, PEOPLE, APPROVE = "/c/kedai/access", "/c/kedai/people/", "/c/kedai/holding/approve"
WANTED = {"act": "posting.approve", "reason": "Lim is on leave until Monday"}


def person(database: Database, name: str) -> int:
    with database.read() as session:
        return session.scalars(select(Person.id).where(Person.email == f"{name}@kedai.my")).one()


def waits(page: str) -> int:
    """How many requests the navigation says that wait."""
    link = page[page.index('id="gopeople"') :].partition("</a>")[0]
    found = re.search(r'class="n t-warn">(\d+)<', link)
    return int(found[1]) if found else 0


def acts(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        query = select(Event).where(Event.act.startswith("access.")).order_by(Event.id)
        return [(one.act, one.body["say"]) for one in session.scalars(query)]


def test_a_refused_page_leads_to_asking_for_just_that(visit: Visit) -> None:
    farah = visit("farah")
    page = farah.text(APPROVE, status=403)
    way = re.search(r'id="askfor"\s+href="([^"]+)"', page)
    assert way, "no way to ask"
    assert way[1] == f"{ACCESS}?act=posting.approve"
    asked = farah.text(way[1])
    assert re.search(r'value="posting.approve" required checked', asked)
    assert 'value="record.read"' not in asked, "what one can do is not asked for"
    notice = farah.text(APPROVE, target="dialog", status=403)
    assert f'href="{ACCESS}?act=posting.approve"' in notice
    assert f'href="{ACCESS}"' in farah.text("/me?c=kedai")


def test_an_administrator_sees_who_asks_and_gives_a_role(visit: Visit, database: Database) -> None:
    farah, adam = visit("farah"), visit("adam")
    assert waits(adam.text(PEOPLE)) == 0
    assert farah.post(ACCESS, WANTED, status=303).location == ACCESS
    assert "Waits for an administrator" in plain(farah.text(ACCESS))
    page = adam.text(PEOPLE)
    assert waits(page) == 1
    told = plain(page[page.index('id="asked"') :].partition("</section>")[0])
    for words in ("1 request for access", "Farah", "approve, release and reject", "Approver",
                  "Lim is on leave until Monday"):  # fmt: skip
        assert words in told
    assert waits(farah.text("/c/kedai/")) == 0, "others are not told"
    assert 'id="asked"' not in visit("lim").text(PEOPLE)
    one = person(database, "farah")
    form = adam.text(f"{PEOPLE}{one}")
    assert 'id="asked"' in form
    seen = re.search(r'name="seen" value="([^"]*)"', form)
    assert seen
    roles = {"role": ["finance", "approver"], "seen": seen[1], "understood": "1"}
    adam.post(f"{PEOPLE}{one}", roles, status=303)
    assert waits(adam.text(PEOPLE)) == 0
    assert 'id="asked"' not in adam.text(PEOPLE)
    assert "Granted" in plain(farah.text(ACCESS))
    assert acts(database) == [
        (
            "access.asked",
            f"Farah asked to be allowed to approve, release and reject: {WANTED['reason']}",
        )
    ]


def test_an_administrator_declines_and_whoever_asked_reads_why(
    visit: Visit, database: Database
) -> None:
    farah, adam = visit("farah"), visit("adam")
    farah.post(ACCESS, WANTED, status=303)
    with database.read() as session:
        key = session.scalars(select(AccessRequest.id)).one()
    url = f"{ACCESS}/{key}/decline"
    farah.post(url, {"reason": "for myself"}, status=403)
    adam.post(url, {"reason": " "}, status=422)
    adam.post(url, {"reason": "Mei approves this week"}, status=303)
    assert waits(adam.text(PEOPLE)) == 0
    told = plain(farah.text(ACCESS))
    assert "Declined" in told
    assert "Mei approves this week" in told
    adam.post(url, {"reason": "once more"}, status=409)
    assert [act for act, _ in acts(database)] == ["access.asked", "access.declined"]
    farah.post(ACCESS, WANTED, status=303)
    assert waits(adam.text(PEOPLE)) == 1, "it can be asked for again"


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"act": "posting.approve", "reason": "x"}, 422, "Enter what you need it for"),
        ({"act": "anything", "reason": "I need it"}, 422, "Choose what you want to be allowed."),
        ({"act": "mapping.fix", "reason": "I need it"}, 409, "You can add and change mappings al"),
    ],
)
def test_what_nobody_can_ask_for(
    visit: Visit, database: Database, form: dict[str, str], status: int, told: str
) -> None:
    answer = visit("farah").post(ACCESS, form, status=status)
    assert told in plain(answer.get_data(as_text=True))
    assert acts(database) == []


def test_nobody_asks_twice_for_the_same(visit: Visit, database: Database) -> None:
    farah = visit("farah")
    farah.post(ACCESS, WANTED, status=303)
    assert "asked for already" in farah.text(ACCESS)
    farah.post(ACCESS, WANTED, status=409)
    assert len(acts(database)) == 1


def test_who_left_waits_for_nothing(visit: Visit, database: Database) -> None:
    farah, adam = visit("farah"), visit("adam")
    farah.post(ACCESS, WANTED, status=303)
    adam.post(f"{PEOPLE}{person(database, 'farah')}/leave", {}, status=303)
    page = adam.text(PEOPLE)
    assert waits(page) == 0
    assert 'id="asked"' not in page


def test_another_company_answers_nothing(visit: Visit, database: Database) -> None:
    visit("farah").post(ACCESS, WANTED, status=303)
    with database.read() as session:
        key = session.scalars(select(AccessRequest.id)).one()
    other: Any = visit("adam")
    other.post(f"/c/lain/access/{key}/decline", {"reason": "not mine"}, status=404)


def test_what_is_asked_for_is_said_in_the_language_of_who_reads(visit: Visit) -> None:
    farah, adam = visit("farah"), visit("adam")
    farah.post(ACCESS, WANTED, status=303)
    for browser, url in ((farah, ACCESS), (adam, PEOPLE)):
        page = browser.client.get(url, headers={"Accept-Language": "ms"}).get_data(as_text=True)
        part = page[page.index('id="ownrequests"' if url == ACCESS else 'id="asked"') :]
        told = plain(part.partition("</table>")[0])
        assert "eluluskan, melepaskan dan menolak" in told
        assert "approve, release" not in told


LACKS = "because your role does not include it"
DISABLED = re.compile(r'aria-disabled="true"\s+aria-describedby="(\w+)"')


def test_every_control_that_a_role_lacks_leads_to_asking_for_its_act(
    visit: Visit, database: Database
) -> None:
    vera, met = visit("vera"), set()
    with database.read() as session:
        causes = session.execute(text("SELECT id FROM cause ORDER BY id")).scalars().all()
        holds = session.execute(text("SELECT id FROM hold WHERE state = 'open'")).scalars().all()
    for path in (
        *("connections/aiaccount", "connections/netshop", "operations", "signals", "notices"),
        *("uploads", "stops/", "mappings/lists", "mappings/workbook", "mappings/exact"),
        *(f"mappings/missing?cause={one}" for one in causes),
        *(f"holding/{one}" for one in holds),
        "records/netshop/order/SO-10240?tab=pushes",
        "evidence/netshop/order/SO-10240",
    ):
        page = vera.text(f"/c/kedai/{path}")
        for name in DISABLED.findall(page):
            why = re.search(rf'id="{name}">(.*?)</(?:span|p)>', page, re.DOTALL)
            assert why, (path, name)
            if LACKS in why[1]:
                asks = re.search(rf'href="{ACCESS}\?act=([\w.]+)">Ask for access</a>', why[1])
                assert asks, (path, name, why[1])
                met.add(asks[1])
        assert page.count('aria-disabled="true"') == len(DISABLED.findall(page)), path
    assert {"mapping.fix", "posting.approve", "hold.retry", "hold.assign", "connection.admin",
            "run.operate", "company.setup", "upload", "audit.export"} <= met  # fmt: skip


def test_a_refusal_for_another_reason_than_the_role_offers_nothing_to_ask_for() -> None:
    viewer = Actor(1, "Vera", "vera@kedai.my", 1, frozenset({"viewer"}))
    lacks = may(viewer, "mapping.fix")
    assert lacks is not None
    assert lacks.act == "mapping.fix"
    limited = may(replace(viewer, roles=frozenset({"finance"}), reach=of_ids([1])), "mapping.fix")
    assert limited is not None
    assert limited.act == ""
