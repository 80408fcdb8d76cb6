"""A change that went back: who goes on with it, and what it is begun from."""

import pytest

from holding.db.database import Database
from holding.db.models import Company
from holding.db.refusal import Refusal
from holding.rulesets import drafts, publication
from holding.rulesets.drafts import own_change
from tests.holding.shop import FILES, Shop, open_shop
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def returned(shop: Shop, files: dict[str, str]) -> int:
    with shop.database.write() as session:
        chan, pua = shop.actor("chan"), shop.actor("pua")
        no = publication.push_change(session, shop.company.id, chan, files, "Rules", shop.now)
        assert isinstance(no, int)
        assert drafts.send_back(session, no, pua, "Not yet.", shop.now) is None
    return no


def taken_up(shop: Shop, no: int, by: str = "chan") -> str | Refusal:
    with shop.database.write() as session:
        return drafts.restore_drafts(session, no, shop.actor(by), shop.now)


def test_the_first_rules_are_chosen_again_for_the_editor_has_none(shop: Shop) -> None:
    no = returned(shop, dict(FILES))
    refusal = taken_up(shop, no)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.status) == ("change.first_rules", 409)
    assert "rules push" in refusal.hint


def test_who_drafts_no_rules_goes_on_with_none(shop: Shop) -> None:
    shop.publish()
    no = returned(shop, {**FILES, "shop.rules": FILES["shop.rules"] + "\n# more\n"})
    refusal = taken_up(shop, no, "pua")
    assert isinstance(refusal, Refusal)
    assert refusal.status == 403


def test_only_what_the_change_says_is_gone_on_with(shop: Shop) -> None:
    """Of the rules that it was made for, whatever came into force since: that is never undone."""
    files = {**FILES, "other.rules": "# nothing yet\n"}
    shop.publish(files)
    same = returned(shop, files)
    refusal = taken_up(shop, same)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "change.nothing_left"
    more = FILES["shop.rules"] + "\n# more\n"
    no = returned(shop, {**files, "shop.rules": more})
    shop.publish({**files, "other.rules": "# since\n"})
    assert taken_up(shop, no) == "shop.rules"
    with shop.database.read() as session:
        draft = drafts.load_draft(session, shop.actor("chan"), "shop.rules")
        assert draft is not None
        assert drafts.load_draft(session, shop.actor("chan"), "other.rules") is None
        assert draft.text == more
        assert draft.base_id != session.get_one(Company, shop.company.id).ruleset_version_id


def test_a_file_that_the_change_removes_and_a_table_are_gone_on_with(shop: Shop) -> None:
    files = {**FILES, "other.rules": "# nothing yet\n"}
    shop.publish(files)
    items = FILES["maps/items.csv"] + "POT-2,POT-2\n"
    no = returned(shop, {**FILES, "maps/items.csv": items})
    assert taken_up(shop, no) == "maps/items.csv"
    with shop.database.read() as session:
        mine = own_change(session, shop.actor("chan"))
        assert mine is not None
        assert {path: one.text for path, one in mine.drafts.items()} == {
            "maps/items.csv": items,
            "other.rules": "",
        }
        assert mine.files() == {**FILES, "maps/items.csv": items}
