# ruff: noqa: E501 - conditions of indexes stand on one line
"""The first schema: all tables, triggers that keep what is written once as it was written, and one
that refuses an approval by who had a hand in what is approved.

A name after the table in APPEND_ONLY lists the columns that may change later; PURGED columns may only be emptied.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")

APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "revision": (),
    "ruleset_version": (),
    "rule_file": (),
    "evaluation": ("facts",),
    "release": (),
    "note": (),
    "event": (),
    "posting_line": (),
    "version": ("body",),
    "approval": ("voided_at", "voided_by_id", "voided_fields"),
    "mapping_entry": ("to_revision",),
    "snapshot_item": ("to_revision",),
    "attempt": ("state", "error_class", "error", "target_ref", "proof"),
}
ONCE = {
    "evaluation": "NEW.facts IS NOT NULL",
    "version": "NEW.body IS NOT NULL",
    "approval": "OLD.voided_at IS NOT NULL",
    "mapping_entry": "OLD.to_revision IS NOT NULL",
    "snapshot_item": "OLD.to_revision IS NOT NULL",
}
REFUSE_FUNCTION = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'append-only: %', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$
"""

OWN_HAND = """EXISTS (
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
DUTIES = {
    "postgresql": (
        f"""
CREATE FUNCTION refuse_own_hand() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
  IF {OWN_HAND} THEN
    RAISE EXCEPTION 'duties kept apart: approval' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$
