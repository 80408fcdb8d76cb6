"""The pages of changes and versions: what they say, whom they refuse, what they do not take."""

import re
import time

import pytest
from sqlalchemy import select

from holding.access import actors
from holding.db.models import Company, Person
from holding.rulesets import publication
from portal.rulesets.changes import MAX_LINES, difference
from tests.holding.shop import FILES
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
CHANGES = "/c/kedai/rules/changes"


def pushed(database, clock, text: str, title: str) -> int:
    """A change of the one rule file by Chan: its number."""
    with database.write() as session:
        company = session.scalar(select(Company.id).where(Company.code == "kedai"))
        chan = session.scalar(select(Person.id).where(Person.email == "chan@kedai.my"))
        actor = actors.actor_of(session, chan, company)
        files = {**FILES, "shop.rules": text}
        return publication.push_change(session, company, actor, files, title, clock.now())


@pytest.fixture
def waiting(database, clock):
    """A change that waits to be published."""
    text = FILES["shop.rules"] + "\n# looked at again\n"
    return pushed(database, clock, text, "<b>New</b>")


def test_the_list_names_what_waits_and_what_is_in_force(visit, waiting):
    page = visit("vera").text(CHANGES)
    told = plain(page)
    assert "&lt;b&gt;New&lt;/b&gt;" in page
    assert "waits to be published" in told
    assert "Rule version 1 in force" in told
    assert "published" in told


def test_comments_alone_mean_nothing_else(visit, waiting):
    told = plain(visit("vera").text(f"{CHANGES}/{waiting}"))
    assert "The rules mean the same" in told
    assert "# looked at again" in told
    assert (
        "You cannot publish change 2, because you do not have the role Rule publisher. Pua can."
        in (told)
    )


def test_who_can_publish_a_change_is_told_in_the_navigation_and_in_the_rule_book(visit, waiting):
    count = re.compile(r'data-go="rulebook".*?</a>', re.DOTALL)

    def told(name):
        page = visit(name).text("/c/kedai/rules/book")
        shown = re.search(r'class="n[^"]*">(\d+)', count.search(page)[0])
        return shown[1] if shown else "", "waits to be published:" in plain(page)

    assert told("pua") == ("1", True)
    assert told("chan") == ("", False), "who wrote it"
    assert told("farah") == ("", False), "who publishes nothing"
    visit("pua").post(f"{CHANGES}/{waiting}", {}, status=303)
    assert told("pua") == ("", False)


def test_what_a_published_change_changed_stays_on_its_page(visit, waiting):
    pua = visit("pua")
    pua.post(f"{CHANGES}/{waiting}", {}, status=303)
    told = plain(visit("nurul").text(f"{CHANGES}/{waiting}"))
    assert "Published." in told
    assert "The rules mean the same" in told
    assert "Difference in text: 1 file" in told
    assert "# looked at again" in told
    assert "on rule version 2" not in told, "it was made for the one before"
    first = plain(visit("nurul").text(f"{CHANGES}/1"))
    assert "Difference in" not in first, "the first rules differ from none"


def test_publishing_names_the_version_that_it_makes(visit, waiting):
    pua = visit("pua")
    page = pua.text(f"{CHANGES}/{waiting}")
    told = plain(page)
    assert "on rule version 1, 1 file changed" in told
    assert "Publish rule version 2 now" in told
    assert "one step: rule version 1 stays ready" in told
    places = [page.index(f'id="h_{part}"') for part in ("meaning", "backtest", "shadow", "publish")]
    assert places == sorted(places)
    pua.post(f"{CHANGES}/{waiting}", {}, status=303)
    assert "Rule version 2 in force" in plain(visit("vera").text(CHANGES))


@pytest.mark.parametrize(
    "path", [f"{CHANGES}/99", f"{CHANGES}?before=x", "/c/kedai/rules/versions/9"]
)
def test_what_is_not_there_is_not_found(visit, path):
    visit("vera").get(path, status=404)


@pytest.mark.parametrize("act", ["", "/start", "/start/drop"])
def test_only_publishers_act(visit, waiting, act):
    for name in ("vera", "chan", "adam"):
        visit(name).post(f"{CHANGES}/{waiting}{act}", {"date": "2027-01-01"}, status=403)
    visit("vera").post("/c/kedai/rules/versions/1", {"from": "1"}, status=403)


def test_a_time_that_is_none_is_told_at_its_field(visit, waiting):
    pua = visit("pua")
    page = pua.post(f"{CHANGES}/{waiting}/start", {"date": "", "time": "25:00"}, status=422)
    told = page.get_data(as_text=True)
    assert 'aria-invalid="true"' in told
    assert "Enter the date as" in told
    assert "has no start time" in plain(
        pua.post(f"{CHANGES}/{waiting}/start/drop", {}, status=409).get_data(as_text=True)
    )


