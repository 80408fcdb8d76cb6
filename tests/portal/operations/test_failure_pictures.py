"""The failures of a target or a run as a picture: what is in it, and what never is."""

import re
from xml.etree import ElementTree

import pytest
from sqlalchemy import select, update

from holding.db.database import Database
from holding.db.models import Attempt, Company, Posting, Push, Request, Run
from holding.db.models.columns import AttemptState, PushState
from holding.runs import run_history
from holding.runs.run_history import MOST
from portal.operations.failure_pages import CELLS, MOST_LINES, Entry, draw, wrap_text
from tests.support.sent_runs import make_run, send_in_run

TARGET = "/c/kedai/connections/aiaccount/failures.svg"
SVG = "{http://www.w3.org/2000/svg}"
PERSON = "Aisyah binti Omar"


def lines(svg: bytes) -> list[str]:
    """The lines of a picture, from top to bottom."""
    texts = ElementTree.fromstring(svg).iter(f"{SVG}text")
    return [one.text or "" for one in texts]


def told(browser, address: str) -> str:
    return "\n".join(lines(browser.get(address).data))


def fail(
    database: Database, count: int = 1, error: str | None = "October is closed", **changes: object
) -> int:
    """A run with so many documents that failed, and one that was accepted; its id."""
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        run = make_run(session, company)
        for n in range(count):
            send_in_run(session, company, run, f"IV-{run.id}-{n}", PushState.REFUSED)
        session.execute(update(Attempt).values(error=error, error_class="period_locked", **changes)
                        .where(Attempt.push_id.in_(select(Push.id).where(
                            Push.number.startswith(f"IV-{run.id}-")))))  # fmt: skip
        (push,) = send_in_run(session, company, run, f"OK-{run.id}", PushState.ACCEPTED)
        session.execute(update(Attempt).values(state=AttemptState.ACCEPTED)
                        .where(Attempt.push_id == push))  # fmt: skip
        return run.id


def test_a_failure_is_told_with_zone_run_record_and_the_words_of_the_target(visit, database):
    run = fail(database)
    for address in (TARGET, f"/c/kedai/runs/{run}/failures.svg"):
        answer = visit("farah").get(address)
        assert answer.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        words = "\n".join(lines(answer.data))
        assert "Times are MYT, UTC+8 (Asia/Kuala_Lumpur)" in words
        pattern = rf"^\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d MYT · Run {run} · rejected · Period locked$"
        assert re.search(pattern, words, re.M), words
        assert re.search(rf"Record \S+ · Sales invoice IV-{run}-0 · attempt 1 · call \d+", words)
        assert 'AiAccount says: "October is closed"' in words
        assert f"OK-{run}" not in words


def test_what_was_not_sent_is_not_told_as_the_words_of_the_target(visit, database):
    run = fail(database, error="AiAccount takes 30 characters at most.")
    with database.write() as session:
        session.execute(update(Request).where(Request.run_id == run).values(status=None))
    words = told(visit("farah"), f"/c/kedai/runs/{run}/failures.svg")
    assert re.search(rf"MYT · Run {run} · not sent · Period locked$", words, re.M), words
    assert "\nAiAccount takes 30 characters at most." in words
    assert "says:" not in words


def test_a_run_tells_its_own_failures_alone_and_why_it_failed_itself(visit, database):
    first, second = fail(database), fail(database, error="Stock is short")
    with database.write() as session:
        session.execute(update(Run).where(Run.id == first).values(error="The books were closed."))
    of_first = told(visit("farah"), f"/c/kedai/runs/{first}/failures.svg")
    assert "October is closed" in of_first
    assert "The books were closed." in of_first
    assert "Stock is short" not in of_first
    both = told(visit("farah"), TARGET)
    assert both.index("Stock is short") < both.index("October is closed"), "newest first"
    assert f"Run {second}" in both


@pytest.mark.parametrize("state", AttemptState)
def test_only_what_failed_is_in_it(visit, database, state):
    failed = {"refused", "temporary", "uncertain", "different"}
    run = fail(database, state=state)
    words = told(visit("farah"), f"/c/kedai/runs/{run}/failures.svg")
    assert (f"IV-{run}-0" in words) == (state in failed)
    assert ("No failed call is recorded." in words) == (state not in failed)


