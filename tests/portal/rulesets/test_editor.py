"""The editor's page: a draft of one's own, its limits, what may be written, what is overtaken."""

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import unescape

import pytest
from sqlalchemy import func, select

from holding.db.models import Evaluation, RuleDraft
from holding.rulesets import drafts
from holding.rulesets.check_processes import BUSY, RuleChecks
from tests.holding.shop import FILES
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
RULES = "/c/kedai/rules"
DRAFT, SUGGEST = f"{RULES}/draft/shop.rules", f"{RULES}/suggest/shop.rules"
MINE = FILES["shop.rules"] + "\n# mine\n"


def shown(visitor) -> str:
    page = visitor.text(DRAFT)
    return unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S)[1])


def test_a_draft_is_kept_for_its_writer_alone_until_it_is_discarded(visit):
    chan = visit("chan")
    assert shown(chan) == FILES["shop.rules"]
    page = chan.post(DRAFT, {"text": MINE, "base": "1", "quick": "1"}, target="findings")
    told = plain(page.get_data(as_text=True))
    assert "The tests were not run yet." in told
    assert "Draft saved" in told
    assert shown(chan) == MINE
    assert shown(visit("vera")) == FILES["shop.rules"]
    chan.post(f"{RULES}/discard/shop.rules", {}, status=303)
    assert shown(chan) == FILES["shop.rules"]


def test_a_look_without_tests_says_nothing_of_a_look_with_them(visit):
    chan = visit("chan")
    quick = chan.post(DRAFT, {"text": MINE, "base": "1", "quick": "1"}, target="findings")
    whole = chan.post(DRAFT, {"text": MINE, "base": "1"}, target="findings")
    said = [plain(one.get_data(as_text=True)) for one in (quick, whole)]
    assert "could come into force" not in said[0]
    assert "This could come into force" in said[1]


def test_a_submitted_draft_is_gone_and_leads_to_its_change(visit):
    chan = visit("chan")
    chan.post(DRAFT, {"text": MINE, "base": "1", "quick": "1"}, target="findings")
    answer = chan.post(f"{RULES}/submit/shop.rules", {"text": MINE, "base": "1"}, status=303)
    assert answer.location.endswith("/rules/changes/2")
    assert shown(chan) == FILES["shop.rules"]
    assert visit("pua").post(f"{RULES}/changes/2", {}, status=303)
    assert shown(chan) == MINE


def test_a_change_is_called_what_its_writer_says(visit):
    chan = visit("chan")
    wish = {"text": MINE, "base": "1", "title": "  Limit lowered\n after the <audit> "}
    there = chan.post(f"{RULES}/submit/shop.rules", wish, status=303).location
    assert "<h1>Change 2: Limit lowered after the &lt;audit&gt;</h1>" in chan.text(there)


def test_a_draft_of_other_rules_is_kept_and_not_submitted(visit):
    chan = visit("chan")
    other = MINE.replace("mine", "theirs")
    chan.post(DRAFT, {"text": other, "base": "1", "quick": "1"}, target="findings")
    chan.post(f"{RULES}/submit/shop.rules", {"text": MINE, "base": "1"}, status=303)
    chan.post(DRAFT, {"text": other, "base": "1", "quick": "1"}, target="findings")
    visit("pua").post(f"{RULES}/changes/2", {}, status=303)
    page = chan.text(DRAFT)
    look = chan.post(DRAFT, {"text": other, "base": "1", "quick": "1"}, target="findings")
    for told in (page, look.text):  # a window that stayed open is told by its next look
        assert "Other rules were published since this draft was begun." in plain(told)
    assert shown(chan) == other
    (base,) = re.findall(r'name="base" value="(\d+)"', page)
    answer = chan.post(f"{RULES}/submit/shop.rules", {"text": other, "base": base}, status=409)
    assert "nothing was submitted" in plain(answer.get_data(as_text=True))


def test_rules_that_come_into_force_while_a_draft_is_checked_are_not_undone(visit, monkeypatch):
    """The files of a change that is submitted then were made of rules that are no longer."""
    chan, pua = visit("chan"), visit("pua")
    theirs = MINE.replace("mine", "theirs")
    chan.post(f"{RULES}/submit/shop.rules", {"text": theirs, "base": "1"}, status=303)
    look, left = RuleChecks.report, [pua]

    def meanwhile(*given, **more):
        found = look(*given, **more)
        if left:
            publish = partial(left.pop().post, f"{RULES}/changes/2", {}, status=303)
            with ThreadPoolExecutor(1) as other:  # a request of its own
                other.submit(publish).result()
        return found

    chan.post(DRAFT, {"text": MINE, "base": "1", "quick": "1"}, target="findings")
    monkeypatch.setattr(RuleChecks, "report", meanwhile)
    answer = chan.post(f"{RULES}/submit/shop.rules", {"text": MINE, "base": "1"}, status=409)
    assert "nothing was submitted" in plain(answer.get_data(as_text=True))
    chan.get(f"{RULES}/changes/3", status=404)
    assert "# theirs" in chan.text(f"{RULES}/files/shop.rules")
    assert shown(chan) == MINE


