"""The time zone of a source: in which its moments have their day.

Here: whose word counts. Not here: reading a delivery (connectors/sources).
"""

from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from connectors.kit.connection_settings import ZONE
from grammar.nodes import Ruleset
from holding.programs import world
from holding.tables import Company, Connection


class _Rules(Protocol):
    """The part of a program that names sources."""

    @property
    def ruleset(self) -> Ruleset:
        """The rules as they were parsed."""
        ...


def zone_of_source(session: Session, connection_id: int) -> ZoneInfo:
    """What the connection says (`zone`), else the rules in force, else its company."""
    connection = session.get_one(Connection, connection_id)
    company = session.get_one(Company, connection.company_id)
    said = str(connection.settings.get(ZONE) or "")
    if not said and company.ruleset_version_id is not None:
        said = _in_rules(world.program(session, company.ruleset_version_id), connection)
    return ZoneInfo(said or company.zone)


def _in_rules(rules: _Rules, connection: Connection) -> str:
    told = {source.name: source.zone for source in rules.ruleset.sources}
    return told.get(connection.name) or told.get(connection.connector, "")
