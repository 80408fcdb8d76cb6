"""Several files of one change in the editor: checked, submitted and begun again together."""

import re
from html import unescape

import pytest

from holding.db.models import Change
from holding.rulesets import publication
from tests.holding.shop import FILES
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
RULES = "/c/kedai/rules"
SHOP = FILES["shop.rules"]
HUGE = """check big_order on order
    require  total <= 9000.00
    else     hold for accounts
    say      "Too big."
    clears   when it passes
"""
TEST = """sample plain of order at 2026-07-01 10:00
    number      = "SO-1"
    status      = paid
    ordered_on  = 2026-07-01
    customer    = "C-77"
    created_by  = "Vijay"
    total       = 48.00
    line  pos = 1, sku = "TEA-1", name = "Green", uom = "PCS", qty = 2, price = 24.00
    with  period = open

test "an order of more than RM 9,000.00 waits"
    given   plain with total = 9600.00, line 1.qty = 400
    expect  hold for accounts because big_order
    expect  hold for sales_admin because debtor
    expect  hold for sales_admin because item
"""


def textarea(visitor, path: str) -> str:
    page = visitor.text(f"{RULES}/draft/{path}")
    return unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S)[1])


def begun(visitor, name: str, text: str) -> str:
    """A new file with this text, kept as a draft: its address."""
    address = visitor.post(f"{RULES}/new", {"name": name}, status=303).location
    written(visitor, address.rpartition("/draft/")[2], text)
    return address


def written(visitor, path: str, text: str, **more: str) -> str:
    """What the page says of a draft that was written, without its tests unless `whole`."""
    given = {"text": text, "base": "1", "quick": "1", **more}
    if "whole" in given:
        del given["quick"]
    answer = visitor.post(f"{RULES}/draft/{path}", given, target="findings")
    return plain(answer.get_data(as_text=True))


def files_of_change(database, no: int) -> dict[str, str]:
    with database.read() as session:
        change = session.query(Change).filter(Change.no == no).one()
        return publication.files_of_change(session, change.id)


def test_a_rule_and_its_test_in_two_files_are_one_change(visit, database):
    chan = visit("chan")
    begun(chan, "big_test", TEST)
    assert "error" in written(chan, "big_test.rules", TEST), "there is no such rule yet"
    begun(chan, "big", HUGE)
    told = written(chan, "big.rules", HUGE, whole="1")
    assert "This could come into force: 1 test passed" in told
    told = written(chan, "big_test.rules", TEST, whole="1")
    assert "This could come into force: 1 test passed" in told
    assert "big_order" not in textarea(visit("vera"), "shop.rules")
    done = chan.post(f"{RULES}/submit/big.rules", {"text": HUGE, "base": "1"}, status=303)
    assert done.location.endswith("/rules/changes/2")
    assert files_of_change(database, 2) == {**FILES, "big.rules": HUGE, "big_test.rules": TEST}
    for path in ("big.rules", "big_test.rules"):
        chan.get(f"{RULES}/draft/{path}", status=404)
    visit("pua").post(f"{RULES}/changes/2", {}, status=303)
    assert "big_order" in visit("vera").text(f"{RULES}/files/big_test.rules")


def test_the_page_names_the_files_of_the_change_and_what_differs(visit):
    chan = visit("chan")
    begun(chan, "big", HUGE)
    written(chan, "shop.rules", SHOP + "\n# mine\n")
    told = plain(chan.text(f"{RULES}/draft/shop.rules"))
    assert "Your change: 2 files" in told
    assert "+ # mine" in told
    assert "+ check big_order on order" in told
    assert "Your change: " not in plain(visit("vera").text(f"{RULES}/draft/shop.rules"))