def test_a_version_in_force_has_nothing_to_go_back_to(visit):
    told = plain(visit("pua").text("/c/kedai/rules/versions/1"))
    assert "In force." in told
    assert "Go back to" not in told


def test_a_file_of_lines_that_are_alike_is_compared_in_a_moment():
    before = {"a.csv": "x,1\n" * 4_000}
    after = {"a.csv": "".join(f"x,1\n{number}\n" for number in range(4_000))}
    began = time.process_time()
    (file,) = difference(before, after).files
    assert time.process_time() - began < 2
    assert file.added - file.removed == 4_000
    assert file.left_out + len(file.lines) >= file.added
    assert len(file.lines) == MAX_LINES


def test_a_change_says_what_it_means_in_the_language_of_its_reader(visit, database, clock):
    old = FILES["shop.rules"]
    new = old.replace("else     hold for accounts", "else     reject", 1)
    assert new != old
    no = pushed(database, clock, new, "Stricter")
    pages = {
        code: plain(visit("vera").client.get(f"{CHANGES}/{no}", headers={"Accept-Language": code})
                    .get_data(as_text=True))
        for code in ("en", "ms", "zh")
    }  # fmt: skip
    for code, before, after in [
        ("en", "Otherwise it is put on hold for Accounts team", "Otherwise it is rejected and"),
        ("ms", "Jika tidak, ia ditahan untuk Accounts team", "Jika tidak, ia ditolak dan"),
        ("zh", "否则予以暂挂，由 Accounts team 处理", "否则予以拒绝，不会过账"),
    ]:
        assert before in pages[code]
        assert after in pages[code]
    assert "Otherwise it is" not in pages["ms"] + pages["zh"]
    assert "changed" not in pages["ms"].partition("shop.rules")[0]


def test_the_tests_of_a_change_are_run_and_their_coverage_is_measured(visit, waiting):
    page = visit("chan").text(f"{CHANGES}/{waiting}")
    declared = FILES["shop.rules"].count('\ntest "')
    assert f'Tests <span class="count">{declared}</span>' in page
    for name in ("chan", "pua"):
        answer = visit(name).post(f"{CHANGES}/{waiting}/tests", {}, target="teststate", status=200)
        told = plain(answer.get_data(as_text=True))
        found = re.search(
            r"(\d+) of (\d+) parts (?:of the rules|measured) are proved by a test", told
        )
        assert found, told
        assert 0 <= int(found[1]) < int(found[2])
        assert "that no test proves" in told
        assert told.count("passed") >= declared
    refused = visit("farah").post(f"{CHANGES}/{waiting}/tests", {}, status=403)
    assert "comment on rule changes" in plain(refused.get_data(as_text=True))
    whole = visit("chan").post(f"{CHANGES}/{waiting}/tests", {}, status=200)  # without scripts
    assert "are proved by a test." in plain(whole.get_data(as_text=True))


def test_entries_that_stay_as_stored_are_told_before_rules_come_into_force(visit, database, clock):
    old = FILES["shop.rules"]
    new = old.replace('of "TEA-1"  = 40 PCS', 'of "TEA-1"  = 20 PCS')
    assert new != old
    no = pushed(database, clock, new, "Smaller cartons")
    told = plain(visit("chan").text(f"{CHANGES}/{no}"))
    assert "1 entry stays as stored." in told
    assert re.search(r"CTN of TEA-1\s+40 PCS\s+20 PCS", told), told
    assert "1 entry stays" in plain(visit("vera").text(f"{CHANGES}/{no}"))
    visit("pua").post(f"{CHANGES}/{no}", {})
    told = plain(visit("pua").text("/c/kedai/rules/versions/1"))
    assert "stays as stored" not in told  # the first version says of it what is stored
    book = plain(visit("vera").text("/c/kedai/rules/book"))
    assert "Initial entry: 1 CTN of “TEA-1” is 20 PCS." in book


def test_the_editor_tells_what_would_stay_as_stored(visit):
    new = FILES["shop.rules"].replace('of "TEA-1"  = 40 PCS', 'of "TEA-1"  = 20 PCS')
    sent = {"text": new, "base": "1", "seen": ""}
    answer = visit("chan").post("/c/kedai/rules/draft/shop.rules", sent, status=200)
    told = plain(answer.get_data(as_text=True))
    assert re.search(r"CTN of TEA-1\s+40 PCS\s+20 PCS", told), told
