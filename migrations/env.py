"""How alembic reaches the database that `holding.platform.backup` names; no other way leads in."""

from contextlib import closing

from alembic import context

from holding.db.database import Database
from holding.db.models import Base

with (
    closing(Database(context.config.attributes["url"])) as database,
    database.session() as session,
):
    connection = session.connection()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
