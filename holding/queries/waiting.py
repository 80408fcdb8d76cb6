"""Open holds one by one, for programs.

Here: one page of plain rows in order of ids. Not here: groups and filters of the page (groups.py).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from holding.columns import Columns, of
from holding.models import Connection, Hold, Posting, Record, Team, Version
from holding.queries.personal import hiding_each

A_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Waiting:
    """One open hold. `hash`: what an approval is bound to; `lock` and `version`: what an act over
    many is; `version_no`: what a correction is; `amount` is in minor units (sen).
    """

    hold: int
    code: str
    rule: str
    message: str
    clears: str
    team: str | None
    opened_at: datetime
    source: str
    kind: str
    external_id: str
    posting: int | None
    number: str
    document: str
    amount: int | None
    currency: str
    hash: str | None
    lock: int
    version: int | None
    version_no: int | None


WAITING = Columns(
    Waiting(
        hold=of(Hold.id),
        code=of(Hold.code),
        rule=of(Hold.rule),
        message=of(Hold.message),
        clears=of(Hold.clears),
        team=of(Team.name),
        opened_at=of(Hold.opened_at),
        source=of(Connection.name),
        kind=of(Record.type),
        external_id=of(Record.external_id),
        posting=of(Posting.id),
        number=of(Hold.number),
        document=of(Hold.doc_type),
        amount=of(Posting.amount),
        currency=of(Record.currency),
        hash=of(Posting.hash),
        lock=of(Hold.lock),
        version=of(Record.version_id),
        version_no=of(Version.no),
    ),
    {
        "hold": "hold.id",
        "team": "team.name",
        "source": "connection.name",
        "kind": "record.type",
        "posting": "posting.id",
        "document": "hold.doc_type",
        "version": "record.version_id",
    },
)


def page(session: Session, company_id: int, *, after: int, show_personal: bool) -> list[Waiting]:
    """The open holds of a company after one, in order of their ids."""
    query = (
        WAITING.select(Hold.record_id)
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(Hold.company_id == company_id, Hold.state == "open", Hold.id > after)
        .order_by(Hold.id)
        .limit(A_PAGE)
    )
    found = session.execute(query)
    read, rows = WAITING.reader(found), found.all()
    hide = hiding_each(session, [row.record_id for row in rows], show=show_personal)
    return [replace(read(row), message=hide(row.record_id, row.message)) for row in rows]
