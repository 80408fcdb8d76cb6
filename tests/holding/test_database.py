"""One database: what its errors tell."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from holding.database import Database


def test_an_error_of_the_database_names_no_values(database: Database) -> None:
    with pytest.raises(DBAPIError) as found, database.read() as session:
        session.execute(text("SELECT * FROM nowhere WHERE name = :name"), {"name": "Aisyah binti"})
    assert "nowhere" in str(found.value)
    assert "Aisyah" not in str(found.value)