def window(visitor) -> dict[str, str]:
    """What a window of the editor sends with its text."""
    page = visitor.text(DRAFT)
    return {
        name: re.search(rf'name="{name}" value="([^"]*)"', page)[1] for name in ("base", "seen")
    }


@pytest.mark.parametrize("act", ["draft", "try", "submit", "discard"])
def test_a_window_that_is_behind_overwrites_nothing_of_another(visit, act):
    chan = visit("chan")
    chan.post(DRAFT, {"text": MINE, "base": "1", "quick": "1"}, target="findings")
    first, second = window(chan), window(chan)
    later = MINE.replace("mine", "later")
    chan.post(DRAFT, {"text": later, "quick": "1", **second}, target="findings")
    stale = {"text": MINE.replace("mine", "stale"), "number": "SO-10240", **first}
    page = chan.post(f"{RULES}/{act}/shop.rules", stale, status=409).get_data(as_text=True)
    told = plain(page)
    assert "You changed this draft in another window; the text of this one is not saved." in told
    assert "# stale" in page, "what this window says is still there"
    assert "# later" in page, "so is what the other says"
    assert shown(chan) == later
    chan.get(f"{RULES}/changes/2", status=404)
    over = re.search(r'name="over" value="([^"]+)"', page)[1]
    chan.post(DRAFT, {**stale, "over": over, "quick": "1"}, target="findings")
    assert shown(chan) == stale["text"]


def test_a_window_goes_on_after_each_of_its_own_looks(visit):
    chan = visit("chan")
    sent = {"quick": "1", **window(chan)}
    assert sent["seen"] == ""
    for word in ("one", "two", "two", "three"):
        text = MINE.replace("mine", word)
        answer = chan.post(DRAFT, {**sent, "text": text}, target="findings", status=200)
        sent["seen"] = re.search(r'name="seen" value="([^"]*)"', answer.get_data(as_text=True))[1]
    assert shown(chan) == text
    assert window(chan)["seen"] == sent["seen"]


def test_what_was_submitted_in_another_window_is_no_draft_again_by_itself(visit):
    chan = visit("chan")
    chan.post(DRAFT, {"text": MINE, "base": "1", "quick": "1"}, target="findings")
    left = window(chan)
    chan.post(f"{RULES}/submit/shop.rules", {"text": MINE, **left}, status=303)
    for act in ("draft", "submit"):
        answer = chan.post(f"{RULES}/{act}/shop.rules", {"text": MINE, **left}, status=409)
        assert "It was submitted or discarded there." in plain(answer.get_data(as_text=True))
    assert shown(chan) == FILES["shop.rules"]
    chan.get(f"{RULES}/changes/3", status=404)


NEW = """check big_order on order
    require  total <= 9000.00
    else     hold for accounts
    say      "Too big."
    clears   when it passes
"""


@pytest.mark.slow
def test_a_new_file_is_begun_checked_and_submitted_and_another_is_taken_away(visit):
    chan = visit("chan")
    assert 'id="newfile"' in chan.text(f"{RULES}/book")
    assert 'id="newfile"' not in visit("vera").text(f"{RULES}/book")
    visit("vera").post(f"{RULES}/new", {"name": "extra"}, status=403)
    for name, status in (("", 422), ("../shop", 422), ("Über", 422), ("x" * 80, 422)):
        answer = chan.post(f"{RULES}/new", {"name": name}, status=status)
        assert "letters, digits and hyphens" in plain(answer.get_data(as_text=True)), name
    answer = chan.post(f"{RULES}/new", {"name": "shop.rules"}, status=409)
    assert "The rules have a file shop.rules already." in plain(answer.get_data(as_text=True))
    table = visit("chan").post("/c/kedai/rules/new", {"name": "maps/items.csv"}, status=409)
    assert "entries under Mappings" in plain(table.get_data(as_text=True))
    chan.get(f"{RULES}/draft/extra.rules", status=404)
    answer = chan.post(f"{RULES}/new", {"name": "extra"}, status=303)
    extra = f"{RULES}/draft/extra.rules"
    assert answer.location.endswith(extra)
    page = chan.text(extra)
    assert "New file" in page
    assert 'id="removefile"' not in page
    assert "/rules/draft/extra.rules" in chan.text(DRAFT), "it is found again from the others"
    visit("pua").get(extra, status=404)
    text = NEW
    chan.post(extra, {"text": text, "base": "1", "quick": "1"}, target="findings")
    assert text in unescape(chan.text(extra))
    again = chan.post(f"{RULES}/new", {"name": "extra.rules"}, status=303)
    assert again.location == answer.location
    assert text in unescape(chan.text(extra)), "the draft that was there is kept"
    made = chan.post(f"{RULES}/submit/extra.rules", {"text": text, "base": "1"}, status=303)
    assert made.location.endswith("/rules/changes/2")
    chan.get(extra, status=404)
    visit("pua").post(f"{RULES}/changes/2", {}, status=303)
    assert "big_order" in visit("vera").text(f"{RULES}/files/extra.rules")

    visit("vera").post(f"{RULES}/remove/extra.rules", {}, status=403)
    chan.post(f"{RULES}/remove/none.rules", {}, status=404)
    chan.post(f"{RULES}/remove/extra.rules", {}, status=303)
    gone = chan.post(f"{RULES}/submit/extra.rules", {"text": "", "base": "2"}, status=303)
    assert gone.location.endswith("/rules/changes/3")
    assert "big_order" in visit("vera").text(f"{RULES}/files/extra.rules"), "nobody published it"
    visit("pua").post(f"{RULES}/changes/3", {}, status=303)
    assert 'href="/c/kedai/rules/draft/extra.rules"' not in chan.text(DRAFT)
    chan.post(f"{RULES}/remove/shop.rules", {}, status=303)
    whole = {"text": "", "base": "3"}
    told = chan.post(f"{RULES}/submit/shop.rules", whole, status=422).get_data(as_text=True)
    assert "There is no .rules file among the files." in plain(told)


