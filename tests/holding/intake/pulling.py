"""What a source that is asked is set to, and what the database then has of it."""

from collections.abc import Callable
from datetime import timedelta

from holding.db.database import Database
from holding.db.models import Event, Pull, Version
from holding.intake.pulls import PullCount

SETTINGS = {"base_url": "https://shop.example", "pull_minutes": "15", "sweep_at": "02:30"}
Read = Callable[[], PullCount]
MINUTES, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def row(database: Database, kind: str = "pull") -> Pull:
    with database.read() as session:
        return session.query(Pull).filter_by(kind=kind).one()


def told(database: Database, act: str) -> list[str]:
    with database.read() as session:
        rows = session.query(Event).filter_by(act=act).order_by(Event.id)
        return [(one.body or {})["say"] for one in rows]


def versions(database: Database) -> list[tuple[str, int]]:
    with database.read() as session:
        rows = session.query(Version).order_by(Version.id)
        return [((one.body or {})["number"], one.no) for one in rows]
