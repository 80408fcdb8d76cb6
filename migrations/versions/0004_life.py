# ruff: noqa: E501, S608 - the texts are made of names of our own tables and columns
"""The life of a posting: what is read back, who stands in for whom, what was stopped.

Each part is a pair of functions in PARTS; they are added in order and taken away in reverse.
"""

import re
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")


def keep(table: str, *, later: tuple[str, ...] = ()) -> None:
    """Let a table refuse deletes and changes of what was written; the columns `later` are written
    once, all together, when the first of them is.
    """
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    refuse = f"BEGIN SELECT RAISE(ABORT, 'append-only: {table}'); END"
    act = "EXECUTE FUNCTION refuse_change()" if on_postgresql else refuse
    each = "FOR EACH ROW" if on_postgresql else ""
    names = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
    fixed = ", ".join(name for name in names if name not in later)
    op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {each} {act}")
    op.execute(f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OF {fixed} ON {table} {each} {act}")
    if later:
        when = f"WHEN (OLD.{later[0]} IS NOT NULL)"
        columns = ", ".join(later)
        op.execute(
            f"CREATE TRIGGER {table}_once BEFORE UPDATE OF {columns} ON {table} {each} {when} {act}"
        )


def _on_postgresql() -> bool:
    """Whether this is the server, not the file."""
    return op.get_bind().dialect.name == "postgresql"


def _add_chain() -> None:
    op.create_table(
        "event_link",
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("seq", WHOLE, autoincrement=False, nullable=False),
        sa.Column("event_id", WHOLE, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_event_link_company_id"),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name="fk_event_link_event_id"),
        sa.PrimaryKeyConstraint("company_id", "seq", name="pk_event_link"),
        sa.UniqueConstraint("event_id", name="uq_event_link_event_id"),
    )
    keep("event_link")


def _take_chain() -> None:
    op.drop_table("event_link")


def _add_breaker() -> None:
    recent = sa.Column("recent", sa.Text(), nullable=False, server_default="")
    opened = sa.Column("opened_at", MOMENT, nullable=True)
    for column in (recent, opened, sa.Column("quota_limit", WHOLE, nullable=True)):
        op.add_column("throttle", column)


def _take_breaker() -> None:
    for name in ("quota_limit", "opened_at", "recent"):
        op.drop_column("throttle", name)


def _add_access() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_api_token_company_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_api_token_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("token_hash", name="uq_api_token_token_hash"),
    )
    op.create_index("ix_api_token_company", "api_token", ["company_id", "id"])
    op.create_table(
        "deputy",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("deputy_id", WHOLE, nullable=False),
        sa.Column("from_at", MOMENT, nullable=False),
        sa.Column("until_at", MOMENT, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("named_at", MOMENT, nullable=False),
        sa.Column("named_by_id", WHOLE, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by_id", WHOLE, nullable=True),
        sa.CheckConstraint("deputy_id <> person_id", name="other"),
        sa.CheckConstraint("until_at > from_at", name="time"),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_deputy_company_id"),
        *(
            sa.ForeignKeyConstraint([name], ["person.id"], name=f"fk_deputy_{name}")
            for name in ("person_id", "deputy_id", "named_by_id", "ended_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_deputy"),
    )
    op.create_index("ix_deputy_deputy", "deputy", ["company_id", "deputy_id", "until_at"])
    keep("deputy", later=("ended_at", "ended_by_id"))


def _take_access() -> None:
    op.drop_table("deputy")
    op.drop_table("api_token")


def _add_desk() -> None:
    """Retries; releases and forms that can be taken back; no open hold without an owner."""
    belongs = ("record", "hold", "cause", "person")
    op.create_table(
        "retry",
        sa.Column("id", WHOLE, nullable=False),
        *(sa.Column(f"{name}_id", WHOLE, nullable=False) for name in belongs),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        *(
            sa.ForeignKeyConstraint([f"{name}_id"], [f"{name}.id"], name=f"fk_retry_{name}_id")
            for name in belongs
        ),
        sa.PrimaryKeyConstraint("id", name="pk_retry"),
    )
    op.create_index("ix_retry_record", "retry", ["record_id", "id"])
    keep("retry")
    for name, kind in UNDONE.items():
        _add_column("operation", name, kind)
    op.execute(
        "CREATE INDEX ix_operation_undo ON operation (person_id, undo_until)"
        " WHERE undo_until IS NOT NULL"
    )
    for name, kind in TAKEN_BACK.items():
        _add_column("release", name, kind)
    op.execute(
        "CREATE INDEX ix_release_operation ON release (operation_id) WHERE operation_id IS NOT NULL"
    )
    _unique_release(STANDING_ONLY)
    keep("release", later=("voided_at", "voided_by_id"))
    _give_owners()


def _take_desk() -> None:
    for statement in UNOWNED["postgresql" if _on_postgresql() else "sqlite"]:
        op.execute(statement)
    _unique_release("")
    op.drop_index("ix_release_operation", table_name="release")
    for name in TAKEN_BACK:
        op.drop_column("release", name)
    keep("release")
    op.drop_index("ix_operation_undo", table_name="operation")
    for name in UNDONE:
        op.drop_column("operation", name)
    op.drop_table("retry")


def _add_column(table: str, name: str, kind: str) -> None:
    """A column that may be empty; one that names a person or a company refers to it."""
    of = {"voided_by_id": "person", "company_id": "company"}.get(name)
    refers = f" CONSTRAINT fk_{table}_{name} REFERENCES {of} (id)" if of else ""
    moment = "TIMESTAMP WITH TIME ZONE" if _on_postgresql() else "TEXT"
    whole = "BIGINT" if _on_postgresql() else "INTEGER"
    word = {"moment": moment, "whole": whole}.get(kind, "TEXT")
    op.execute(f"ALTER TABLE {table} ADD COLUMN {name} {word}{refers}")


def _unique_release(standing: str) -> None:
    """Let a release be unique among those that stand, or among all; its triggers go.

    SQLite cannot drop a unique constraint, so there the rows move to a new table.
    """
    columns = "record_id, route, seq, code, cause_id, content_sha256"
    name = "uq_release_record_id_route_seq_code_cause_id_content_sha256"
    for trigger in ("no_delete", "no_change", "once"):
        word = f"release_{trigger}"
        op.execute(
            f"DROP TRIGGER IF EXISTS {word} ON release"
            if _on_postgresql()
            else f"DROP TRIGGER IF EXISTS {word}"
        )
    if not standing:
        op.execute("DROP INDEX uq_release_standing")
        op.execute("DELETE FROM release WHERE voided_at IS NOT NULL")
    if _on_postgresql():
        word = "DROP CONSTRAINT" if standing else "ADD CONSTRAINT"
        unique = "" if standing else f" UNIQUE ({columns})"
        op.execute(f"ALTER TABLE release {word} {name}{unique}")
    else:
        _new_release_table(f", CONSTRAINT {name} UNIQUE ({columns})", there=not standing)
    if standing:
        op.execute(f"CREATE UNIQUE INDEX uq_release_standing ON release ({columns}) {standing}")


def _new_release_table(constraint: str, *, there: bool) -> None:
    """The same table with or without a constraint; what speaks of it by name is left alone."""
    bind = op.get_bind()
    made = bind.execute(
        sa.text("SELECT sql FROM sqlite_master WHERE name = 'release'")
    ).scalar_one()
    indexes = bind.scalars(
        sa.text(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'release' AND type = 'index'"
            " AND sql IS NOT NULL"
        )
    ).all()
    op.execute("PRAGMA legacy_alter_table = ON")
    op.execute("ALTER TABLE release RENAME TO release_before")
    for index in bind.scalars(
        sa.text(
            "SELECT name FROM sqlite_master WHERE tbl_name = 'release_before'"
            " AND type = 'index' AND sql IS NOT NULL"
        )
    ).all():
        op.execute(f"DROP INDEX {index}")
    without = re.sub(r",\s*CONSTRAINT uq_release_\w+ UNIQUE \([^)]*\)", "", made)
    whole = without.rstrip()
    op.execute(f"{whole[:-1]}{constraint})" if there else without)
    op.execute("INSERT INTO release SELECT * FROM release_before")
    op.execute("DROP TABLE release_before")
    for statement in indexes:
        op.execute(statement)
    op.execute("PRAGMA legacy_alter_table = OFF")


def _give_owners() -> None:
    """What nobody owned goes to the first team of its company, which is made where none is."""
    op.execute(
        "INSERT INTO team (company_id, name, title) SELECT company.id, 'accounts', ''"
        " FROM company WHERE NOT EXISTS (SELECT 1 FROM team WHERE team.company_id = company.id)"
        " AND EXISTS (SELECT 1 FROM hold WHERE hold.company_id = company.id"
        " AND hold.state = 'open' AND hold.team_id IS NULL)"
    )
    op.execute(
        "UPDATE hold SET team_id ="
        " (SELECT min(team.id) FROM team WHERE team.company_id = hold.company_id)"
        " WHERE state = 'open' AND team_id IS NULL"
    )
    for statement in OWNED["postgresql" if _on_postgresql() else "sqlite"]:
        op.execute(statement)


UNDONE = {"company_id": "whole", "say": "text", "undo_until": "moment", "undone_at": "moment"}
TAKEN_BACK = {"operation_id": "text", "voided_at": "moment", "voided_by_id": "whole"}
STANDING_ONLY = "WHERE voided_at IS NULL"
OWNED = {
    "postgresql": (
        (
            "ALTER TABLE hold ADD CONSTRAINT ck_hold_owner"
            " CHECK (state <> 'open' OR team_id IS NOT NULL)"
        ),
    ),
    "sqlite": tuple(
        f"CREATE TRIGGER hold_owner_{word} BEFORE {when} ON hold"
        " WHEN NEW.state = 'open' AND NEW.team_id IS NULL"
        " BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: ck_hold_owner'); END"
        for word, when in (("new", "INSERT"), ("kept", "UPDATE OF state, team_id"))
    ),
}
UNOWNED = {
    "postgresql": ("ALTER TABLE hold DROP CONSTRAINT ck_hold_owner",),
    "sqlite": ("DROP TRIGGER hold_owner_new", "DROP TRIGGER hold_owner_kept"),
}


# Who may not say yes to the posting `p`: whoever entered or corrected the record, mapped a value of
# it after it came, wrote or published its rules. With the person who acts, whom they stand in for.
_WHO = "(NEW.person_id, NEW.for_person_id)"
_HANDS = f"""
  SELECT 1 FROM version v WHERE v.record_id = p.record_id AND v.person_id IN {_WHO}
  UNION ALL
  SELECT 1 FROM evaluation e JOIN ruleset_version w ON w.id = e.ruleset_version_id
   WHERE e.id = p.evaluation_id AND (w.author_id IN {_WHO} OR w.published_by_id IN {_WHO})
  UNION ALL
  SELECT 1 FROM posting_use u JOIN mapping_entry m ON m.id = u.entry_id
    JOIN version v ON v.id = p.version_id
   WHERE u.posting_id = p.id AND m.person_id IN {_WHO} AND m.at >= v.at
     AND m.from_revision NOT IN (
       SELECT w.revision FROM ruleset_version w WHERE w.company_id = p.company_id)
"""
# Nor whoever let a finding of that content pass, or agreed to the same content at another level.
_LETS_GO = f"""
  SELECT 1 FROM version v JOIN release r
      ON r.record_id = p.record_id AND r.content_sha256 = v.sha256
   WHERE v.id = p.version_id AND r.voided_at IS NULL
     AND (r.person_id IN {_WHO} OR r.for_person_id IN {_WHO})
  UNION ALL
  SELECT 1 FROM approval a
   WHERE a.posting_id = p.id AND a.voided_at IS NULL AND a.hash = NEW.hash
     AND a.level <> NEW.level AND (a.person_id IN {_WHO} OR a.for_person_id IN {_WHO})
"""
_OWN_HAND = {
    "approval": f"""EXISTS (SELECT 1 FROM posting p
 WHERE p.id = NEW.posting_id AND EXISTS ({_HANDS} UNION ALL {_LETS_GO}))""",
    "release": f"""NEW.kind IN ('release', 'reject') AND EXISTS (SELECT 1 FROM posting p
 WHERE p.record_id = NEW.record_id AND p.route = NEW.route AND p.seq = NEW.seq
   AND EXISTS ({_HANDS}))""",
}

# What the first schema said, for the way back.
_HAND_BEFORE = """EXISTS (
  SELECT 1 FROM posting p JOIN version v ON v.record_id = p.record_id
   WHERE p.id = NEW.posting_id AND v.corrects_id IS NOT NULL AND v.person_id = NEW.person_id
  UNION ALL
  SELECT 1 FROM posting p JOIN version v ON v.id = p.version_id
    JOIN release r ON r.record_id = p.record_id AND r.content_sha256 = v.sha256
   WHERE p.id = NEW.posting_id AND r.person_id = NEW.person_id
  UNION ALL
  SELECT 1 FROM posting p JOIN evaluation e ON e.id = p.evaluation_id
    JOIN ruleset_version w ON w.id = e.ruleset_version_id
   WHERE p.id = NEW.posting_id AND NEW.person_id IN (w.author_id, w.published_by_id)
  UNION ALL
  SELECT 1 FROM posting p JOIN version v ON v.id = p.version_id
    JOIN posting_use u ON u.posting_id = p.id JOIN mapping_entry m ON m.id = u.entry_id
   WHERE p.id = NEW.posting_id AND m.person_id = NEW.person_id AND m.at >= v.at
     AND m.from_revision NOT IN (SELECT w.revision FROM ruleset_version w WHERE w.company_id = p.company_id)
)"""
_DUTIES_BEFORE = {
    "postgresql": (
        f"""
CREATE FUNCTION refuse_own_hand() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF {_HAND_BEFORE} THEN
    RAISE EXCEPTION 'duties kept apart: approval' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$
""",
        "CREATE TRIGGER approval_duties BEFORE INSERT ON approval FOR EACH ROW EXECUTE FUNCTION refuse_own_hand()",
    ),
    "sqlite": (
        f"CREATE TRIGGER approval_duties BEFORE INSERT ON approval WHEN {_HAND_BEFORE} BEGIN SELECT RAISE(ABORT, 'duties kept apart: approval'); END",
    ),
}


def _add_duties() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    op.execute(f"DROP TRIGGER approval_duties{' ON approval' if on_postgresql else ''}")
    if on_postgresql:
        op.execute("DROP FUNCTION refuse_own_hand()")
    for table, own_hand in _OWN_HAND.items():
        kind = WHOLE.compile(dialect=op.get_bind().dialect)
        name = f"fk_{table}_for_person_id"
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN for_person_id {kind}"
            f" CONSTRAINT {name} REFERENCES person (id)"
        )
        before = f"CREATE TRIGGER {table}_duties BEFORE INSERT ON {table}"
        fixed = f"CREATE TRIGGER {table}_keeps_for BEFORE UPDATE OF for_person_id ON {table}"
        if on_postgresql:
            op.execute(
                f"CREATE FUNCTION refuse_hand_{table}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
                f"BEGIN IF {own_hand} THEN RAISE EXCEPTION 'duties kept apart: {table}'"
                " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
            )
            op.execute(f"{before} FOR EACH ROW EXECUTE FUNCTION refuse_hand_{table}()")
            op.execute(f"{fixed} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        else:
            refuse = f"SELECT RAISE(ABORT, 'duties kept apart: {table}')"
            op.execute(f"{before} WHEN {own_hand} BEGIN {refuse}; END")
            op.execute(f"{fixed} BEGIN SELECT RAISE(ABORT, 'append-only: {table}'); END")


def _take_duties() -> None:
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in _OWN_HAND:
        for name in (f"{table}_duties", f"{table}_keeps_for"):
            op.execute(f"DROP TRIGGER {name}{f' ON {table}' if on_postgresql else ''}")
        if on_postgresql:
            op.execute(f"DROP FUNCTION refuse_hand_{table}()")
        op.execute(f"ALTER TABLE {table} DROP COLUMN for_person_id")
    for statement in _DUTIES_BEFORE[op.get_bind().dialect.name]:
        op.execute(statement)


WATCH = "state = 'posted' AND read_due_at IS NOT NULL"
_WATCHED = ("read_due_at", "reading_id", "e_invoice_at")


def _read_index(*columns: str, where: str) -> None:
    """The index by which the plan of readings is kept."""
    op.drop_index("ix_posting_read", "posting")
    on = {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}
    op.create_index("ix_posting_read", "posting", ["connection_id", *columns, "id"], **on)


def _add_reading() -> None:
    op.create_table(
        "reading",
        sa.Column("id", WHOLE, autoincrement=True, nullable=False),
        sa.Column("posting_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("same", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('standing', 'alike')", name="ck_reading_kind"),
        sa.ForeignKeyConstraint(["posting_id"], ["posting.id"], name="fk_reading_posting_id"),
        sa.PrimaryKeyConstraint("id", name="pk_reading"),
    )
    op.create_index("ix_reading_posting", "reading", ["posting_id", "id"])
    keep("reading")
    op.add_column("posting", sa.Column("read_due_at", MOMENT, nullable=True))
    op.add_column("posting", sa.Column("reading_id", WHOLE, nullable=True))
    op.add_column("posting", sa.Column("e_invoice_at", MOMENT, nullable=True))
    _read_index("read_due_at", where=WATCH)
    op.execute("UPDATE posting SET read_due_at = posted_at WHERE state = 'posted'")


def _take_reading() -> None:
    _read_index("read_at", where="state = 'posted'")
    for name in reversed(_WATCHED):
        op.drop_column("posting", name)
    op.drop_table("reading")


def _add_route_stop() -> None:
    moments, people = ("stopped_at", "kept_at", "resumed_at"), ("kept_by_id", "resumed_by_id")
    op.create_table(
        "route_stop",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("records", WHOLE, nullable=False),
        sa.Column("book", WHOLE, nullable=False),
        sa.Column("most_records", WHOLE, nullable=True),
        sa.Column("most_book", WHOLE, nullable=True),
        *(sa.Column(name, MOMENT, nullable=True) for name in moments),
        *(sa.Column(name, WHOLE, nullable=True) for name in people),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("kept_why", "resumed_why")),
        sa.CheckConstraint(
            "state IN ('counting', 'stopped', 'resumed')", name="ck_route_stop_state"
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name="fk_route_stop_company_id"),
        *(
            sa.ForeignKeyConstraint([name], ["person.id"], name=f"fk_route_stop_{name}")
            for name in people
        ),
        sa.PrimaryKeyConstraint("id", name="pk_route_stop"),
        sa.UniqueConstraint(
            "company_id", "route", "revision", name="uq_route_stop_company_id_route_revision"
        ),
    )
    where = sa.text("state = 'stopped'")
    op.create_index(
        "ix_route_stop_open",
        "route_stop",
        ["company_id", "route"],
        sqlite_where=where,
        postgresql_where=where,
    )


def _take_route_stop() -> None:
    op.drop_table("route_stop")


PARTS: tuple[tuple[Callable[[], None], Callable[[], None]], ...] = (
    (_add_chain, _take_chain),
    (_add_breaker, _take_breaker),
    (_add_access, _take_access),
    (_add_desk, _take_desk),  # before what adds to releases
    (_add_duties, _take_duties),
    (_add_reading, _take_reading),
    (_add_route_stop, _take_route_stop),
)


def upgrade() -> None:
    """Add every part."""
    for add, _ in PARTS:
        add()


def downgrade() -> None:
    """Take them away, the last one first."""
    for _, take_away in reversed(PARTS):
        take_away()
