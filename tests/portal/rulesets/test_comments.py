"""Comments beside a change, and a change that goes back to who wrote it."""

import re

import pytest
from sqlalchemy import select

from holding.access import actors
from holding.db.models import Company, Event, Person
from holding.rulesets import publication
from tests.holding.shop import FILES
from tests.portal.reading import plain
from tests.portal.rulesets.test_changes import CHANGES, waiting
from tests.portal.rulesets.test_editor import DRAFT, shown

__all__ = ["waiting"]
pytestmark = pytest.mark.sqlite
BOOK = "/c/kedai/rules/book"
WHY = "The limit is too low.\nAsk accounts first."


def test_who_writes_and_who_publishes_talk_beside_a_change(visit, database, waiting):
    chan, pua = visit("chan"), visit("pua")
    page = f"{CHANGES}/{waiting}"
    assert "No comments yet." in plain(chan.text(page))
    pua.post(f"{page}/comments", {"comment": "Why <now>?"}, status=303)
    chan.post(f"{page}/comments", {"comment": "Because."}, status=303)
    told = chan.text(page)
    assert "Why &lt;now&gt;?" in told
    assert re.search(r"Pua *, .*Why .*Chan *, .*Because\.", plain(told))
    with database.read() as session:
        said = session.scalars(select(Event).where(Event.act == "rules.commented")).all()
        assert [(one.actor, one.body["comment"]) for one in said] == [
            ("Pua", "Why <now>?"),
            ("Chan", "Because."),
        ]
    vera = visit("vera")
    assert "Why" in plain(vera.text(page)), "whoever reads the rules reads it"
    assert "Save comment" not in vera.text(page)
    vera.post(f"{page}/comments", {"comment": "Me, too"}, status=403)


def test_nothing_blank_is_said_and_nothing_of_a_change_that_is_not_there(visit, waiting):
    pua = visit("pua")
    blank = pua.post(f"{CHANGES}/{waiting}/comments", {"comment": " \n"}, status=422)
    assert "The comment is blank" in plain(blank.text)
    pua.post(f"{CHANGES}/{waiting}/return", {"comment": ""}, status=422)
    pua.post(f"{CHANGES}/99/comments", {"comment": "x"}, status=404)
    assert "No comments yet." in plain(pua.text(f"{CHANGES}/{waiting}"))


def test_a_change_goes_back_with_a_reason_and_is_never_published_as_it_was(
    visit, database, waiting
):
    chan, pua = visit("chan"), visit("pua")
    page = f"{CHANGES}/{waiting}"
    assert "Return to Chan" in pua.text(page)
    assert "Return to" not in chan.text(page), "nobody returns what they wrote"
    chan.post(f"{page}/return", {"comment": WHY}, status=403)
    start = {"date": "2026-11-25", "time": "08:00", "reason": ""}
    pua.post(f"{page}/start", start, status=303)
    pua.post(f"{page}/return", {"comment": WHY}, status=303)
    told = plain(chan.text(page))
    assert "This change was returned to its author." in told
    assert "The limit is too low. Ask accounts first." in told
    assert "returned to its author" in plain(chan.text(CHANGES))
    refused = pua.post(page, {}, status=409)
    assert "Change 2 was returned to its author and is closed." in plain(refused.text)
    pua.post(f"{page}/start", start, status=409)
    pua.post(f"{page}/return", {"comment": WHY}, status=409)
    assert "Rule version 1 in force" in plain(chan.text(CHANGES))
    assert "Pua returned change 2 to you: The limit is too low." in plain(chan.text(BOOK))
    assert "returned change" not in plain(pua.text(BOOK)), "it is said to who wrote it"
    with database.read() as session:
        (event,) = session.scalars(select(Event).where(Event.act == "rules.returned")).all()
        assert event.body["comment"] == WHY


def test_its_writer_goes_on_with_its_files_and_submits_them_again(visit, waiting):
    chan, pua = visit("chan"), visit("pua")
    page = f"{CHANGES}/{waiting}"
    chan.post(f"{page}/take-up", {}, status=409)
    pua.post(f"{page}/return", {"comment": WHY}, status=303)
    pua.post(f"{page}/take-up", {}, status=403)
    answer = chan.post(f"{page}/take-up", {}, status=303)
    assert answer.location.endswith("/rules/draft/shop.rules")
    mine = shown(chan)
    assert mine == FILES["shop.rules"] + "\n# looked at again\n"
    chan.post(DRAFT, {"text": mine + "# and again\n", "base": "1", "quick": "1"}, target="findings")
    chan.post(f"{page}/take-up", {}, status=303)
    assert shown(chan) == mine + "# and again\n", "a draft that is there already is left"
    again = chan.post(
        "/c/kedai/rules/submit/shop.rules", {"text": shown(chan), "base": "1"}, status=303
    )
    assert again.location.endswith("/rules/changes/3")
    assert "returned change" not in plain(chan.text(BOOK)), "its writer went on"
    pua.post(f"{CHANGES}/3", {}, status=303)
    assert "Rule version 2 in force" in plain(chan.text(CHANGES))
    nothing = chan.post(f"{page}/take-up", {}, status=303)
    assert nothing.location.endswith("/rules/draft/shop.rules")


def propose(database, clock, line: str) -> int:
    """A change of Chan's: the file in force with one more line; its number."""
    with database.write() as session:
        company = session.scalar(select(Company.id).where(Company.code == "kedai"))
        chan = session.scalar(select(Person.id).where(Person.email == "chan@kedai.my"))
        actor = actors.actor_of(session, chan, company)
        files = {**FILES, "shop.rules": FILES["shop.rules"] + line}
        return publication.push_change(session, company, actor, files, line, clock.now())


def test_a_change_that_is_taken_up_never_undoes_what_came_into_force_since(
    visit, database, clock, waiting
):
    chan, pua = visit("chan"), visit("pua")
    pua.post(f"{CHANGES}/{waiting}/return", {"comment": WHY}, status=303)
    since = propose(database, clock, "\n# came since\n")
    pua.post(f"{CHANGES}/{since}", {}, status=303)
    chan.post(f"{CHANGES}/{waiting}/take-up", {}, status=303)
    mine = shown(chan)
    assert mine.endswith("# looked at again\n")
    assert "Other rules were published since this draft was begun." in plain(chan.text(DRAFT))
    refused = chan.post("/c/kedai/rules/submit/shop.rules", {"text": mine, "base": "1"}, status=409)
    assert "nothing was submitted" in plain(refused.text)
    assert "# came since" in chan.text("/c/kedai/rules/files/shop.rules")
