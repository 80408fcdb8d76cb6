"""Open holds one by one, for programs.

Here: one page of plain rows in order of ids. Not here: groups and filters of the page (groups.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

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


def page(session: Session, company_id: int, *, after: int, show_personal: bool) -> list[Waiting]:
    """The open holds of a company after one, in order of their ids."""
    query = (
        select(
            Hold.record_id,
            Hold.id.label("hold"),
            Hold.code,
            Hold.rule,
            Hold.message,
            Hold.clears,
            Team.name.label("team"),
            Hold.opened_at,
            Connection.name.label("source"),
            Record.type.label("kind"),
            Record.external_id,
            Posting.id.label("posting"),
            Hold.number,
            Hold.doc_type.label("document"),
            Posting.amount,
            Record.currency,
            Posting.hash,
            Hold.lock,
            Record.version_id.label("version"),
            Version.no.label("version_no"),
        )
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .outerjoin(Version, Version.id == Record.version_id)
        .outerjoin(Posting, Posting.id == Hold.posting_id)
        .outerjoin(Team, Team.id == Hold.team_id)
        .where(Hold.company_id == company_id, Hold.state == "open", Hold.id > after)
        .order_by(Hold.id)
        .limit(A_PAGE)
    )
    found = [dict(row._mapping) for row in session.execute(query)]
    ids = [row.pop("record_id") for row in found]
    hide = hiding_each(session, ids, show=show_personal)
    rows = zip(ids, found, strict=True)
    return [Waiting(**row | {"message": hide(key, row["message"])}) for key, row in rows]
