"""The operations page: how fast queues go, when they are empty, how far a quota reaches."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from holding.db.database import Database
from holding.db.models import Attempt, Connection, Posting, Push, Request, Throttle
from holding.db.models.columns import AttemptState, RequestState
from holding.platform import backup, processes
from rules.values.canonical import PostingState
from tests.portal.reading import plain
from tests.support.clock import SetClock
from tests.support.databases import any_move

pytestmark = pytest.mark.sqlite
PAGE = "/c/kedai/operations"


def queue(page: str, name: str) -> list[str]:
    """The cells of a queue's row."""
    table = page[page.index('id="queues"') :].partition("</section>")[0]
    rows = re.findall(r'<tr role="row" data-row.*?</tr>', table, re.S)
    cells = [[plain(one).strip() for one in re.findall(r"<td.*?</td>", row, re.S)] for row in rows]
    (found,) = [row[1:] for row in cells if row[0].startswith(name)]
    return found


def due_documents(database: Database, clock: SetClock, seconds: int) -> int:
    """Three documents that are ready and have been due for so long."""
    with database.write() as session, any_move(session):
        for one in session.scalars(select(Posting).order_by(Posting.id).limit(3)):
            one.state = PostingState.READY
            one.due_at = clock.now() - timedelta(seconds=seconds)
        session.flush()
    return 3


def test_a_queue_that_nobody_works_at_stands_still(
    visit: Callable[..., Any], database: Database, clock: SetClock
) -> None:
    count = due_documents(database, clock, 30)
    page = visit("farah").text(PAGE)
    assert queue(page, "Documents")[0] == str(count)
    assert queue(page, "Documents")[-2:] == ["0 per h", "not known yet"]
    due_documents(database, clock, 120)
    assert queue(visit("farah").text(PAGE), "Documents")[-1] == "stopped"
    assert queue(page, "Look-ups")[-1] == "none"


def test_a_queue_that_goes_says_when_it_is_empty(
    visit: Callable[..., Any], database: Database, clock: SetClock
) -> None:
    count = due_documents(database, clock, 30)
    with database.write() as session:
        push = session.scalars(select(Push)).first()
        assert push is not None
        sent = Request(connection_id=push.connection_id, kind="push", key="again", sha256="",
                       state=RequestState.ANSWERED, made_at=clock.now(),
                       deadline_at=clock.now())  # fmt: skip
        session.add(sent)
        session.flush()
        session.add(Attempt(request_id=sent.id, push_id=push.id, no=9, fence=9, at=clock.now(),
                            state=AttemptState.EXISTING))  # fmt: skip
    *_, rate, empty = queue(visit("farah").text(PAGE), "Documents")
    assert (rate, empty) == ("6 per h", "30 min")
    told = json.loads(visit("farah").text(f"{PAGE}.json"))["queues"]
    (row,) = [one for one in told if one["work"] == "documents"]
    assert (row["done_in_the_last_minutes"], row["in_seconds"]) == (1, 600)
    assert row["empty_in_seconds"] == count * 600


@pytest.mark.parametrize(
    ("used", "chip"),
    [
        (11_940, "Used up about 2026-11-25"),
        (5_000, "Lasts this month"),
        (15_000, "Used up"),
    ],
)
def test_a_quota_says_on_which_day_it_ends(
    visit: Callable[..., Any], database: Database, used: int, chip: str
) -> None:
    assert 'id="quotas"' not in visit("farah").text(PAGE)
    with database.write() as session:
        given = {"limit": 15_000, "used": used, "month": "2026-11"}
        names = "quota_limit = :limit, quota_used = :used, quota_month = :month"
        session.execute(text(f"UPDATE throttle SET {names}"), given)
    page = visit("farah").text(PAGE)
    panel = plain(page[page.index('id="quotas"') :].partition("</section>")[0])
    assert f"{used:,} of 15,000 documents" in panel
    assert f"{15_000 - used:,} left" in panel
    assert chip in panel
    assert "It starts again 2026-12-01" in panel


def system(page: str) -> str:
    """What the page says of what the work runs on."""
    return plain(page[page.index('id="system"') :].partition("</section>")[0])


