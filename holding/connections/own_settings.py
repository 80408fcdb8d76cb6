"""What a connection is told: its own settings, and its company's where it says nothing.

Here: time zone and currency of its books. Not here: changing settings
(holding/configuration/settings_change.py), the zone of a source, on which the rules have a say
(holding/intake/deliveries.py).
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors.kit.connection_settings import BASE_CURRENCY, ZONE
from holding.db.models import Company, Connection


def own_settings(session: Session, connection: Connection) -> Mapping[str, object]:
    """The settings that its connector reads."""
    return settings_and_zone(session, connection)[0]


def settings_and_zone(
    session: Session, connection: Connection
) -> tuple[Mapping[str, object], ZoneInfo]:
    """The same, and where its company is, whatever its settings say."""
    row = session.execute(_COMPANY, {"company": connection.company_id}).one()
    return settled(connection, row.zone, row.currency)


def settled(
    connection: Connection, zone: str, currency: str
) -> tuple[Mapping[str, object], ZoneInfo]:
    """The same where zone and currency of its company were read with it."""
    settings = {ZONE: zone, BASE_CURRENCY: currency, **connection.settings}
    return settings, ZoneInfo(zone or "UTC")


_COMPANY = select(Company.zone, Company.currency).where(Company.id == bindparam("company"))
