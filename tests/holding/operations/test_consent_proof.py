"""I9 proves four eyes by itself: where the room of approvals is broken, what was sent tells it.

The proof runs while approvals is broken: it would not see a fault that it shares.
"""

import ast
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from holding.approvals import consent, separation
from holding.db import bulk
from holding.db.database import Database
from holding.db.models import Approval, Person
from holding.holds import undo
from holding.mappings import fixes
from tests.faults.mutants import changed
from tests.holding.approvals.test_consent_hands import with_role
from tests.holding.consent import LARGE, approve, breaches, why_not
from tests.holding.fixing import rev
from tests.holding.life import Begun, Life
from tests.holding.shop import FILES

INTEGRITY = Path(__file__).parents[3] / "holding" / "operations"
SHARED = {"consent.asks", "separation.deeds", "separation.Deed", "separation.Hands"}
"""What the rules asked for, and which deeds count: all else is looked at by the proof itself."""


def used(text_: str) -> set[str]:
    """What a module uses of the room of approvals: module and name."""
    tree, modules, found = ast.parse(text_), set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "holding.approvals":
            modules |= {one.asname or one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "holding.approvals."
        ):
            room = (node.module or "").rpartition(".")[2]
            found |= {f"{room}.{one.name}" for one in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {f"{node.value.id}.{node.attr}"} if node.value.id in modules else set()
    return found


def test_the_proof_shares_what_asks_and_which_deeds_count_and_no_more() -> None:
    parts = [used(path.read_text("utf-8")) for path in INTEGRITY.glob("*invariants.py")]
    assert set().union(*parts) == SHARED
    more = used("from holding.approvals import candidates\ncandidates.excluded(outcome, '')")
    assert more | used("from holding.approvals.consent import lacking") == {
        "candidates.excluded",
        "consent.lacking",
    }


@pytest.fixture
def life(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> Life:
    """NS-1 is above the limit; what Lim made, says the record."""
    life = begun(FILES)
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    life.arrive("NS-1", created_by="Lim", total="1920.00", lines=LARGE)
    return life


def told(life: Life) -> list[str]:
    with life.shop.database.read() as session:
        return breaches(life.shop, session)


def send(life: Life) -> None:
    """The time to take it back passes, and everything that may go goes."""
    life.shop.clock.advance(60)
    life.work()


@contextmanager
def without(database: Database, trigger: str, table: str) -> Iterator[None]:
    """The database without one of its triggers, for as long as the block."""
    if database.dialect == "postgresql":
        off, on = (
            f"ALTER TABLE {table} {word} TRIGGER {trigger}" for word in ("DISABLE", "ENABLE")
        )
    else:
        with database.read() as session:
            made = text("SELECT sql FROM sqlite_master WHERE name = :name")
            on = session.execute(made, {"name": trigger}).scalar_one()
        off = f"DROP TRIGGER {trigger}"
    _run(database, off)
    try:
        yield
    finally:
        _run(database, on)


def _run(database: Database, statement: str) -> None:
    with database.write() as session:
        session.execute(text(statement.replace(":", "\\:")))


Broken = Callable[[], ExitStack]


def broken(*changes: tuple[Callable[..., object], str, str]) -> ExitStack:
    """The room of approvals with other code, until the end of the block; it knows nothing yet of
    what it was told before.
    """
    stack = ExitStack()
    separation._cached_names.clear()
    stack.callback(separation._cached_names.clear)
    for function, old, new in changes:
        stack.enter_context(changed(function, old, new))
    return stack


OWN_HAND: dict[str, Broken] = {
    "no hand counts": lambda: broken((separation.hand_of, "if worker_id is not None", "if False")),
    "nobody is named": lambda: broken((separation.excluded, "if name.strip()", "if False")),
    "no name is found": lambda: broken((separation.named_makers, "if not any(", "if any(")),
}


@pytest.mark.parametrize("name", OWN_HAND)
def test_an_own_approval_that_is_let_through_is_a_breach(life: Life, name: str) -> None:
    assert why_not(approve(life.shop, "NS-1")) == [
        "you created it (according to the source); Tan can approve"
    ]
    with OWN_HAND[name]():
        assert why_not(approve(life.shop, "NS-1", op="own")) == []
        send(life)
        found = told(life)
    assert life.books.effects == [("create", "NS-1")]
    assert found == [
        (
            "NS-1 was approved (approve by accounts) by or for who created it"
            " (according to the source)."
        )
    ]


def test_what_the_database_refuses_is_a_breach_where_it_does_not(life: Life) -> None:
    shop = life.shop
    farah = with_role(shop, "farah", "approver")
    life.arrive("NS-2", customer="C-99", total="1920.00", lines=LARGE)
    with shop.database.write() as session:
        fixes.fix(session, farah, "debtor", "C-99", "Chong", "new", shop.now, rev(shop))
    life.work()
    with OWN_HAND["no hand counts"]():
        with pytest.raises(DatabaseError, match="duties kept apart"):
            approve(shop, "NS-2", who=farah)
        assert life.books.effects == []
        with without(shop.database, "approval_duties", "approval"):
            assert why_not(approve(shop, "NS-2", who=farah, op="own")) == []
            send(life)
            found = told(life)
    did = "fixed its mapping debtor(“C-99”)"
    assert found == [f"NS-2 was approved (approve by accounts) by or for who {did}."]


def test_an_approval_for_any_content_is_a_breach(life: Life) -> None:
    assert why_not(approve(life.shop, "NS-1", who="tan", op="yes")) == []
    with broken(
        (consent.counting, "and approval.hash == hash_", ""),
        (consent.of_another_content, "approval.hash != hash_", "False"),
        (consent._given, ".where(Approval.hash == Posting.hash)", ""),
    ):
        life.arrive("NS-1", created_by="Lim", total="1920.00", lines=LARGE, customer="C-78")
        send(life)
        found = told(life)
    assert life.books.effects == [("create", "NS-1")]
    assert found == ["NS-1 was sent without an approval of that content."]


def test_an_approval_that_was_taken_back_and_counts_is_a_breach(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = life.shop
    assert why_not(approve(shop, "NS-1", who="tan", op="yes")) == []
    with shop.database.write() as session:
        assert isinstance(undo.undo(session, shop.actor("tan"), "yes", shop.now), undo.Undone)
    every = consent._STANDING.select().join(Person, Person.id == Approval.person_id)
    void_too = every.where(bulk.among_given(Approval.posting_id, "ids"))
    monkeypatch.setattr(consent, "_STANDING_OF", void_too)
    with broken((consent._given, ", Approval.voided_at.is_(None)", "")):
        send(life)
        found = told(life)
    assert life.books.effects == [("create", "NS-1")]
    assert found == ["NS-1 was sent without an approval of that content."]