def test_the_system_is_told_with_what_a_silent_redis_means(
    visit: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = system(visit("farah").text(PAGE))
    assert re.search(r"Database SQLite 3\.[\d.]+ answered in \d+ ms", told)
    assert "Redis None. The workers ask the database every " in told
    assert re.search(r"Free disk space of the portal: [\d,.]+ [GMK]B\.", told)
    assert "Clock that of the portal, for the database too" in told
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert "Redis Not responding. Sending is slower" in system(visit("farah").text(PAGE))


def copied(page: str) -> str:
    """What the page says of the last backup."""
    return plain(page[page.index('id="backup"') :].partition("</dd>")[0])


def test_the_last_backup_is_told_and_one_that_is_old_in_warning(
    visit: Callable[..., Any], database: Database, clock: SetClock, tmp_path: Path
) -> None:
    farah, olga = visit("farah"), visit("olga")
    assert "None was made with Clearpost." in copied(farah.text(PAGE))
    file = tmp_path / "night.sqlite3"
    file.write_bytes(b"x" * 2_000_000)
    assert backup.note_backup(database.url, file, "ab" * 32, clock.now() - timedelta(hours=26))
    told = copied(olga.text(PAGE))
    assert "2026-11-19 " in told
    assert "1 d 2 h ago" in told
    assert "2 MB" in told
    assert str(file) in told
    assert "ab" * 32 in told
    assert "Older than" not in told
    theirs = copied(farah.text(PAGE))
    assert "1 d 2 h ago" in theirs
    assert str(file) not in theirs, "where it lies is for who runs it"
    clock.advance(timedelta(minutes=1))
    page = farah.text(PAGE)
    assert "Older than 1 d 2 h. Whoever runs Clearpost makes one: clearpost backup FILE" in copied(
        page
    )
    assert "t-warn" in page[page.index('id="backup"') :].partition("</dd>")[0]


@pytest.mark.parametrize(
    ("ahead", "told", "warned"),
    [
        (0, "as ours", False),
        (30, "30 s ahead of ours", False),
        (31, "31 s ahead of ours", True),
        (-31, "31 s behind ours", True),
        (-7200, "2 h behind ours", True),
        (None, "not known", False),
    ],
)
def test_the_clock_of_an_accounting_system_is_told_against_ours(
    visit: Callable[..., Any],
    database: Database,
    clock: SetClock,
    ahead: int | None,
    told: str,
    warned: bool,
) -> None:
    with database.write() as session:
        for row in session.scalars(select(Throttle)):
            session.delete(row)
        session.flush()
        for target in session.scalars(select(Connection).where(Connection.side == "target")):
            at = None if ahead is None else clock.now()
            session.add(Throttle(connection_id=target.id, clock_ahead=ahead, clock_at=at))
    farah = visit("farah")
    page = farah.text(PAGE)
    cells = re.findall(r'<td role="cell" data-label="Clock">.*?</td>', page, re.S)
    assert cells
    assert all(told in plain(one) and ("t-warn" in one) is warned for one in cells)
    assert ('id="clocks"' in page) is warned
    (row, *_) = json.loads(farah.text(f"{PAGE}.json"))["accounting systems"]
    assert row["clock_ahead_in_seconds"] == ahead


def two_workers(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        for owner in ("host:7", "host:8"):
            until = clock.now() + timedelta(minutes=2)
            processes.beat(session, owner, started_at=clock.now(), now=clock.now(), next_by=until)


def worker_row(page: str, owner: str) -> str:
    table = page[page.index('id="workers"') :].partition("</section>")[0]
    return next(row for row in re.findall(r"<tr.*?</tr>", table, re.S) if f"<b>{owner}</b>" in row)


def test_how_long_a_worker_gave_no_sign_is_told_to_the_second_until_it_ended(
    visit: Callable[..., Any], database: Database, clock: SetClock
) -> None:
    two_workers(database, clock)
    with database.write() as session:
        processes.end_heartbeat(session, "host:8", clock.now())
    clock.advance(37)
    page = visit("olga").text(PAGE)
    seen = re.compile(r'data-label="Last sign of life">(.*?)</td>', re.S)
    told = {n: plain(seen.findall(worker_row(page, n))[0]).strip() for n in ("host:7", "host:8")}
    assert told["host:7"] == "37.0 s ago"
    assert "ago" not in told["host:8"]


def test_a_worker_is_drained_with_a_reason_and_the_last_one_is_not(
    visit: Callable[..., Any], database: Database, clock: SetClock
) -> None:
    two_workers(database, clock)
    olga = visit("olga")
    row = worker_row(olga.text(PAGE), "host:7")
    assert "It finishes what it has in hand, takes nothing more, and stops." in plain(row)
    form = {"worker": "host:7", "reason": "The machine gets more memory"}
    assert olga.post(f"{PAGE}/drain", {**form, "reason": ""}, status=422)
    assert olga.post(f"{PAGE}/drain", form, status=303).location == PAGE
    page = olga.text(PAGE)
    assert "Worker host:7 finishes what it has, and stops. Other workers go on." in plain(page)
    assert "Finishing, then stops" in plain(worker_row(page, "host:7"))
    assert "/drain" not in worker_row(page, "host:7")
    only = worker_row(page, "host:8")
    assert 'aria-disabled="true"' in only
    assert "because it is the only one that takes work" in plain(only)
    last = olga.post(f"{PAGE}/drain", {**form, "worker": "host:8"}, status=409)
    assert "because it is the only one that takes work" in last.text
    assert "host:7,draining" in olga.get(f"{PAGE}.csv").text


def test_who_does_not_operate_asks_for_it(
    visit: Callable[..., Any], database: Database, clock: SetClock
) -> None:
    two_workers(database, clock)
    row = worker_row(visit("farah").text(PAGE), "host:7")
    assert 'aria-disabled="true"' in row
    assert "/c/kedai/access?act=run.operate" in row
    visit("farah").post(f"{PAGE}/drain", {"worker": "host:7", "reason": "why not"}, status=403)
