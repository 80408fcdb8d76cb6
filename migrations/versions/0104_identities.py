"""Add the accounts of people at a sign-in provider."""

from alembic import op

revision = "0104"
down_revision = "0103"
branch_labels = None
depends_on = None

_TYPES = {
    "sqlite": {"id": "INTEGER", "key": "INTEGER", "moment": "VARCHAR(27)"},
    "postgresql": {"id": "bigserial", "key": "bigint", "moment": "timestamp with time zone"},
}


def upgrade() -> None:
    """Create the table, which is empty until the first sign-in by a provider."""
    types = _TYPES[op.get_bind().dialect.name]
    op.execute(
        f"""CREATE TABLE identity (
            id {types["id"]} NOT NULL,
            issuer TEXT NOT NULL,
            subject TEXT NOT NULL,
            person_id {types["key"]} NOT NULL,
            email TEXT NOT NULL,
            tied_at {types["moment"]} NOT NULL,
            ended_at {types["moment"]},
            CONSTRAINT pk_identity PRIMARY KEY (id),
            CONSTRAINT uq_identity_issuer_subject UNIQUE (issuer, subject),
            CONSTRAINT fk_identity_person_id FOREIGN KEY (person_id) REFERENCES person (id)
        )"""
    )
    op.execute("CREATE INDEX ix_identity_person_id ON identity (person_id)")


def downgrade() -> None:
    """Drop the table; people sign in with their passwords."""
    op.execute("DROP TABLE identity")