def test_a_mapping_file_is_written_with_the_rule_that_reads_it(visit, database):
    chan = visit("chan")
    carrier = """map carrier
    match    exact
    csv      "maps/carriers.csv" from "carrier" to "creditor"
    missing  hold for accounts  say "Carrier {key} is no creditor."
"""
    begun(chan, "carriers", carrier)
    assert "MAP10" in written(chan, "carriers.rules", carrier)
    csv = "carrier,creditor\nPOS,400-P001\n"
    address = begun(chan, "maps/carriers.csv", csv)
    assert address.endswith("/draft/maps/carriers.csv")
    page = chan.text(address)
    assert "data-editor" not in page, "a table is not drawn as rules"
    chan.post(f"{RULES}/save-test/maps/carriers.csv", {"text": csv, "of": "SO-1"}, status=404)
    told = written(chan, "carriers.rules", carrier, whole="1")
    assert "MAP10" not in told
    assert "This could come into force" in told
    chan.post(f"{RULES}/submit/maps/carriers.csv", {"text": csv, "base": "1"}, status=303)
    changed = files_of_change(database, 2)
    assert (changed["maps/carriers.csv"], changed["carriers.rules"]) == (csv, carrier)


def test_a_file_is_removed_as_a_part_of_a_change(visit, database):
    chan, pua = visit("chan"), visit("pua")
    begun(chan, "big", HUGE)
    begun(chan, "big_test", TEST)
    chan.post(f"{RULES}/submit/big.rules", {"text": HUGE, "base": "1"}, status=303)
    pua.post(f"{RULES}/changes/2", {}, status=303)
    page = chan.text(f"{RULES}/draft/big.rules")
    assert "Remove this file" in plain(page)
    chan.post(f"{RULES}/remove/big.rules", {"text": HUGE, "base": "2", "seen": ""}, status=303)
    chan.get(f"{RULES}/changes/3", status=404)
    assert "big_order" in visit("vera").text(f"{RULES}/files/big.rules"), "nothing happened yet"
    told = plain(chan.text(f"{RULES}/draft/big.rules"))
    assert "Your change removes this file" in told
    answer = chan.post(f"{RULES}/submit/big.rules", {"text": "", "base": "2"}, status=422)
    assert "big_test.rules" in plain(answer.get_data(as_text=True)), "its test is left without it"
    chan.post(f"{RULES}/remove/big_test.rules", {"text": TEST, "base": "2", "seen": ""}, status=303)
    chan.post(f"{RULES}/submit/big_test.rules", {"text": "", "base": "2"}, status=303)
    assert files_of_change(database, 3) == FILES
    visit("vera").post(f"{RULES}/remove/big.rules", {}, status=403)
    chan.post(f"{RULES}/remove/none.rules", {}, status=404)


def test_a_removal_that_is_discarded_leaves_the_file(visit):
    chan = visit("chan")
    chan.post(f"{RULES}/remove/shop.rules", {"text": SHOP, "base": "1"}, status=303)
    assert textarea(chan, "shop.rules") == ""
    chan.post(f"{RULES}/discard/shop.rules", {}, status=303)
    assert textarea(chan, "shop.rules") == SHOP
    chan.post(f"{RULES}/remove/maps/items.csv", {}, status=404)


def test_another_file_that_was_changed_in_another_window_is_not_submitted_unseen(
    visit, monkeypatch
):
    from concurrent.futures import ThreadPoolExecutor

    from holding.rulesets.check_processes import RuleChecks

    chan = visit("chan")
    begun(chan, "big", HUGE)
    look, left = RuleChecks.report, [visit("chan")]

    def meanwhile(*given, **more):
        found = look(*given, **more)
        if left:
            other = left.pop()
            with ThreadPoolExecutor(1) as apart:  # a request of its own
                apart.submit(written, other, "big.rules", HUGE + "\n# later\n").result()
        return found

    monkeypatch.setattr(RuleChecks, "report", meanwhile)
    mine = {"text": SHOP + "\n# mine\n", "base": "1"}
    answer = chan.post(f"{RULES}/submit/shop.rules", mine, status=409)
    assert "nothing was submitted" in plain(answer.get_data(as_text=True))
    chan.get(f"{RULES}/changes/2", status=404)
    assert textarea(chan, "big.rules") == HUGE + "\n# later\n"


def theirs_in_force(visitor_of, text: str) -> None:
    """A publisher puts what somebody else wrote into force meanwhile, from the command line."""
    chan, pua = visitor_of("chan"), visitor_of("pua")
    chan.post(f"{RULES}/submit/shop.rules", {"text": text, "base": "1"}, status=303)
    pua.post(f"{RULES}/changes/2", {}, status=303)


MINE = SHOP.replace("above the limit", "above my limit")
LIMIT = SHOP.replace("total > 1000.00", "total > 2000.00")


