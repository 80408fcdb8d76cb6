"""Mapping entries that tests fix and preview, and a shop that waits for one."""

from datetime import date

from sqlalchemy import select

from holding.db.models import Company, Record
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal
from holding.mappings import fixes
from holding.mappings import preview as mappings_preview
from holding.mappings.fixes import Fixed
from holding.mappings.preview import Preview
from tests.holding.shop import Shop, line, order, start


@start
def blocked_shop(shop: Shop) -> Shop:
    """Four orders of the unknown AB-100, the last with a second cause, and one that is clear."""
    shop.publish()
    unknown = [line(sku="AB-100", uom="PCS")]
    shop.receive(
        order("NS-1", lines=unknown),
        order("NS-2", lines=unknown),
        order("NS-3", lines=unknown),
        order("NS-4", lines=unknown, total="190.00"),
        order("NS-5"),
    )
    shop.judge()
    return shop


def rev(shop: Shop) -> int:
    with shop.database.read() as session:
        return session.get_one(Company, shop.company.id).revision


def fix(
    shop: Shop,
    table: str,
    key: str,
    value: str,
    *,
    who: str = "farah",
    reason: str = "the shop renamed it",
    at: int | None = None,
    op: str | None = None,
    since: date = ALWAYS,
) -> Fixed | Refusal:
    revision = rev(shop) if at is None else at
    actor = shop.actor(who)
    with shop.database.write() as session:
        return fixes.fix(
            session,
            actor,
            table,
            key,
            value,
            reason=reason,
            now=shop.now,
            rev=revision,
            op=op,
            since=since,
        )


def preview(shop: Shop, table: str, key: str, value: str) -> Preview:
    with shop.database.read() as session:
        found = mappings_preview.preview_entry(
            session, shop.company.id, table, key, value, shop.now
        )
        assert isinstance(found, Preview), found
        return found


def due(shop: Shop) -> list[str]:
    with shop.database.read() as session:
        return list(
            session.scalars(
                select(Record.number).where(Record.due_at.is_not(None)).order_by(Record.number)
            )
        )
