"""The life of a posting: what is read back, who stands in for whom, what was stopped.

Each part is a pair of functions in PARTS; they are added in order and taken away in reverse.
"""

from collections.abc import Callable

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PARTS: tuple[tuple[Callable[[], None], Callable[[], None]], ...] = ()


def upgrade() -> None:
    """Add every part."""
    for add, _ in PARTS:
        add()


def downgrade() -> None:
    """Take them away, the last one first."""
    for _, take_away in reversed(PARTS):
        take_away()
