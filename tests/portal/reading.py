"""Looking at a page as a reader does, and at the rows behind it."""

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from holding.db.database import Database
from holding.holds import folding
from holding.platform import processes
from tests.support.clock import SetClock

R = "/c/kedai/records/netshop/order"
ONE = f"{R}/SO-10240"


def plain(page: str) -> str:
    """The page's text with single blanks."""
    body = re.sub(r"<(svg|script|title).*?</\1>", " ", page, flags=re.S)
    words = re.sub(r"<[^>]+>", " ", body).replace("&nbsp;", " ").replace("\u00a0", " ")
    return re.sub(r"\s+", " ", words.replace("&#34;", '"').replace("&#39;", "'"))


def one(database: Database, sql: str) -> Any:
    with database.read() as session:
        return session.execute(text(sql)).scalar()


def cause(database: Database, like: str) -> Any:
    return one(database, f"SELECT id FROM cause WHERE key LIKE '{like}'")


def hold_of(database: Database, number: str, code: str = "") -> Any:
    with_code = f" AND hold.code = '{code}'" if code else ""
    return one(
        database,
        "SELECT hold.id FROM hold JOIN record ON record.id = hold.record_id"
        f" WHERE record.number = '{number}' AND hold.state = 'open'{with_code} ORDER BY hold.id",
    )


def works(database: Database, clock: SetClock) -> None:
    """A worker runs, as it mostly does, and has swept."""
    now = clock.now()
    with database.write() as session:
        later = now + timedelta(minutes=1)
        processes.beat(session, "host:8", started_at=now, now=now, next_by=later)
    folding.fold_all(database)
