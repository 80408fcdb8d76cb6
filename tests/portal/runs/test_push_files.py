"""The files of the push history have the rows of the page, by the same filter."""

import html
import json
import re

import pytest
from sqlalchemy import select, update

from holding.db.models import Attempt, Push, Request
from tests.portal.listing import read_csv
from tests.support.databases import unlock

pytestmark = pytest.mark.sqlite
PUSHES = "/c/kedai/pushes"


def links(page: str) -> dict[str, str]:
    """Ending -> the address of that file, as the page links it."""
    found = re.findall(r'href="([^"]+/pushes\.(csv|xlsx|json)[^"]*)"', page)
    return {ending: html.unescape(address) for address, ending in found}


def documents(text: str) -> list[str]:
    return [row["Document"] for row in read_csv(text.encode()).rows]


@pytest.mark.parametrize("asked", ["", "?q=SO-10241", "?state=accepted", "?state=no-such"])
def test_the_files_have_the_pushes_of_the_page(visit, asked):
    farah = visit("farah")
    page = farah.text(PUSHES + asked)
    files = links(page)
    assert set(files) == {"csv", "xlsx", "json"}
    numbers = documents(farah.get(files["csv"]).data.decode())
    told = json.loads(farah.text(files["json"]))["rows"]
    assert numbers
    assert numbers == [one["document"] for one in told]
    assert all(one["target"] and number in page for one, number in zip(told, numbers, strict=True))
    assert farah.get(files["xlsx"]).data[:2] == b"PK"


def test_a_filter_leaves_out_the_others(visit):
    farah = visit("farah")
    every = documents(farah.text(f"{PUSHES}.csv"))
    one = json.loads(farah.text(f"{PUSHES}.json?q=SO-10241"))["rows"]
    assert {row["record"] for row in one} == {"SO-10241"}
    assert 0 < len(one) < len(every)
    assert documents(farah.text(f"{PUSHES}.csv?q=nobody-has-this")) == []


def test_too_many_are_refused_and_another_company_has_none_of_them(visit, monkeypatch):
    assert "SO-10241" not in visit("stranger", "lain").text("/c/lain/pushes.csv")
    visit("stranger", "lain").get(f"{PUSHES}.csv", status=404)
    monkeypatch.setattr("portal.web.list_file.MOST", 1)
    refused = visit("farah").get(f"{PUSHES}.csv", status=409)
    assert "too many for one file" in refused.get_data(as_text=True)


def test_the_files_have_the_code_of_what_was_not_sent(visit, database):
    """The page shows “Not sent”: the target's address was refused, or a limit was judged."""
    with database.write() as session:
        unlock(session)
        push = session.scalars(select(Push).order_by(Push.id).limit(1)).one()
        number, calls = push.number, select(Attempt.request_id).where(Attempt.push_id == push.id)
        run = session.scalars(select(Request.run_id).where(Request.id.in_(calls))).first()
        session.execute(update(Push).where(Push.id == push.id).values(state="refused"))
        session.execute(update(Attempt).where(Attempt.push_id == push.id).values(state="refused"))
        session.execute(update(Request).where(Request.id.in_(calls)).values(status=None))
    farah = visit("farah")
    assert number in documents(farah.text(f"{PUSHES}.csv?state=not_sent"))
    rows = json.loads(farah.text(f"{PUSHES}.json?state=not_sent"))["rows"]
    assert {row["answer"] for row in rows} == {"not_sent"}
    assert number not in documents(farah.text(f"{PUSHES}.csv?state=refused"))
    of_run = read_csv(farah.get(f"/c/kedai/runs/{run}.csv").data).rows
    assert [row["Answer"] for row in of_run if row["Document"] == number] == ["not_sent"]
    page = farah.text(f"{PUSHES}?state=not_sent")
    assert number in page
    assert '<option value="not_sent" selected>' in page
