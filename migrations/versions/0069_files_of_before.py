"""A source of files took orders alone until files of any kind came; it goes on so, unless somebody
chose its kinds. Otherwise it would be a second way for kinds that another source brings already.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each says what it took."""
    bind = op.get_bind()
    asked = "SELECT id, settings FROM connection WHERE side = 'source' AND connector = 'workbook'"
    for row in bind.execute(sa.text(asked)).all():
        settings = json.loads(row.settings)
        if settings.get("record_kinds"):
            continue
        told = {**settings, "record_kinds": "order"}
        words = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        stored = "UPDATE connection SET settings = :settings WHERE id = :id"
        bind.execute(sa.text(stored), {"settings": words, "id": row.id})


def downgrade() -> None:
    """That it takes orders alone was true before."""
