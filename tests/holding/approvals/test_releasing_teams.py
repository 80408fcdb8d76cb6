"""Which team releases a hold, or approves what it asks for."""

import pytest
from sqlalchemy.orm import Session

from holding.access import people
from holding.approvals.separation import teams_of
from holding.db.database import Database
from holding.db.models import Company, Hold, Team
from rules.outcomes import NEEDS_APPROVAL
from rules.values.cause_keys import ITSELF, Clearing
from tests.support.clock import SetClock


@pytest.fixture
def teams(database: Database, company: Company, clock: SetClock) -> dict[str, Team]:
    """A team of the same name in another company is none of theirs."""
    with database.write() as session:
        other = people.add_company(session, code="lain", name="Kedai Lain", now=clock.now())
        assert isinstance(other, int)
        made = {name: Team(company_id=company.id, name=name) for name in ("desk", "tax")}
        session.add_all([*made.values(), Team(company_id=other, name="theirs")])
    return made


def hold(company: Company, key: int, **given: object) -> Hold:
    return Hold(id=key, company_id=company.id, **{"code": "CHK01", "clears": ITSELF} | given)


def test_each_hold_has_the_team_that_decides_on_it(
    database: Database, company: Company, teams: dict[str, Team]
) -> None:
    owner = teams["desk"].id
    holds = [
        hold(company, 1, clears=Clearing.by("tax"), team_id=owner),
        hold(company, 2, code=NEEDS_APPROVAL, team_id=owner),
        hold(company, 3, code=NEEDS_APPROVAL),  # the role alone decides
        hold(company, 4, team_id=owner),  # only a change clears it
        hold(company, 5, clears=Clearing.by("theirs"), team_id=owner),
    ]
    with database.read() as session:
        found = {hold_id: team.name for hold_id, team in teams_of(session, holds).items()}
        assert found == {1: "tax", 2: "desk"}
        assert alone(session, holds[1]) == "desk"
        assert alone(session, holds[3]) is None


def alone(session: Session, one: Hold) -> str | None:
    team = teams_of(session, [one]).get(one.id)
    return team.name if team else None
