"""Rules in force go on with the meaning they were published with, under a later program."""

import shutil

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, furnished
from tests.acceptance.orders import buyer, clean, later, priced
from tests.acceptance.pages import words
from tests.acceptance.parts import state
from tests.acceptance.product import APPROVER, House, Product, address_in, until
from tests.acceptance.quiet import BASE, approve, record, until_shown


def test_T39f_rules_of_the_first_edition_mean_what_they_meant(product: Product) -> None:
    with furnished(product, STARTER, ()) as house:
        _published_in_the_first_edition(product)
        with product.started("up", "--port", "0", forks=1):
            house.address = address_in(product.notes("up"))
            assert not (product.home / "backups").exists(), "no schema changed"
            _means_what_it_meant(house)
            _is_published_again(house)


def _published_in_the_first_edition(product: Product) -> None:
    """Rewrite the rule version and its event as the first edition left them, without links."""
    with product.database() as found:
        named = (
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            " AND tbl_name IN ('event', 'event_link', 'ruleset_version')"
        )
        guards = found.execute(named).fetchall()
        for name, _ in guards:
            found.execute(f"DROP TRIGGER {name}")
        published = "act = 'rules.published' AND json_extract(body, '$.edition') IS NOT NULL"
        changed = found.execute(
            f"UPDATE event SET body = json_remove(body, '$.edition') WHERE {published}"
        )
        assert changed.rowcount == 1
        found.execute("DELETE FROM event_link")
        assert found.execute("UPDATE ruleset_version SET edition = 1").rowcount == 1
        for _, guard in guards:
            found.execute(guard)
        found.commit()


def _means_what_it_meant(house: House) -> None:
    """Nobody is named as its maker, and it can be approved, as those who wrote this then saw it."""
    approver = house.visitor(APPROVER)
    house.deliver(_nameless(301))
    until_shown(approver, 301, "On hold")
    assert "1 approved" in approve(approver, "NS-301")
    until(lambda: "NS-301" in house.created(), "NS-301 in the books")
    told = words(approver.get(f"{BASE}/rules/book"))
    assert "published in edition 1 of the language" in told
    assert "Where the first field behind “never” of an approval is blank" in told
    looked = {one["name"]: one for one in house.product.json("doctor", "--json")}
    assert looked["rules kedai"]["ok"]
    assert "published again it changes: Where the first" in looked["rules kedai"]["words"]


def _is_published_again(house: House) -> None:
    """The same files mean what this edition says: who made it is asked before anybody approves."""
    approver = house.visitor(APPROVER)
    folder = house.product.folder / "again"
    shutil.copytree(STARTER, folder)
    push = ("rules", "push", str(folder), *COMPANY, "--as", "consultant@kedai.example")
    house.product.run(*push)
    house.product.run("publish", "2", *COMPANY, "--as", "publisher@kedai.example")
    assert "edition 1" not in words(approver.get(f"{BASE}/rules/book"))
    first = _nameless(302)
    house.deliver(first)
    told = until_shown(approver, 302, "On hold").text
    assert "Who made this must not approve it." in told
    approve(approver, "NS-302")
    assert state(record(approver, 302)) == "On hold"
    assert "NS-302" not in house.created()
    house.deliver(later(first, created_by="Mei Ling"))
    until(lambda: "NS-302" in house.created(), "NS-302 in the books")


def _nameless(number: int) -> dict[str, object]:
    maker = buyer(number, id="C-109")
    return clean(number, items=priced("3500.00"), customer=maker, created_by=None)
