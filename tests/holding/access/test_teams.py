"""Teams: made once, whoever names them first."""

import threading

from sqlalchemy import func, select

from holding.access.people import ensure_team
from holding.db.database import Database
from holding.db.models import Team
from tests.support.factories import make_company


def test_two_who_name_a_new_team_at_once_get_the_same(database: Database) -> None:
    with database.write() as session:
        company_id = make_company(session).id
    both = threading.Barrier(2)
    found: list[int] = []

    def name_it() -> None:
        with database.write() as session:
            if database.engine.dialect.name != "sqlite":  # there one writer waits for the other
                session.scalar(select(func.count(Team.id)))
                both.wait(10)
            found.append(ensure_team(session, company_id, "credit desk").id)

    threads = [threading.Thread(target=name_it) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1
