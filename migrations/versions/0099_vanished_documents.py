"""Let a person have a document sent again that the target accepted and lost."""

from collections.abc import Mapping

from alembic import op

revision = "0099"
down_revision = "0098"
branch_labels = None
depends_on = None

_POSTING_MOVES = {
    "waiting": "waiting held ignored dropped ready",
    "held": "waiting held ignored dropped ready posted",
    "ignored": "waiting held ignored dropped ready",
    "dropped": "waiting held ignored dropped ready",
    "ready": "waiting held ignored dropped ready sending failed",
    "sending": "posted reversed failed ready awaiting uncertain",
    "awaiting": "posted reversed failed ready uncertain",
    "uncertain": "posted reversed failed ready sending awaiting",
    "failed": "waiting held ignored dropped ready posted",
    "posted": "sending reversed",
}

_PUSH_MOVES = {
    "intent": "sending awaiting uncertain accepted refused dropped",
    "sending": "awaiting uncertain accepted refused conflict intent",
    "awaiting": "uncertain accepted refused conflict",
    "uncertain": "sending awaiting accepted refused conflict intent",
    "conflict": "accepted dropped",
}


def upgrade() -> None:
    """Allow the moves from posted to ready, and of an accepted push to dropped."""
    _replace("posting", _POSTING_MOVES | {"posted": "sending reversed ready"})
    _replace("push", _PUSH_MOVES | {"accepted": "dropped"})


def downgrade() -> None:
    """Refuse these moves again."""
    _replace("posting", _POSTING_MOVES)
    _replace("push", _PUSH_MOVES)


def _replace(table: str, moves: Mapping[str, str]) -> None:
    """Create the trigger anew that refuses every move which is not in `moves`."""
    cases = " ".join(
        f"WHEN '{before}' THEN ' {after} ' LIKE '% ' || NEW.state || ' %'"
        for before, after in moves.items()
    )
    refused = f"OLD.state <> NEW.state AND NOT CASE OLD.state {cases} ELSE FALSE END"
    begin = f"CREATE TRIGGER {table}_moves BEFORE UPDATE OF state ON {table} FOR EACH ROW"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {table}_moves")
        words = f"a {table} never makes this move"
        op.execute(f"{begin} WHEN ({refused}) BEGIN SELECT RAISE(ABORT, '{words}'); END")
    else:
        op.execute(f"DROP TRIGGER {table}_moves ON {table}")
        op.execute(f"{begin} WHEN ({refused}) EXECUTE FUNCTION refuse_move()")
