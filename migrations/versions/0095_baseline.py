"""Create the complete schema of version 0095. It is the oldest version that can be migrated."""

from pathlib import Path

from alembic import op
from alembic.util import CommandError

revision = "0095"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Run each statement of this database's SQL file."""
    connection = op.get_bind()
    file = Path(__file__).with_name(f"0095_{connection.dialect.name}.sql")
    for statement in file.read_text("utf-8").split(";\n\n"):
        # Without parameters, because psycopg would read a percent sign as a placeholder.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Raise an error: there is no schema below this one."""
    raise CommandError("Schema version 0095 is the oldest; it cannot be downgraded")
