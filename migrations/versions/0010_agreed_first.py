# ruff: noqa: E501, S608 - the texts are made of names of our own tables and columns
"""Who agreed to a document, or gave it its day, lets no hold of its record pass either."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

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
_BEFORE = f"""NEW.kind IN ('release', 'reject') AND EXISTS (SELECT 1 FROM posting p
 WHERE p.record_id = NEW.record_id AND p.route = NEW.route AND p.seq = NEW.seq
   AND EXISTS ({_HANDS}))"""


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _own_hand() -> str:
    """What it refuses, and: who dated the documents of the route; who agreed to a document of the
    record, as it stands and is not sent yet.
    """
    return f"""NEW.kind IN ('release', 'reject') AND (EXISTS (SELECT 1 FROM posting p
 WHERE p.record_id = NEW.record_id AND p.route = NEW.route AND p.seq = NEW.seq AND EXISTS ({_HANDS}))
 OR EXISTS (SELECT 1 FROM dating d
 WHERE d.record_id = NEW.record_id AND d.route = NEW.route AND d.voided_at IS NULL
   AND d.person_id IN {_WHO})
 OR EXISTS (SELECT 1 FROM posting p
 JOIN approval a ON a.posting_id = p.id AND a.hash = p.hash AND a.voided_at IS NULL
 LEFT JOIN push u ON u.id = p.posted_push_id
 WHERE p.record_id = NEW.record_id AND (u.id IS NULL OR u.hash <> p.hash)
   AND (a.person_id IN {_WHO} OR a.for_person_id IN {_WHO})))"""


def _refuse(own_hand: str) -> None:
    """Let releases be refused for these hands in place of those before."""
    if _on_postgresql():
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_hand_release() RETURNS trigger"
            f" LANGUAGE plpgsql AS $$\nBEGIN IF {own_hand} THEN"
            " RAISE EXCEPTION 'duties kept apart: release'"
            " USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
        )
        return
    op.execute("DROP TRIGGER release_duties")
    op.execute(
        f"CREATE TRIGGER release_duties BEFORE INSERT ON release WHEN {own_hand}"
        " BEGIN SELECT RAISE(ABORT, 'duties kept apart: release'); END"
    )


def upgrade() -> None:
    """Refuse more."""
    _refuse(_own_hand())


def downgrade() -> None:
    """Refuse what was refused before."""
    _refuse(_BEFORE)