def test_a_new_file_that_is_discarded_leaves_nothing(visit, database):
    chan = visit("chan")
    chan.post(f"{RULES}/new", {"name": "folder/extra"}, status=303)
    back = chan.post(f"{RULES}/discard/folder/extra.rules", {}, status=303)
    assert back.location.endswith("/rules/book")
    chan.get(f"{RULES}/draft/folder/extra.rules", status=404)
    with database.read() as session:
        assert session.scalars(select(RuleDraft)).all() == []


@pytest.mark.parametrize("text", ["x" * (drafts.BYTES + 1), "\n" * drafts.LINES])
def test_what_is_too_large_is_refused_before_any_look(visit, monkeypatch, text):
    asked = []
    monkeypatch.setattr(RuleChecks, "_asked", lambda *given: asked.append(given))
    chan = visit("chan")
    for url in (DRAFT, f"{RULES}/submit/shop.rules"):
        answer = chan.post(url, {"text": text, "base": "1"}, status=413)
        assert "256 KB and 10,000 lines" in plain(answer.get_data(as_text=True))
    assert chan.post(SUGGEST, {"text": text, "before": ""}, status=200).json == []
    assert asked == []
    assert shown(chan) == FILES["shop.rules"]


def test_names_are_suggested_with_what_they_mean(visit):
    chan = visit("chan")
    before = MINE + "\ncheck more on order\n    require  tot"
    (first, *_) = chan.post(SUGGEST, {"text": before, "before": before}, status=200).json
    assert (first["label"], first["kind"]) == ("total", "field")
    assert "money" in first["meaning"]
    assert chan.post(SUGGEST, {"text": MINE, "before": "# a note: to"}, status=200).json == []
    visit("vera").post(SUGGEST, {"text": "", "before": ""}, status=403)
    chan.post(f"{RULES}/suggest/none.rules", {"text": "", "before": ""}, status=404)


def test_T24e_what_is_remembered_of_a_draft_is_its_writers(visit, database, monkeypatch):
    whose = []

    def noted(_self, question):
        whose.append(question.whose)
        return BUSY

    monkeypatch.setattr(RuleChecks, "_asked", noted)
    chan = visit("chan")
    chan.post(DRAFT, {"text": MINE, "base": "1", "quick": "1"}, status=503)
    chan.post(SUGGEST, {"text": MINE, "before": "che"}, status=200)
    with database.read() as session:
        (kept,) = session.scalars(select(RuleDraft)).all()
    assert whose == [f"{kept.company_id}/{kept.person_id}"] * 2


TYPO = FILES["shop.rules"].replace("base_unit(line.sku)", "base_unti(line.sku)", 1)


def test_a_finding_has_its_place_and_a_correction_that_works_without_scripts(visit):
    assert FILES["shop.rules"] != TYPO
    chan = visit("chan")
    page = chan.post(DRAFT, {"text": TYPO, "base": "1"}, status=200).get_data(as_text=True)
    (wish,) = re.findall(r'name="correct" data-correct\s+value="([^"]+)"', page)
    line = TYPO[: TYPO.index("base_unti")].count("\n") + 1
    assert re.fullmatch(rf"{line}:\d+:\d+ base_unit", wish)
    told = plain(page)
    assert "Did you mean &#39;base_unit&#39;?" in told or "Did you mean 'base_unit'?" in told
    assert f"You cannot create a change request, because shop.rules:{line} has an error." in told
    assert f'data-go="{line}"' in page
    chan.post(DRAFT, {"text": TYPO, "base": "1", "correct": wish}, status=200)
    assert shown(chan) == FILES["shop.rules"]