def overtaken(visit, mine: str, theirs: str) -> str:
    """The page of a draft of mine that rules of others overtook."""
    theirs_in_force(visit, theirs)
    chan = visit("chan")
    written(chan, "shop.rules", mine)
    return chan.text(f"{RULES}/draft/shop.rules")


def test_a_draft_that_was_overtaken_begins_again_with_what_others_changed(visit, database):
    page = overtaken(visit, MINE, "# theirs\n" + LIMIT)
    told = plain(page)
    assert "Other rules were published since this draft was begun." in told
    assert "Begin again from rule version 2" in told
    chan = visit("chan")
    seen = re.search(r'name="seen" value="([^"]*)"', page)[1]
    later = MINE + "\n# and one more line\n"
    given = {"text": later, "base": "1", "seen": seen}
    back = chan.post(f"{RULES}/again/shop.rules", given, status=303)
    assert back.location.endswith("/rules/draft/shop.rules")
    page = chan.text(f"{RULES}/draft/shop.rules")
    told = plain(page)
    assert "Your change goes on from rule version 2." in told
    assert "Begun from rule version 2." in told
    assert 'id="beginagain"' not in page
    both = "# theirs\n" + later.replace("total > 1000.00", "total > 2000.00")
    assert textarea(chan, "shop.rules") == both
    done = chan.post(f"{RULES}/submit/shop.rules", {"text": both, "base": "2"}, status=303)
    assert done.location.endswith("/rules/changes/3")
    assert files_of_change(database, 3)["shop.rules"] == both


def test_where_both_changed_a_line_mine_stands_and_the_place_is_told(visit):
    theirs = SHOP.replace("above the limit", "above their limit")
    overtaken(visit, MINE, theirs)
    chan = visit("chan")
    chan.post(f"{RULES}/again/shop.rules", {"text": MINE, "base": "1"}, status=303)
    told = plain(chan.text(f"{RULES}/draft/shop.rules"))
    line = MINE[: MINE.index("above my limit")].count("\n") + 1
    assert f"yours are kept at shop.rules:{line}." in told
    assert "above their limit" in told, "what would be undone stands in the difference"
    assert textarea(chan, "shop.rules") == MINE


def test_what_others_published_in_the_same_words_is_no_draft_any_more(visit):
    overtaken(visit, MINE, MINE)
    chan = visit("chan")
    chan.post(f"{RULES}/again/shop.rules", {"text": MINE, "base": "1"}, status=303)
    assert "Your change: " not in plain(chan.text(f"{RULES}/draft/shop.rules"))


def test_every_file_of_the_change_begins_again(visit, database):
    chan = visit("chan")
    theirs_in_force(visit, LIMIT)
    begun(chan, "big", HUGE)
    written(chan, "shop.rules", MINE)
    chan.post(f"{RULES}/again/big.rules", {"text": HUGE, "base": "1"}, status=303)
    assert textarea(chan, "shop.rules") == MINE.replace("total > 1000.00", "total > 2000.00")
    assert textarea(chan, "big.rules") == HUGE
    for name in ("vera", "pua"):
        visit(name).post(f"{RULES}/again/shop.rules", {"text": MINE, "base": "1"}, status=403)


def test_a_submitted_change_that_was_overtaken_is_taken_up_again(visit):
    chan, pua = visit("chan"), visit("pua")
    chan.post(f"{RULES}/submit/shop.rules", {"text": MINE, "base": "1"}, status=303)
    page = chan.text(f"{RULES}/changes/2")
    assert 'id="takeup"' not in page, "it waits to be published"
    chan.post(f"{RULES}/changes/2/take-up", {}, status=409)
    chan.post(f"{RULES}/submit/shop.rules", {"text": LIMIT, "base": "1"}, status=303)
    pua.post(f"{RULES}/changes/3", {}, status=303)
    page = chan.text(f"{RULES}/changes/2")
    assert "This change was overtaken." in plain(page)
    assert 'id="takeup"' in page
    back = chan.post(f"{RULES}/changes/2/take-up", {}, status=303)
    assert back.location.endswith("/rules/draft/shop.rules")
    assert textarea(chan, "shop.rules") == MINE
    assert "Begin again from rule version 2" in plain(chan.text(back.location))
    chan.post(f"{RULES}/changes/3/take-up", {}, status=409)
