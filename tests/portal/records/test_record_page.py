"""A record's page: one sentence with its step, seven answers in a line each, the rest in folds."""

import re

import pytest

from portal.records.records import PARTS, TABS
from tests.acceptance.parts import Part, read, short
from tests.portal.reading import ONE, R, hold_of, plain

pytestmark = pytest.mark.sqlite
WORDS = re.compile(r"[\w’'.,:/-]*\w[\w’'.,:/-]*")
HELD = f"{R}/SO-10220"


def page(visit, who: str, url: str) -> Part:
    return read(visit(who).text(url))


def test_the_verdict_says_what_is_wrong_and_has_one_step(visit, database):
    shown = page(visit, "lim", HELD)
    verdict = shown.one("section", cls="verdict")
    (step,) = shown.all("a", cls="main-act")
    assert step.attributes["href"] == f"/c/kedai/holding/{hold_of(database, 'SO-10220', 'APP01')}"
    assert step.text.startswith("Approve")
    assert "RM 1,920.00" in verdict.one("p", cls="means").text.replace("\xa0", " ")
    assert verdict.one("p", cls="state").one("span", cls="chip").text == "On hold"


@pytest.mark.parametrize("who", ["vera", "farah"])
def test_a_step_that_the_role_lacks_is_not_promised(visit, who):
    (step,) = page(visit, who, HELD).all("a", cls="main-act")
    assert step.text.startswith("See the hold")


def test_what_is_posted_has_no_primary_step(visit):
    shown = page(visit, "farah", f"{R}/SO-10241")
    assert shown.all("a", cls="main-act") == []
    assert "SO-10241 is in AiAccount" in shown.one("h2", id="h_verdict").text


@pytest.mark.parametrize("number", ["SO-10240", "SO-10220", "SO-10230", "SO-10203", "SO-10231"])
def test_each_answer_is_a_word_and_at_most_nine_more(visit, number):
    shown = page(visit, "farah", f"{R}/{number}")
    for no in range(1, 8):
        word, said = short(shown, no)
        assert word in {"Yes", "No", "Not needed", "Not yet", "Unknown"}
        assert 0 < len(WORDS.findall(said)) <= 9, said


def test_the_five_questions_are_answered_without_opening_anything(visit):
    shown = page(visit, "farah", ONE)
    assert shown.one("p", cls="state").one("span", cls="chip").text == "On hold"
    assert [short(shown, no)[0] for no in (2, 5, 6, 7)] == ["Not needed", "Yes", "No", "Yes"]


def test_every_part_has_its_own_address_and_one_is_open(visit):
    farah = visit("farah")
    assert sorted(word for words in PARTS for word in words) == sorted(TABS)
    for tab in TABS:
        shown = read(farah.text(f"{ONE}?tab={tab}"))
        links = {
            one.attributes["id"].removeprefix("tab"): one.attributes["href"]
            for one in shown.one("div", id="parts").all("a")
            if one.attributes.get("id", "").startswith("tab")
        }
        assert set(links) | {"seven"} == set(TABS)
        assert all(f"tab={word}" in href for word, href in links.items())
        assert len(shown.all("section", id=tab)) == 1
        current = [one for one in shown.all("a") if one.attributes.get("id") == f"tab{tab}"]
        assert [one.attributes.get("aria-current") for one in current] == (
            [] if tab == "seven" else ["page"]
        )


def test_rules_have_titles_for_finance_and_lines_for_an_auditor(visit):
    told = {who: plain(visit(who).text(ONE)) for who in ("farah", "vera", "lim", "nurul", "adam")}
    assert {who for who, text in told.items() if "shop.rules:" in text} == {"nurul"}
    assert {who for who, text in told.items() if re.search(r"\b[0-9a-f]{12,}\b", text)} == {"nurul"}
    assert "Show rule lines" in told["farah"]
    assert "Hide rule lines" in told["nurul"]


def test_rule_lines_are_kept_for_the_person_who_chose_them(visit):
    farah, nurul = visit("farah"), visit("nurul")
    farah.post("/me/lines", {"on": "1", "next": ONE}, status=303)
    nurul.post("/me/lines", {"on": "0", "next": ONE}, status=303)
    for tab in ("seven", "lineage", "ruletree"):
        assert "shop.rules:" in plain(visit("farah").text(f"{ONE}?tab={tab}"))
        assert "shop.rules:" not in plain(visit("nurul").text(f"{ONE}?tab={tab}"))
    assert "shop.rules:" not in plain(visit("lim").text(ONE))
    name = {"name": "Farah", "theme": "dark"}
    farah.post("/me", name, status=303)
    assert "shop.rules:" in plain(visit("farah").text(ONE)), "other settings leave it"


def test_the_five_places_of_a_hold_are_links_on_its_record(visit, database):
    shown = page(visit, "farah", HELD)
    hold = hold_of(database, "SO-10220", "APP01")
    hrefs = {
        word: shown.one("a", id=f"face{word}").attributes["href"]
        for word in ("queue", "review", "approval", "log", "board")
    }
    assert hrefs["review"] == f"/c/kedai/holding/{hold}"
    assert hrefs["queue"].startswith("/c/kedai/holding?")
    assert hrefs["approval"] == HELD
    assert hrefs["log"] == f"{HELD}?tab=trace"
    assert hrefs["board"].endswith("#dashcauses")
    assert shown.one("a", id="faceapproval").attributes["aria-current"] == "page"