@pytest.mark.parametrize("wish", ["", "x", "1:2", "1:2:3:4 x", "a:b:c x"])
def test_a_correction_that_nobody_offered_changes_nothing(visit, wish):
    chan = visit("chan")
    chan.post(DRAFT, {"text": TYPO, "base": "1", "correct": wish}, status=200)
    assert shown(chan) == TYPO


def test_a_correction_behind_the_end_of_the_text_changes_nothing(visit):
    chan = visit("chan")
    chan.post(DRAFT, {"text": TYPO, "base": "1", "correct": "99999:1:2 x"}, status=200)
    assert shown(chan) == TYPO


def tried(visitor, number: str, text: str) -> str:
    url = f"{RULES}/try/shop.rules"
    given = {"text": text, "base": "1", "number": number}
    return plain(visitor.post(url, given, target="tried").get_data(as_text=True))


def test_a_record_is_tried_with_the_draft_and_nothing_comes_of_it(visit, database):
    chan = visit("chan")
    with database.read() as session:
        before = session.scalar(select(func.count()).select_from(Evaluation))
    assert "Rule version 1 gave the same result." in tried(chan, "SO-10240", MINE)
    stricter = FILES["shop.rules"] + "\n" + NEW.replace("9000.00", "1.00")
    told = tried(chan, "SO-10220", stricter)
    assert "Rule version 1 gave another result." in told
    assert told.index("Big order") < told.index("What each rule says"), "what stops it, first"
    rules = told.partition("What each rule says")[2]
    assert rules.index("Big order") < rules.index("Gate"), "and first among the rules"
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Evaluation)) == before
    assert shown(chan) == stricter, "the draft is kept"


def test_why_there_is_nothing_to_try_is_told(visit):
    chan = visit("chan")
    line = TYPO[: TYPO.index("base_unti")].count("\n") + 1
    assert f"The draft has an error in line {line} of shop.rules." in tried(chan, "SO-10240", TYPO)
    for number in ("", "SO-99999"):
        assert "No record has this number." in tried(chan, number, MINE)
    given = {"text": MINE, "base": "1", "number": "SO-10240"}
    visit("vera").post(f"{RULES}/try/shop.rules", given, status=403)


def saved(visitor, number: str, text: str, status: int):
    given = {"text": text, "base": "1", "of": number}
    return visitor.post(f"{RULES}/save-test/shop.rules", given, status=status)


@pytest.mark.parametrize("number", ["SO-10240", "SO-10220", "SO-10230"])
def test_a_tried_record_is_saved_as_a_test_that_passes_and_names_nobody(visit, number):
    chan = visit("chan")
    tests = counted(chan, MINE)
    saved(chan, number, MINE, status=303)
    page = chan.text(DRAFT)  # tells once what was done
    text = unescape(re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S)[1])
    assert text.startswith(MINE.rstrip())
    title = re.search(rf'\ntest "({number}: [^"]+)"\n', text)[1]
    assert f"The test “{title}” is at the end of the draft." in plain(page)
    assert counted(chan, text) == tests + 1
    assert "Aisyah" not in text[len(MINE) :]
    assert ("Sample customer" in text[len(MINE) :]) == ("because" in title), (
        "who waits needs no name"
    )


def counted(visitor, text: str) -> int:
    """How many tests of a draft pass, where all do."""
    page = visitor.post(DRAFT, {"text": text, "base": "1"}, target="findings")
    told = plain(page.get_data(as_text=True))
    passed = re.search(r"This could come into force: (\d+) tests? passed", told)
    assert passed, told
    return int(passed[1])


def test_a_test_is_saved_once_more_under_a_title_of_its_own(visit):
    chan = visit("chan")
    saved(chan, "SO-10240", MINE, status=303)
    saved(chan, "SO-10240", shown(chan), status=303)
    titles = re.findall(r'\ntest "(SO-10240: [^"]+)"', shown(chan))
    assert [titles[0], f"{titles[0]} (2)"] == titles
    assert counted(chan, shown(chan)) > 1


def test_why_a_record_is_no_test_is_told_and_the_draft_is_left(visit):
    chan = visit("chan")
    for number, text, why in (
        ("SO-99999", MINE, "No record has this number."),
        ("SO-10240", TYPO, "The draft has an error in line"),
    ):
        page = saved(chan, number, text, status=200)
        assert why in plain(page.get_data(as_text=True))
        assert shown(chan) == text
    saved(visit("vera"), "SO-10240", MINE, status=403)
