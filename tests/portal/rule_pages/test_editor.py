"""The editor's page: a draft of one's own, its limits, what may be written, what is overtaken."""

import re
from html import unescape

import pytest
from sqlalchemy import select

from holding.rule_changes import drafts
from holding.rulesets.check_processes import BUSY, RuleChecks
from holding.tables import RuleDraft
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


def test_a_draft_of_other_rules_is_kept_and_not_submitted(visit):
    chan = visit("chan")
    other = MINE.replace("mine", "theirs")
    chan.post(DRAFT, {"text": other, "base": "1", "quick": "1"}, target="findings")
    chan.post(f"{RULES}/submit/shop.rules", {"text": MINE, "base": "1"}, status=303)
    chan.post(DRAFT, {"text": other, "base": "1", "quick": "1"}, target="findings")
    visit("pua").post(f"{RULES}/changes/2", {}, status=303)
    page = chan.text(DRAFT)
    assert "Other rules were published since this draft was begun." in plain(page)
    assert shown(chan) == other
    (base,) = re.findall(r'name="base" value="(\d+)"', page)
    answer = chan.post(f"{RULES}/submit/shop.rules", {"text": other, "base": base}, status=409)
    assert "nothing was submitted" in plain(answer.get_data(as_text=True))


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
    assert whose == [f"{kept.company_id}/{kept.person_id}/{kept.path}"] * 2
