"""The database refuses a move from one known state to another that nothing may make.

The lists are those of the day of this migration. The product's own stand in one place
(holding/platform/states.py), and a test compares both: who changes those adds a migration here.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

PLANNED = "waiting held ignored dropped ready"
ENDS = "posted reversed failed ready"
MOVES = {
    "posting": {
        "waiting": PLANNED,
        "held": f"{PLANNED} posted",
        "ignored": PLANNED,
        "dropped": PLANNED,
        "ready": f"{PLANNED} sending failed",
        "sending": f"{ENDS} awaiting uncertain",
        "awaiting": f"{ENDS} uncertain",
        "uncertain": f"{ENDS} sending awaiting",
        "failed": f"{PLANNED} posted",
        "posted": "sending reversed",
    },
    "push": {
        "intent": "sending awaiting uncertain accepted refused dropped",
        "sending": "awaiting uncertain accepted refused conflict intent",
        "awaiting": "uncertain accepted refused conflict",
        "uncertain": "sending awaiting accepted refused conflict intent",
        "conflict": "accepted dropped",
    },
    "hold": {"open": "cleared released approved"},
}
FUNCTION = """
CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
 RAISE EXCEPTION 'a % never goes from % to %', TG_TABLE_NAME, OLD.state, NEW.state
  USING ERRCODE = 'check_violation';
END $$
"""


def upgrade() -> None:
    """Add a trigger to each table that has a list of moves; to stay as it is, is no move."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:
        op.execute(FUNCTION)
    for table, moves in MOVES.items():
        ways = [f"WHEN '{a}' THEN ' {b} ' LIKE '% ' || NEW.state || ' %'" for a, b in moves.items()]
        known = f"CASE OLD.state {' '.join(ways)} ELSE FALSE END"  # IN makes a table for each row
        when = f"WHEN (OLD.state <> NEW.state AND NOT {known})"
        refuse = f"BEGIN SELECT RAISE(ABORT, 'a {table} never makes this move'); END"
        then = "FOR EACH ROW" if on_postgresql else ""
        act = "EXECUTE FUNCTION refuse_move()" if on_postgresql else refuse
        op.execute(
            f"CREATE TRIGGER {table}_moves BEFORE UPDATE OF state ON {table} {then} {when} {act}"
        )


def downgrade() -> None:
    """Take the triggers away."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in MOVES:
        op.execute(f"DROP TRIGGER {table}_moves{f' ON {table}' if on_postgresql else ''}")
    if on_postgresql:
        op.execute("DROP FUNCTION refuse_move()")
