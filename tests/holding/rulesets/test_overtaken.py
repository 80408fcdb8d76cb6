"""Two windows of one draft, and rules that come into force a moment before a change is stored."""

from collections.abc import Callable

import pytest
from sqlalchemy import event

from holding.db.database import Database
from holding.db.models import Company
from holding.db.refusal import Refusal
from holding.rulesets import drafts, publication
from holding.rulesets.recorded_backtests import Published
from tests.holding.shop import FILES, Shop, open_shop
from tests.support.clock import SetClock

PATH = "shop.rules"


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    shop = open_shop(database, company, clock)
    assert isinstance(published(shop, submitted(shop, "# first")), Published)
    return shop


def in_force(shop: Shop) -> int | None:
    with shop.database.read() as session:
        return session.get_one(Company, shop.company.id).ruleset_version_id


def submitted(shop: Shop, line: str, based_on: int | None = None) -> int | Refusal:
    files = {**FILES, PATH: FILES[PATH] + line + "\n"}
    with shop.database.write() as session:
        whose = (session, shop.company.id, shop.actor("chan"))
        return publication.push_change(*whose, files, line, shop.now, based_on=based_on)


def published(shop: Shop, no: int | Refusal) -> Published | Refusal:
    assert isinstance(no, int)
    with shop.database.write() as session:
        return publication.publish_change(session, no, shop.actor("pua"), shop.now)


def kept(shop: Shop, text: str, seen: str | None = None) -> Refusal | None:
    with shop.database.write() as session:
        return drafts.save_draft(
            session, shop.actor("chan"), PATH, text, None, shop.now, shown_mark=seen
        )


def stored(shop: Shop) -> str | None:
    with shop.database.read() as session:
        found = drafts.load_draft(session, shop.actor("chan"), PATH)
    return found.text if found else None


def just_before(
    shop: Shop, words: tuple[str, ...], act: Callable[[], object], then: Callable[[], object]
) -> object:
    """What `act` answers where `then` is done a moment before its statement with these words."""
    left = [then]

    def before(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if left and all(word in statement for word in words):
            left.pop()()

    event.listen(shop.database.engine, "before_cursor_execute", before)
    try:
        return act()
    finally:
        event.remove(shop.database.engine, "before_cursor_execute", before)
        assert not left


@pytest.fixture
def on_a_server(shop: Shop) -> Shop:
    if shop.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time: nobody waits with what was read before")
    return shop


def test_a_change_made_of_rules_that_are_no_longer_in_force_is_not_stored(shop: Shop) -> None:
    base = in_force(shop)
    assert isinstance(published(shop, submitted(shop, "# theirs", base)), Published)
    refused = submitted(shop, "# mine", base)
    assert isinstance(refused, Refusal)
    assert refused.code == "rules.overtaken"
    assert isinstance(submitted(shop, "# mine", in_force(shop)), int)


def test_who_waits_for_a_publishing_with_a_change_is_told(on_a_server: Shop) -> None:
    shop = on_a_server
    base, theirs = in_force(shop), submitted(on_a_server, "# theirs")
    answer = just_before(
        shop,
        ("FROM company", "FOR NO KEY UPDATE"),
        lambda: submitted(shop, "# mine", base),
        lambda: published(shop, theirs),
    )
    assert isinstance(answer, Refusal)
    assert answer.code == "rules.overtaken"


def test_of_two_who_publish_one_change_one_does(on_a_server: Shop) -> None:
    shop = on_a_server
    no = submitted(shop, "# one")
    before = in_force(shop)
    answer = just_before(
        shop,
        ("FROM company", "FOR NO KEY UPDATE"),
        lambda: published(shop, no),
        lambda: published(shop, no),
    )
    assert isinstance(answer, Refusal)
    assert answer.message == f"Change {no} is published already."
    assert in_force(shop) != before


@pytest.mark.parametrize(("second", "told"), [("# b", "draft.elsewhere"), ("# a", None)])
def test_two_windows_that_keep_the_first_text_at_once(
    on_a_server: Shop, second: str, told: str | None
) -> None:
    shop = on_a_server
    answer = just_before(
        shop,
        ("INSERT INTO rule_draft",),
        lambda: kept(shop, second, seen=""),
        lambda: kept(shop, "# a", seen=""),
    )
    assert (answer.code if isinstance(answer, Refusal) else None) == told
    assert stored(shop) == "# a"


def test_a_window_that_is_behind_says_what_the_other_kept(shop: Shop) -> None:
    assert kept(shop, "# a", seen="") is None
    assert kept(shop, "# b", seen=drafts.mark_of("# a")) is None
    answer = kept(shop, "# c", seen=drafts.mark_of("# a"))
    assert isinstance(answer, drafts.Elsewhere)
    assert (answer.text, answer.mark) == ("# b", drafts.mark_of("# b"))
    assert stored(shop) == "# b"
    assert kept(shop, "# b", seen=drafts.mark_of("# a")) is None, "both say the same"
    assert kept(shop, "# c", seen=answer.mark) is None
    assert stored(shop) == "# c"
