"""What pruning takes of files that people gave in; the rest stands in tests/acceptance."""

from datetime import datetime, timedelta

from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Connection, Event, Upload
from holding.db.models.columns import UploadState
from holding.operations.pruning import due, prune
from tests.support.clock import SetClock
from tests.support.shop import Shop

OLD, YOUNG = timedelta(days=400), timedelta(days=10)


def _given_in(shop: Shop, name: str, ended_at: datetime | None) -> None:
    with shop.database.write() as session:
        source = session.scalars(select(Connection).where(Connection.side == "source")).one()
        session.add(
            Upload(
                company_id=shop.company.id,
                source_id=source.id,
                name=name,
                sha256=name,
                body=b"bytes",
                state=UploadState.DONE if ended_at else UploadState.CHECKED,
                at=shop.clock.now() - OLD,
                ended_at=ended_at,
            )
        )


def test_bytes_of_old_uploads_go_and_open_ones_stay(
    shop: Shop, database: Database, company: Company, clock: SetClock
) -> None:
    now = clock.now()
    _given_in(shop, "old", now - OLD)
    _given_in(shop, "young", now - YOUNG)
    _given_in(shop, "open", None)
    cutoff = now - timedelta(days=365)
    with database.read() as session:
        assert due(session, company.id, company.code, cutoff).uploads == 1
    assert prune(database, company.id, cutoff, now).uploads == 1
    assert prune(database, company.id, cutoff, now).uploads == 0
    with database.read() as session:
        kept = select(Upload.name).where(Upload.body.is_not(None)).order_by(Upload.name)
        assert session.scalars(kept).all() == ["open", "young"]
        told = session.scalars(select(Event.body).where(Event.act == "history.pruned")).all()
    assert [one["uploads"] for one in told] == [1]
