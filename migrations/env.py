"""How alembic reaches the database that `holding.migrate` names; there is no other way in."""

from alembic import context

from holding.database import Database
from holding.models import Base

database = Database(context.config.attributes["url"])
with database.session() as session:
    connection = session.connection()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
database.close()