""",
        "CREATE TRIGGER approval_duties BEFORE INSERT ON approval FOR EACH ROW EXECUTE FUNCTION refuse_own_hand()",
    ),
    "sqlite": (
        f"CREATE TRIGGER approval_duties BEFORE INSERT ON approval WHEN {OWN_HAND} BEGIN SELECT RAISE(ABORT, 'duties kept apart: approval'); END",
    ),
}


def triggers(table: str, bind: sa.Connection) -> list[str]:
    """Statements that make a table refuse deletes, changes of its fixed columns, and a second change of the others."""
    if bind.dialect.name == "postgresql":
        refuse, each = "EXECUTE FUNCTION refuse_change()", "FOR EACH ROW"
    else:
        refuse, each = f"BEGIN SELECT RAISE(ABORT, 'append-only: {table}'); END", ""
    free = APPEND_ONLY[table]
    fixed = ", ".join(
        c["name"] for c in sa.inspect(bind).get_columns(table) if c["name"] not in free
    )
    made = [
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {each} {refuse}",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OF {fixed} ON {table} {each} {refuse}",
    ]
    if table in ONCE:
        columns = ", ".join(free)
        made.append(
            f"CREATE TRIGGER {table}_once BEFORE UPDATE OF {columns} ON {table} {each} WHEN ({ONCE[table]}) {refuse}"
        )
    return made


def upgrade() -> None:
    for create in TABLES.values():
        create()
    if op.get_bind().dialect.name == "postgresql":
        op.execute(REFUSE_FUNCTION)
    for table in APPEND_ONLY:
        for statement in triggers(table, op.get_bind()):
            op.execute(statement)
    for statement in DUTIES[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
        op.execute("DROP FUNCTION refuse_own_hand()")


def _company() -> None:
    op.create_table(
        "company",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("ruleset_version_id", WHOLE, nullable=True),
        sa.Column("linked_version_id", WHOLE, nullable=True),
        sa.Column("rules_revision", WHOLE, nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("lock", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company")),
        sa.UniqueConstraint("code", name=op.f("uq_company_code")),
    )


def _person() -> None:
    op.create_table(
        "person",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("totp", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
    )


def _singleton() -> None:
    op.create_table(
        "singleton",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("fence", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_singleton")),
    )


def _change() -> None:
    op.create_table(
        "change",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("no", WHOLE, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("base_id", WHOLE, nullable=True),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("author_id", WHOLE, nullable=True),
        sa.Column("checked_hash", sa.Text(), nullable=True),
        sa.Column("backtest_run_id", WHOLE, nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("lock", WHOLE, nullable=False),
        sa.CheckConstraint(
            "\"state\" IN ('draft', 'review', 'published', 'closed')", name=op.f("ck_change_state")
        ),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_change_author_id")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_change_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
        sa.UniqueConstraint("company_id", "no", name=op.f("uq_change_company_id_no")),
    )


def _connection() -> None:
    op.create_table(
        "connection",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("paused_at", MOMENT, nullable=True),
        sa.Column("paused_by_id", WHOLE, nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("pause_until", MOMENT, nullable=True),
        sa.Column("key_id", WHOLE, nullable=True),
        sa.Column("lock", WHOLE, nullable=False),
        sa.CheckConstraint("\"side\" IN ('source', 'target')", name=op.f("ck_connection_side")),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_connection_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["paused_by_id"], ["person.id"], name=op.f("fk_connection_paused_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
        sa.UniqueConstraint("company_id", "name", name=op.f("uq_connection_company_id_name")),
    )


def _membership() -> None:
    op.create_table(
        "membership",
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("granted_by_id", WHOLE, nullable=True),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_membership_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["granted_by_id"], ["person.id"], name=op.f("fk_membership_granted_by_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_membership_person_id")),
        sa.PrimaryKeyConstraint("company_id", "person_id", "role", name=op.f("pk_membership")),
    )
    op.create_index(op.f("ix_membership_person_id"), "membership", ["person_id"], unique=False)


def _operation() -> None:
    op.create_table(
        "operation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_operation_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
    )


def _revision() -> None:
    op.create_table(
        "revision",
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("no", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("what", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "\"kind\" IN ('rules', 'mapping', 'unit', 'snapshot', 'connection', 'setting')",
            name=op.f("ck_revision_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_revision_company_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_revision_person_id")),
        sa.PrimaryKeyConstraint("company_id", "no", name=op.f("pk_revision")),
    )


def _schedule() -> None:
    op.create_table(
        "schedule",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_schedule_company_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
        sa.UniqueConstraint("company_id", "route", name=op.f("uq_schedule_company_id_route")),
    )
    op.create_index(
        "ix_schedule_next",
        "schedule",
        ["next_at"],
        unique=False,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )


def _session() -> None:
    op.create_table(
        "session",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("step_up_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_session_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_person_id"), "session", ["person_id"], unique=False)


def _team() -> None:
    op.create_table(
        "team",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_team_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("company_id", "name", name=op.f("uq_team_company_id_name")),
    )


def _cause() -> None:
    op.create_table(
        "cause",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("team_id", WHOLE, nullable=True),
        sa.Column("table_name", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("changed_revision", WHOLE, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("records", WHOLE, nullable=False),
        sa.Column("book", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_cause_company_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_cause_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cause")),
        sa.UniqueConstraint("company_id", "key", name=op.f("uq_cause_company_id_key")),
    )
    op.create_index(
        "ix_cause_class",
        "cause",
        ["company_id", "class", "book", "id"],
        unique=False,
        sqlite_where=sa.text("records > 0"),
        postgresql_where=sa.text("records > 0"),
    )
    op.create_index(
        "ix_cause_live",
        "cause",
        ["company_id", "book", "id"],
        unique=False,
        sqlite_where=sa.text("records > 0"),
        postgresql_where=sa.text("records > 0"),
    )
    op.create_index(
        "ix_cause_team",
        "cause",
        ["company_id", "team_id", "book", "id"],
        unique=False,
        sqlite_where=sa.text("records > 0"),
        postgresql_where=sa.text("records > 0"),
    )


def _change_file() -> None:
    op.create_table(
        "change_file",
        sa.Column("change_id", WHOLE, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(
            ["change_id"], ["change.id"], name=op.f("fk_change_file_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_change_file_person_id")
        ),
        sa.PrimaryKeyConstraint("change_id", "path", name=op.f("pk_change_file")),
    )


def _connection_key() -> None:
    op.create_table(
        "connection_key",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("no", WHOLE, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("tail", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("made_by_id", WHOLE, nullable=True),
        sa.Column("keep_until", MOMENT, nullable=True),
        sa.CheckConstraint(
            "\"state\" IN ('new', 'active', 'old', 'disabled')",
            name=op.f("ck_connection_key_state"),
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_connection_key_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["person.id"], name=op.f("fk_connection_key_made_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_key")),
        sa.UniqueConstraint("connection_id", "no", name=op.f("uq_connection_key_connection_id_no")),
    )
    op.create_index(
        "uq_connection_key_active",
        "connection_key",
        ["connection_id"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )


def _mapping_table() -> None:
    op.create_table(
        "mapping_table",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("team_id", WHOLE, nullable=True),
        sa.CheckConstraint("\"kind\" IN ('map', 'unit')", name=op.f("ck_mapping_table_kind")),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_mapping_table_company_id")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_mapping_table_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_table")),
        sa.UniqueConstraint("company_id", "name", name=op.f("uq_mapping_table_company_id_name")),
    )


def _record() -> None:
    op.create_table(
        "record",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("source_id", WHOLE, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("family", WHOLE, nullable=False),
        sa.Column("version_id", WHOLE, nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("party_key", sa.Text(), nullable=False),
        sa.Column("branch", sa.Text(), nullable=False),
        sa.Column("doc_date", sa.Date(), nullable=True),
        sa.Column("amount", WHOLE, nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("book", WHOLE, nullable=True),
        sa.Column("priority", WHOLE, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("lock", WHOLE, nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("fence", WHOLE, server_default="0", nullable=False),
        sa.Column("crashes", WHOLE, server_default="0", nullable=False),
        sa.CheckConstraint(
            "\"state\" IN ('received', 'uncertain', 'failed', 'held', 'sending', 'awaiting', 'ready', 'waiting', 'posted', 'reversed', 'dropped', 'ignored')",
            name=op.f("ck_record_state"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_record_company_id")),
        sa.ForeignKeyConstraint(["source_id"], ["connection.id"], name=op.f("fk_record_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
        sa.UniqueConstraint(
            "source_id", "type", "external_id", name=op.f("uq_record_source_id_type_external_id")
        ),
    )
    op.create_index(
        "ix_record_due",
        "record",
        ["company_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL AND lease_until IS NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL AND lease_until IS NULL"),
    )
    op.create_index("ix_record_family", "record", ["company_id", "family"], unique=False)
    op.create_index(
        "ix_record_lease",
        "record",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("lease_until IS NOT NULL"),
        postgresql_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index("ix_record_number", "record", ["company_id", "number"], unique=False)
    op.create_index(
        "ix_record_open",
        "record",
        ["company_id", "state", "id"],
        unique=False,
        sqlite_where=sa.text("state NOT IN ('posted', 'reversed', 'dropped', 'ignored')"),
        postgresql_where=sa.text("state NOT IN ('posted', 'reversed', 'dropped', 'ignored')"),
    )
    op.create_index(
        "ix_record_party", "record", ["company_id", "party_key", "seen_at"], unique=False
    )
    op.create_index("ix_record_seen", "record", ["company_id", "seen_at", "id"], unique=False)


def _ruleset_version() -> None:
    op.create_table(
        "ruleset_version",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("no", WHOLE, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("change_id", WHOLE, nullable=True),
        sa.Column("author_id", WHOLE, nullable=True),
        sa.Column("published_by_id", WHOLE, nullable=True),
        sa.Column("published_at", MOMENT, nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["author_id"], ["person.id"], name=op.f("fk_ruleset_version_author_id")
        ),
        sa.ForeignKeyConstraint(
            ["change_id"], ["change.id"], name=op.f("fk_ruleset_version_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_ruleset_version_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["published_by_id"], ["person.id"], name=op.f("fk_ruleset_version_published_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ruleset_version")),
        sa.UniqueConstraint("company_id", "no", name=op.f("uq_ruleset_version_company_id_no")),
        sa.CheckConstraint("author_id <> published_by_id", name=op.f("ck_ruleset_version_duties")),
    )


def _run() -> None:
    op.create_table(
        "run",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("connection_id", WHOLE, nullable=True),
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("doc_type", sa.Text(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("filter", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done", WHOLE, nullable=False),
        sa.Column("total", WHOLE, nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("fence", WHOLE, server_default="0", nullable=False),
        sa.Column("crashes", WHOLE, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_run_company_id")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_run_connection_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_run_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_index("ix_run_company", "run", ["company_id", "id"], unique=False)
    op.create_index(
        "ix_run_due",
        "run",
        ["company_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL AND lease_until IS NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL AND lease_until IS NULL"),
    )
    op.create_index("ix_run_pill", "run", ["connection_id", "doc_type", "id"], unique=False)
    op.create_index(
        "uq_run_daily",
        "run",
        ["company_id", "route", "day"],
        unique=True,
        sqlite_where=sa.text("kind = 'daily'"),
        postgresql_where=sa.text("kind = 'daily'"),
    )


def _snapshot() -> None:
    op.create_table(
        "snapshot",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("checked_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_snapshot_connection_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("connection_id", "kind", name=op.f("uq_snapshot_connection_id_kind")),
    )


def _team_member() -> None:
    op.create_table(
        "team_member",
        sa.Column("team_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_team_member_person_id")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_team_member_team_id")),
        sa.PrimaryKeyConstraint("team_id", "person_id", name=op.f("pk_team_member")),
    )
    op.create_index(op.f("ix_team_member_person_id"), "team_member", ["person_id"], unique=False)


def _throttle() -> None:
    op.create_table(
        "throttle",
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("tokens", WHOLE, nullable=False),
        sa.Column("filled_at", MOMENT, nullable=True),
        sa.Column("breaker", sa.Text(), nullable=False),
        sa.Column("failures", WHOLE, nullable=False),
        sa.Column("open_until", MOMENT, nullable=True),
        sa.Column("quota_month", sa.Text(), nullable=True),
        sa.Column("quota_used", WHOLE, nullable=False),
        sa.CheckConstraint(
            "\"breaker\" IN ('closed', 'open', 'half_open')", name=op.f("ck_throttle_breaker")
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_throttle_connection_id")
        ),
        sa.PrimaryKeyConstraint("connection_id", name=op.f("pk_throttle")),
    )


def _link_key() -> None:
    op.create_table(
        "link_key",
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_link_key_company_id")
        ),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_link_key_record_id")),
        sa.PrimaryKeyConstraint(
            "company_id", "name", "value", "record_id", name=op.f("pk_link_key")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_link_key_record_id"), "link_key", ["record_id"], unique=False)


def _mapping_entry() -> None:
    op.create_table(
        "mapping_entry",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("table_id", WHOLE, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("num", WHOLE, nullable=True),
        sa.Column("den", WHOLE, nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("from_revision", WHOLE, nullable=False),
        sa.Column("to_revision", WHOLE, nullable=True),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_mapping_entry_person_id")
        ),
        sa.ForeignKeyConstraint(
            ["table_id"], ["mapping_table.id"], name=op.f("fk_mapping_entry_table_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_entry")),
        sa.UniqueConstraint(
            "table_id",
            "key",
            "valid_from",
            "from_revision",
            name=op.f("uq_mapping_entry_table_id_key_valid_from_from_revision"),
        ),
    )
    op.create_index("ix_mapping_entry_value", "mapping_entry", ["table_id", "value"], unique=False)
    op.create_index(
        "uq_mapping_entry_now",
        "mapping_entry",
        ["table_id", "key", "valid_from"],
        unique=True,
        sqlite_where=sa.text("to_revision IS NULL"),
        postgresql_where=sa.text("to_revision IS NULL"),
    )


def _release() -> None:
    op.create_table(
        "release",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("cause_id", WHOLE, nullable=False),
        sa.Column("content_sha256", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["cause_id"], ["cause.id"], name=op.f("fk_release_cause_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_release_person_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_release_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release")),
        sa.UniqueConstraint(
            "record_id",
            "route",
            "seq",
            "code",
            "cause_id",
            "content_sha256",
            name=op.f("uq_release_record_id_route_seq_code_cause_id_content_sha256"),
        ),
    )


def _request() -> None:
    op.create_table(
        "request",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("run_id", WHOLE, nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("key_id", WHOLE, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("rows", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("deadline_at", MOMENT, nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("status", WHOLE, nullable=True),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("answer_sha256", sa.Text(), nullable=True),
        sa.Column("parent_id", WHOLE, nullable=True),
        sa.CheckConstraint(
            "\"kind\" IN ('push', 'lookup', 'poll', 'read')", name=op.f("ck_request_kind")
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_request_connection_id")
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["request.id"], name=op.f("fk_request_parent_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_request_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
    )
    op.create_index("ix_request_connection", "request", ["connection_id", "id"], unique=False)
    op.create_index("ix_request_key", "request", ["connection_id", "key"], unique=False)
    op.create_index("ix_request_run", "request", ["run_id"], unique=False)


def _rule_file() -> None:
    op.create_table(
        "rule_file",
        sa.Column("ruleset_version_id", WHOLE, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ruleset_version_id"],
            ["ruleset_version.id"],
            name=op.f("fk_rule_file_ruleset_version_id"),
        ),
        sa.PrimaryKeyConstraint("ruleset_version_id", "path", name=op.f("pk_rule_file")),
    )


def _snapshot_item() -> None:
    op.create_table(
        "snapshot_item",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("snapshot_id", WHOLE, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("from_revision", WHOLE, nullable=False),
        sa.Column("to_revision", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["snapshot.id"], name=op.f("fk_snapshot_item_snapshot_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot_item")),
        sa.UniqueConstraint(
            "snapshot_id",
            "code",
            "from_revision",
            name=op.f("uq_snapshot_item_snapshot_id_code_from_revision"),
        ),
    )
    op.create_index(
        "uq_snapshot_item_now",
        "snapshot_item",
        ["snapshot_id", "code"],
        unique=True,
        sqlite_where=sa.text("to_revision IS NULL"),
        postgresql_where=sa.text("to_revision IS NULL"),
    )


def _upload() -> None:
    op.create_table(
        "upload",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("source_id", WHOLE, nullable=False),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("run_id", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_upload_company_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_upload_person_id")),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_upload_run_id")),
        sa.ForeignKeyConstraint(["source_id"], ["connection.id"], name=op.f("fk_upload_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    op.create_index("ix_upload_sha256", "upload", ["company_id", "sha256"], unique=False)


def _delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("source_id", WHOLE, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("times", WHOLE, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("upload_id", WHOLE, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("fence", WHOLE, server_default="0", nullable=False),
        sa.Column("crashes", WHOLE, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["company.id"], name=op.f("fk_delivery_company_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["connection.id"], name=op.f("fk_delivery_source_id")
        ),
        sa.ForeignKeyConstraint(["upload_id"], ["upload.id"], name=op.f("fk_delivery_upload_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("source_id", "key", name=op.f("uq_delivery_source_id_key")),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["company_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_delivery_lease",
        "delivery",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("lease_until IS NOT NULL"),
        postgresql_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index("ix_delivery_sha256", "delivery", ["source_id", "sha256"], unique=False)


def _version() -> None:
    op.create_table(
        "version",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("no", WHOLE, nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("stamp", sa.Text(), nullable=True),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("delivery_id", WHOLE, nullable=True),
        sa.Column("corrects_id", WHOLE, nullable=True),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["corrects_id"], ["version.id"], name=op.f("fk_version_corrects_id")
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_version_delivery_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_version_person_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_version_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
        sa.UniqueConstraint("record_id", "no", name=op.f("uq_version_record_id_no")),
    )
    op.create_index(op.f("ix_version_delivery_id"), "version", ["delivery_id"], unique=False)
    op.create_index(
        "uq_version_stamp",
        "version",
        ["record_id", "stamp", "sha256"],
        unique=True,
        sqlite_where=sa.text("stamp IS NOT NULL AND corrects_id IS NULL"),
        postgresql_where=sa.text("stamp IS NOT NULL AND corrects_id IS NULL"),
    )


def _evaluation() -> None:
    op.create_table(
        "evaluation",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("version_id", WHOLE, nullable=False),
        sa.Column("ruleset_version_id", WHOLE, nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("facts", sa.Text(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("valid_until", MOMENT, nullable=True),
        sa.Column("fence", WHOLE, nullable=False),
        sa.Column("run_id", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_evaluation_record_id")),
        sa.ForeignKeyConstraint(
            ["ruleset_version_id"],
            ["ruleset_version.id"],
            name=op.f("fk_evaluation_ruleset_version_id"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_evaluation_run_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_evaluation_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation")),
        sa.UniqueConstraint("record_id", "fence", name=op.f("uq_evaluation_record_id_fence")),
    )


def _posting() -> None:
    op.create_table(
        "posting",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("family", WHOLE, nullable=False),
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("doc_type", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("version_id", WHOLE, nullable=False),
        sa.Column("evaluation_id", WHOLE, nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("amount", WHOLE, nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("book", WHOLE, nullable=True),
        sa.Column("doc_date", sa.Date(), nullable=True),
        sa.Column("party", sa.Text(), nullable=False),
        sa.Column("reverses_id", WHOLE, nullable=True),
        sa.Column("push_id", WHOLE, nullable=True),
        sa.Column("posted_push_id", WHOLE, nullable=True),
        sa.Column("target_ref", sa.Text(), nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("posted_at", MOMENT, nullable=True),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.Column("tries", WHOLE, server_default="0", nullable=False),
        sa.Column("waits", sa.Text(), nullable=True),
        sa.Column("lock", WHOLE, server_default="0", nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("fence", WHOLE, server_default="0", nullable=False),
        sa.Column("crashes", WHOLE, server_default="0", nullable=False),
        sa.CheckConstraint(
            "\"action\" IN ('create', 'update', 'void')", name=op.f("ck_posting_action")
        ),
        sa.CheckConstraint(
            "\"state\" IN ('waiting', 'held', 'ignored', 'dropped', 'ready', 'sending', 'awaiting', 'uncertain', 'failed', 'posted', 'reversed')",
            name=op.f("ck_posting_state"),
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_posting_company_id")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_posting_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluation.id"], name=op.f("fk_posting_evaluation_id")
        ),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_posting_record_id")),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["posting.id"], name=op.f("fk_posting_reverses_id")
        ),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_posting_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting")),
        sa.UniqueConstraint(
            "record_id", "route", "seq", name=op.f("uq_posting_record_id_route_seq")
        ),
    )
    op.create_index(
        "ix_posting_day",
        "posting",
        ["company_id", "connection_id", "doc_type", "doc_date"],
        unique=False,
    )
    op.create_index(
        "ix_posting_due",
        "posting",
        ["connection_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL AND lease_until IS NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL AND lease_until IS NULL"),
    )
    op.create_index(
        "ix_posting_lease",
        "posting",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("lease_until IS NOT NULL"),
        postgresql_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index("ix_posting_number", "posting", ["company_id", "number"], unique=False)
    op.create_index(
        "ix_posting_open",
        "posting",
        ["company_id", "state", "connection_id", "doc_type", "doc_date"],
        unique=False,
        sqlite_where=sa.text("state NOT IN ('posted', 'reversed', 'dropped', 'ignored')"),
        postgresql_where=sa.text("state NOT IN ('posted', 'reversed', 'dropped', 'ignored')"),
    )
    op.create_index(
        "ix_posting_read",
        "posting",
        ["connection_id", "read_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'posted'"),
        postgresql_where=sa.text("state = 'posted'"),
    )
    op.create_index("ix_posting_reverses", "posting", ["reverses_id"], unique=False)
    op.create_index(
        "uq_posting_sent",
        "posting",
        ["connection_id", "doc_type", "number"],
        unique=True,
        sqlite_where=sa.text("sent_at IS NOT NULL"),
        postgresql_where=sa.text("sent_at IS NOT NULL"),
    )


def _approval() -> None:
    op.create_table(
        "approval",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("posting_id", WHOLE, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=True),
        sa.Column("voided_at", MOMENT, nullable=True),
        sa.Column("voided_by_id", WHOLE, nullable=True),
        sa.Column("voided_fields", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_approval_person_id")),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["posting.id"], name=op.f("fk_approval_posting_id")
        ),
        sa.ForeignKeyConstraint(
            ["voided_by_id"], ["person.id"], name=op.f("fk_approval_voided_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index("ix_approval_operation", "approval", ["operation_id"], unique=False)
    op.create_index("ix_approval_posting", "approval", ["posting_id"], unique=False)
    op.create_index(
        "uq_approval_standing",
        "approval",
        ["posting_id", "level"],
        unique=True,
        sqlite_where=sa.text("voided_at IS NULL"),
        postgresql_where=sa.text("voided_at IS NULL"),
    )


def _event() -> None:
    op.create_table(
        "event",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("record_id", WHOLE, nullable=True),
        sa.Column("posting_id", WHOLE, nullable=True),
        sa.Column("object", sa.Text(), nullable=True),
        sa.Column("fence", WHOLE, nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("operation_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_event_company_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_event_person_id")),
        sa.ForeignKeyConstraint(["posting_id"], ["posting.id"], name=op.f("fk_event_posting_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_event_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_company", "event", ["company_id", "id"], unique=False)
    op.create_index("ix_event_record", "event", ["record_id", "id"], unique=False)


def _hold() -> None:
    op.create_table(
        "hold",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("company_id", WHOLE, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("posting_id", WHOLE, nullable=True),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("seq", WHOLE, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("cause_id", WHOLE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("at_rule", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("would_pass", sa.Text(), nullable=False),
        sa.Column("clears", sa.Text(), nullable=False),
        sa.Column("revision", WHOLE, nullable=False),
        sa.Column("team_id", WHOLE, nullable=True),
        sa.Column("person_id", WHOLE, nullable=True),
        sa.Column("answer_by", MOMENT, nullable=False),
        sa.Column("snoozed_until", MOMENT, nullable=True),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.Column("closed_by_id", WHOLE, nullable=True),
        sa.Column("closed_why", sa.Text(), nullable=True),
        sa.Column("opened_evaluation_id", WHOLE, nullable=True),
        sa.Column("closed_evaluation_id", WHOLE, nullable=True),
        sa.Column("lock", WHOLE, nullable=False),
        sa.Column("book", WHOLE, nullable=True),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("party_key", sa.Text(), nullable=False),
        sa.Column("doc_type", sa.Text(), nullable=False),
        sa.Column("doc_date", sa.Date(), nullable=True),
        sa.Column("connection_id", WHOLE, nullable=True),
        sa.CheckConstraint(
            "\"state\" IN ('open', 'cleared', 'released', 'approved')", name=op.f("ck_hold_state")
        ),
        sa.ForeignKeyConstraint(["cause_id"], ["cause.id"], name=op.f("fk_hold_cause_id")),
        sa.ForeignKeyConstraint(["closed_by_id"], ["person.id"], name=op.f("fk_hold_closed_by_id")),
        sa.ForeignKeyConstraint(
            ["closed_evaluation_id"], ["evaluation.id"], name=op.f("fk_hold_closed_evaluation_id")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_hold_company_id")),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_hold_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["opened_evaluation_id"], ["evaluation.id"], name=op.f("fk_hold_opened_evaluation_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_hold_person_id")),
        sa.ForeignKeyConstraint(["posting_id"], ["posting.id"], name=op.f("fk_hold_posting_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_hold_record_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_hold_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    op.create_index(
        "ix_hold_age",
        "hold",
        ["company_id", "opened_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_hold_book",
        "hold",
        ["company_id", "book", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_hold_cause",
        "hold",
        ["cause_id", "opened_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_hold_closed",
        "hold",
        ["company_id", "closed_at", "id"],
        unique=False,
        sqlite_where=sa.text("state <> 'open'"),
        postgresql_where=sa.text("state <> 'open'"),
    )
    op.create_index(
        "ix_hold_party",
        "hold",
        ["company_id", "party_key", "opened_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(
        "ix_hold_person",
        "hold",
        ["company_id", "person_id", "opened_at", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index(op.f("ix_hold_posting_id"), "hold", ["posting_id"], unique=False)
    op.create_index("ix_hold_record", "hold", ["record_id"], unique=False)
    op.create_index(
        "ix_hold_snoozed",
        "hold",
        ["snoozed_until"],
        unique=False,
        sqlite_where=sa.text("snoozed_until IS NOT NULL"),
        postgresql_where=sa.text("snoozed_until IS NOT NULL"),
    )
    op.create_index(
        "uq_hold_open",
        "hold",
        ["record_id", "route", "seq", "code", "cause_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )


def _posting_use() -> None:
    op.create_table(
        "posting_use",
        sa.Column("entry_id", WHOLE, nullable=False),
        sa.Column("posting_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["mapping_entry.id"], name=op.f("fk_posting_use_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"], ["posting.id"], name=op.f("fk_posting_use_posting_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", "posting_id", name=op.f("pk_posting_use")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_posting_use_posting_id"), "posting_use", ["posting_id"], unique=False)


def _push() -> None:
    op.create_table(
        "push",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("posting_id", WHOLE, nullable=False),
        sa.Column("no", WHOLE, nullable=False),
        sa.Column("connection_id", WHOLE, nullable=False),
        sa.Column("family", WHOLE, nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("trace", sa.LargeBinary(), nullable=True),
        sa.Column("evaluation_id", WHOLE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("target_ref", sa.Text(), nullable=True),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT, nullable=True),
        sa.CheckConstraint(
            "\"action\" IN ('create', 'update', 'void')", name=op.f("ck_push_action")
        ),
        sa.CheckConstraint(
            "\"state\" IN ('intent', 'sending', 'awaiting', 'uncertain', 'accepted', 'refused', 'conflict', 'dropped')",
            name=op.f("ck_push_state"),
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_push_connection_id")
        ),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["evaluation.id"], name=op.f("fk_push_evaluation_id")
        ),
        sa.ForeignKeyConstraint(["posting_id"], ["posting.id"], name=op.f("fk_push_posting_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push")),
        sa.UniqueConstraint("connection_id", "key", name=op.f("uq_push_connection_id_key")),
        sa.UniqueConstraint("posting_id", "no", name=op.f("uq_push_posting_id_no")),
    )
    op.create_index(
        "uq_push_effect",
        "push",
        ["posting_id"],
        unique=True,
        sqlite_where=sa.text(
            "action = 'create' AND state IN ('intent', 'sending', 'awaiting', 'uncertain', 'accepted')"
        ),
        postgresql_where=sa.text(
            "action = 'create' AND state IN ('intent', 'sending', 'awaiting', 'uncertain', 'accepted')"
        ),
    )
    op.create_index(
        "uq_push_family",
        "push",
        ["connection_id", "family"],
        unique=True,
        sqlite_where=sa.text("state IN ('intent', 'sending', 'awaiting', 'uncertain')"),
        postgresql_where=sa.text("state IN ('intent', 'sending', 'awaiting', 'uncertain')"),
    )


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("request_id", WHOLE, nullable=False),
        sa.Column("push_id", WHOLE, nullable=False),
        sa.Column("no", WHOLE, nullable=False),
        sa.Column("row", WHOLE, nullable=True),
        sa.Column("fence", WHOLE, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("target_ref", sa.Text(), nullable=True),
        sa.Column("proof", sa.Text(), nullable=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["push_id"], ["push.id"], name=op.f("fk_attempt_push_id")),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_attempt_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("push_id", "no", name=op.f("uq_attempt_push_id_no")),
        sa.UniqueConstraint("request_id", "push_id", name=op.f("uq_attempt_request_id_push_id")),
    )


def _note() -> None:
    op.create_table(
        "note",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("record_id", WHOLE, nullable=False),
        sa.Column("hold_id", WHOLE, nullable=True),
        sa.Column("person_id", WHOLE, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "\"kind\" IN ('note', 'conclusion', 'escalation')", name=op.f("ck_note_kind")
        ),
        sa.ForeignKeyConstraint(["hold_id"], ["hold.id"], name=op.f("fk_note_hold_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_note_person_id")),
        sa.ForeignKeyConstraint(["record_id"], ["record.id"], name=op.f("fk_note_record_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
    )
    op.create_index("ix_note_record", "note", ["record_id", "id"], unique=False)


def _posting_line() -> None:
    op.create_table(
        "posting_line",
        sa.Column("push_id", WHOLE, nullable=False),
        sa.Column("line_key", sa.Text(), nullable=False),
        sa.Column("base_qty", sa.Text(), nullable=False),
        sa.Column("amount", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["push_id"], ["push.id"], name=op.f("fk_posting_line_push_id")),
        sa.PrimaryKeyConstraint("push_id", "line_key", name=op.f("pk_posting_line")),
    )


TABLES = {
    "company": _company,
    "person": _person,
    "singleton": _singleton,
    "change": _change,
    "connection": _connection,
    "membership": _membership,
    "operation": _operation,
    "revision": _revision,
    "schedule": _schedule,
    "session": _session,
    "team": _team,
    "cause": _cause,
    "change_file": _change_file,
    "connection_key": _connection_key,
    "mapping_table": _mapping_table,
    "record": _record,
    "ruleset_version": _ruleset_version,
    "run": _run,
    "snapshot": _snapshot,
    "team_member": _team_member,
    "throttle": _throttle,
    "link_key": _link_key,
    "mapping_entry": _mapping_entry,
    "release": _release,
    "request": _request,
    "rule_file": _rule_file,
    "snapshot_item": _snapshot_item,
    "upload": _upload,
    "delivery": _delivery,
    "version": _version,
    "evaluation": _evaluation,
    "posting": _posting,
    "approval": _approval,
    "event": _event,
    "hold": _hold,
    "posting_use": _posting_use,
    "push": _push,
    "attempt": _attempt,
    "note": _note,
    "posting_line": _posting_line,
}