def test_secrets_tax_numbers_and_people_are_removed_whoever_asks(visit, database):
    secrets = ("hunter2hunter2", "aia_live_demo_7Qk2", "IG12345678901", PERSON)
    run = fail(database, error=f"password: {' '.join(secrets)} refused")
    with database.write() as session:
        posting = select(Push.posting_id).where(Push.number == f"IV-{run}-0").scalar_subquery()
        content = {"fields": {"DebtorName": PERSON}}
        session.execute(update(Posting).where(Posting.id == posting).values(content=content))
        session.execute(update(Run).where(Run.id == run).values(error=f"token={secrets[0]} no"))
    for person in ("farah", "lim", "nurul", "adam"):
        for address in (TARGET, f"/c/kedai/runs/{run}/failures.svg"):
            words = told(visit(person), address)
            assert "(secret removed)" in words
            assert "(tax number removed)" in words
            for secret in secrets:
                assert secret not in words, (person, address)


def test_at_most_so_many_calls_are_drawn_and_all_are_counted(visit, database):
    run = fail(database, MOST + 3)
    words = told(visit("farah"), f"/c/kedai/runs/{run}/failures.svg")
    assert words.count("Record ") == MOST
    assert f"{MOST} of {MOST + 3} failed calls, newest first" in words
    assert f"IV-{run}-{MOST + 2} " in words
    assert f"IV-{run}-0 " not in words


def test_an_answer_without_words_is_told_as_such(visit, database):
    run = fail(database, error=None)
    assert "No answer is recorded." in told(visit("farah"), f"/c/kedai/runs/{run}/failures.svg")


def test_words_that_are_no_xml_and_too_many_of_them_still_make_a_picture(visit, database):
    run = fail(database, error='<script>"&\x00\x0b\uffff' + "wrong " * 400)
    words = lines(visit("farah").get(f"/c/kedai/runs/{run}/failures.svg").data)
    assert any(line.startswith('AiAccount says: "<script>"&\ufffd') for line in words)
    assert any(re.fullmatch(r"… \d+ more lines are on the page", line) for line in words)


def test_a_source_and_a_stranger_have_none(visit, database):
    run = fail(database)
    farah, stranger = visit("farah"), visit("stranger", "lain")
    farah.get("/c/kedai/connections/netshop/failures.svg", status=404)
    farah.get("/c/kedai/runs/999999/failures.svg", status=404)
    for address in (
        TARGET,
        f"/c/kedai/runs/{run}/failures.svg",
        f"/c/lain/runs/{run}/failures.svg",
    ):
        stranger.get(address, status=404)
    assert "No failed call is recorded." in told(stranger, TARGET.replace("kedai", "lain"))


def test_a_log_is_of_its_company_whoever_asks_the_room(database):
    run = fail(database)
    with database.read() as session:
        ids = {one.code: one.id for one in session.scalars(select(Company))}
        assert run_history.failures_of_run(session, ids["kedai"], run).count == 1
        assert run_history.failures_of_run(session, ids["lain"], run).count == 0


def test_the_pages_offer_it_where_there_is_something_to_save(visit, database):
    farah = visit("farah")
    run = fail(database)
    assert f'href="{TARGET}"' in farah.text("/c/kedai/connections/aiaccount")
    assert f'href="/c/kedai/runs/{run}/failures.svg"' in farah.text(f"/c/kedai/runs/{run}")
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        good = make_run(session, company)
        send_in_run(session, company, good, "IV-GOOD", PushState.ACCEPTED)
        empty = make_run(session, company, error="The books were closed.")
        ids = good.id, empty.id
    assert "failures.svg" not in farah.text(f"/c/kedai/runs/{ids[0]}")
    assert "failures.svg" in farah.text(f"/c/kedai/runs/{ids[1]}")


def test_no_line_is_wider_than_the_picture_and_none_stands_on_another():
    long = "Nombor 发票已拒绝 " * 40 + "x" * 300
    made = draw("T" * 90, ("a note",), [Entry("head", "about", long)] * 2, "foot")
    for text in made.texts:
        wide = sum(2 if ord(letter) > 0x2E80 else 1 for letter in text.words)
        assert wide <= CELLS
    heights = [text.y for text in made.texts]
    assert heights == sorted(set(heights))
    assert max(heights) < made.height
    assert len(made.rules) == 3
    assert set(made.rules).isdisjoint(heights)


def test_lines_are_broken_at_spaces_and_nothing_is_lost():
    assert wrap_text("one two three", 8) == ("one two", "three")
    assert wrap_text("abcdefghij", 4) == ("abcd", "efgh", "ij")
    assert wrap_text("发票发票", 4) == ("发票", "发票")
    assert wrap_text("a\nb", 9) == ("a", "b")
    assert wrap_text("", 9) == ("",)
    assert len(wrap_text("x\n" * MOST_LINES, 9)) == MOST_LINES
    cut = wrap_text("x\n" * (MOST_LINES + 1), 9)
    assert len(cut) == MOST_LINES
    assert cut[-1] == "… 2 more lines are on the page"
