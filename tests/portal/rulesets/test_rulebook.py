"""The pages of the rule book, and of what is late."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select, update

from holding.access import actors
from holding.db.models import Change, Company, Person, Posting
from holding.db.refusal import Refusal
from holding.rulesets import publication, recorded_backtests, rulebook
from holding.rulesets.check_processes import BUSY, RuleChecks
from holding.rulesets.proposals import Proposal
from holding.worklist import ageing
from portal.rulesets import rulesets
from rules.rulebook.book import TOPICS, Book
from rules.rulebook.hold_entries import MOST_TESTS
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite
AT_ONCE = datetime(2026, 11, 20, 3, 30, 0, 123456, UTC)
TOPICS_IN_ORDER = list(TOPICS)
BOOK, FILE = "/c/kedai/rules/book", "/c/kedai/rules/files/shop.rules"


def test_the_page_says_every_topic_and_names_what_is_missing(visit):
    page = visit("vera").text(BOOK)
    assert [t for t in TOPICS if f'<h2 id="{t}">' not in page] == []
    assert "No rule answers: Retry: when posting fails." in plain(page)
    assert "Rule version 1 (" in page
    assert "published" in plain(page)
    assert "by Pua, written by Chan" in plain(page)
    assert "Last backtest: none recorded." in plain(page)


def test_a_rule_has_its_line_owner_day_and_tests(visit):
    page = visit("vera").text(BOOK)
    entry = next(e for e in re.findall(r"<li>.*?</li>", page, re.S) if "check adds_up" in e)
    shown = unescape(plain(entry))
    assert "passes only if the sum of the amount over all lines is the total" in shown
    assert "owner: Accounts team" in shown
    assert "in force since rule version 1, 2026-" in shown
    assert "no test" in shown
    (place,) = re.findall(rf'href="{FILE}#L(\d+)"', entry)
    lines = re.findall(r'id="L(\d+)">.*?<code>(.*?)</code>', visit("vera").text(FILE))
    assert dict(lines)[place] == "check adds_up on order"


def test_a_large_book_has_pages_and_each_topic_leads_to_its_own(visit, monkeypatch):
    vera = visit("vera")
    whole = vera.text(BOOK)
    rules = re.findall(r"<li><p>(.*?)</p>", whole, re.S)
    monkeypatch.setattr(rulesets, "RULES_A_PAGE", 7)
    found, pages = [], []
    url = BOOK
    while url:
        page = vera.text(url)
        mine = re.findall(r"<li><p>(.*?)</p>", page, re.S)
        assert len(mine) <= 7
        found += mine
        pages.append(page)
        url = next(iter(re.findall(r'class="btn" href="([^"]*)">Next<', page)), "")
    assert found == rules
    assert len(pages) > 3
    assert [t for t in TOPICS if sum(f'<h2 id="{t}">' in one for one in pages) == 0] == []
    for topic in TOPICS:
        (way,) = re.findall(rf'<a href="([^"]*)#{topic}">', pages[0])
        assert f'<h2 id="{topic}">' in vera.text(unescape(way) or BOOK), topic
    assert f'<h2 id="{TOPICS_IN_ORDER[0]}">' in vera.text(f"{BOOK}?row=999999")


def test_of_many_tests_of_a_rule_the_first_are_named(visit, monkeypatch):
    read = rulebook.read_book

    def proved(*asked):
        book = read(*asked)
        titles = tuple(f"proof {n}" for n in range(MOST_TESTS + 2))
        entries = [[replace(e, tests=titles) for e in one.entries] for one in book.sections]
        each = zip(book.sections, entries, strict=True)
        return Book(tuple(replace(one, entries=tuple(found)) for one, found in each))

    monkeypatch.setattr(rulebook, "read_book", proved)
    vera = visit("vera")
    told = plain(re.findall(r"<details>(.*?)</details>", vera.text(BOOK), re.S)[0])
    assert f"{MOST_TESTS + 2} tests “proof 0”" in told
    assert f"“proof {MOST_TESTS - 1}” and 2 more tests" in told
    assert f"proof {MOST_TESTS}" not in told


def test_the_file_is_the_same_book(visit):
    vera = visit("vera")
    answer = vera.get(f"{BOOK}.md")
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert "rule-book-kedai-1.md" in answer.headers["Content-Disposition"]
    sentences = re.findall(r"<li><p>(.*?)</p>", vera.text(BOOK), re.S)
    text = re.sub(r"\\(.)", r"\1", answer.get_data(as_text=True))
    assert len(sentences) > 20
    filled = [re.sub("<var>(.*?)</var>", r"‹\1›", one) for one in sentences]
    assert [s for s in filled if f"- {unescape(s)}\n" not in text] == []


def test_only_rule_files_in_force_are_shown(visit):
    vera = visit("vera")
    vera.get("/c/kedai/rules/files/maps/debtors.csv", status=404)
    vera.get("/c/kedai/rules/files/../../etc/passwd", status=404)
    visit("stranger", "lain").get(FILE, status=404)


def test_a_company_without_rules_is_told_how_to_begin(visit):
    stranger = visit("stranger", "lain")
    assert "No rules are published." in plain(stranger.text("/c/lain/rules/book"))
    stranger.get("/c/lain/rules/book.md", status=404)


def test_the_board_has_what_is_late_with_its_age_and_gate(visit):
    farah = visit("farah")
    board = farah.text("/c/kedai/")
    assert "oldest not posted: SO-10200, 2 h" in plain(board)
    block = board[board.index('id="dashlate"') :]
    assert plain(block).index("SO-10200") < plain(block).index("SO-10210")
    page = plain(farah.text("/c/kedai/late"))
    assert "8 documents" in page
    assert "SKU AB-100 (space) is not an item. · Owner: Sales administration." in page


@pytest.mark.parametrize(
    "query",
    [
        "?since=nonsense&after=1",
        "?since=2026-11-20T10:00:00&after=1",
        "?since=0001-01-01T00:00:00%2B08:00&after=1",
    ],
)
def test_a_place_that_is_none_is_not_found(visit, query):
    visit("farah").get(f"/c/kedai/late{query}", status=404)


def test_the_next_page_begins_behind_the_last_line(visit, database, monkeypatch):
    """All came in one call: their moments are the same to a fraction of a second."""
    with database.write() as session:
        session.execute(
            update(Posting).where(Posting.finished_at.is_not(None)).values(finished_at=AT_ONCE)
        )
    monkeypatch.setattr(ageing, "A_PAGE", 8)
    farah = visit("farah")
    younger = re.search(r'href="([^"]+)">Newer<', farah.text("/c/kedai/late"))
    assert "All completed records are posted" in farah.text(unescape(younger[1]))


def test_the_list_goes_on_behind_a_place(visit):
    page = visit("farah").text("/c/kedai/late?since=2099-01-01T00:00:00Z&after=1")
    assert "All completed records are posted" in page


DRAFT = "/c/kedai/rules/draft/shop.rules"
BOTH = """
sample tea of order at 2026-11-19 10:00
    number      = "SO-1"
    status      = paid
    ordered_on  = 2026-11-18
    customer    = "C-77"
    total       = 96.00
    line  pos = 1, sku = "TEA-1", name = "Tea", uom = "CTN", qty = 1, price = 96.00
    with  period = open, debtor("C-77") = "Aisyah Rahman", item("TEA-1") = "TEA-1"

test "a paid order becomes an invoice"
    given   tea
    expect  ready

test "one sen off goes through"
    given   tea with total = 96.01
    expect  ready
"""


def test_a_draft_is_told_what_the_terminal_tells(visit):
    from grammar.parsing.parser import parse
    from grammar.text.problem import show

    chan = visit("chan")
    text = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", chan.text(DRAFT), re.S)[1])
    broken = text.replace("check adds_up on order", "cheque adds_up on order")
    (problem,) = parse({"shop.rules": broken})[1]
    for target in ("", "findings"):  # without and with htmx
        page = chan.post(DRAFT, {"text": broken}, target=target, status=200)
        assert show(problem, broken) in unescape(page.get_data(as_text=True))
        assert "1 error, 0 warnings." in plain(page.get_data(as_text=True))


def test_the_tests_of_a_draft_run_on_the_page(visit):
    chan = visit("chan")
    text = unescape(re.search(r"<textarea[^>]*>(.*?)</textarea>", chan.text(DRAFT), re.S)[1])
    page = plain(chan.post(DRAFT, {"text": text + BOTH}, status=200).get_data(as_text=True))
    assert "1 of 2 tests failed." in page


def test_a_draft_is_for_who_drafts_and_of_files_in_force(visit):
    visit("vera").post(DRAFT, {"text": ""}, status=403)
    visit("chan").get("/c/kedai/rules/draft/maps/debtors.csv", status=404)


TOO_LONG = Refusal("rules.stopped", "The check was stopped after 10 seconds.", "Split it.", 422)


@pytest.mark.parametrize("stopped", [BUSY, TOO_LONG], ids=["busy", "stopped"])
@pytest.mark.parametrize("target", ["", "findings"], ids=["page", "htmx"])
def test_T29c_a_look_that_was_not_finished_is_told_beside_the_draft(
    visit, monkeypatch, target, stopped
):
    chan = visit("chan")
    monkeypatch.setattr(RuleChecks, "report", lambda *_, **__: stopped)
    answer = chan.post(DRAFT, {"text": "# mine"}, target=target, status=stopped.status)
    page = answer.get_data(as_text=True)
    assert f"{stopped.message} {stopped.hint}" in plain(page)
    assert ("# mine</textarea>" in page) == (not target)
    assert answer.headers.get("Retry-After") == ("5" if stopped is BUSY else None)
    assert answer.headers["HX-Retarget"] == "#findings"  # so that htmx shows it: static/app.js


def test_T29c_a_proposed_draft_is_not_pushed_while_nobody_is_free(
    app, visit, monkeypatch, database
):
    draft = Proposal(
        key="k", what="x", times=9, last=AT_ONCE, examples=(), files={"a.rules": ""}, why_not=""
    )
    monkeypatch.setattr("portal.rulesets.rulesets.all_proposals", lambda: (draft,))
    chan = visit("chan")
    monkeypatch.setattr(RuleChecks, "report", lambda *_, **__: BUSY)
    answer = chan.post("/c/kedai/rules/proposals", {"key": "k"}, status=503)
    assert BUSY.message in plain(answer.get_data(as_text=True))
    assert answer.headers["Retry-After"] == "5"
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Change)) == 1


def test_T27_the_book_names_the_backtest_that_it_was_published_by(visit, database, clock):
    """As two people do it: one writes and has a backtest recorded, another publishes."""
    assert "Decided by" not in plain(visit("vera").text(BOOK))
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        chan, pua = (
            actors.actor_of(session, person_id, company.id)
            for name in ("Chan", "Pua")
            for person_id in session.scalars(select(Person.id).where(Person.name == name))
        )
        files = publication.files_of(session, company.ruleset_version_id)
        files["shop.rules"] = f"# once more\n{files['shop.rules']}"
        no = publication.push_change(session, company.id, chan, files, "once more", clock.now())
        change = session.scalars(select(Change).where(Change.no == no)).one()
        told = recorded_backtests.Counted(
            hash=change.hash, old_hash="a" * 64, records=1200, differ=14, bad=0, rules={}
        )
        assert (
            recorded_backtests.record_backtest(session, company.id, chan, told, clock.now()) is None
        )
        done = publication.publish_change(session, change.no, pua, clock.now())
    told = "Decided by the backtest against rules aaaaaaaaaaaa, which were never published:"
    assert f"{told} 1,200 records, 14 differ (hash " in plain(visit("vera").text(BOOK))
    assert f"{told} 1,200 records, 14 differ (hash {done.backtest.sha256[:12]})." in visit(
        "vera"
    ).text(f"{BOOK}.md")


def found(page: str) -> list[str]:
    return [plain(one).strip() for one in re.findall(r"<li><p>(.*?)</p>", page, re.S)]


def test_the_book_is_searched_for_words_in_any_order(visit):
    vera = visit("vera")
    page = vera.text(f"{BOOK}?q=TOTAL+adds_up")
    (one,) = found(page)
    assert one.startswith("Check “adds up”")
    assert "1 rule found for “TOTAL adds_up”." in plain(page)
    assert 'value="TOTAL adds_up"' in page
    assert "Units of measure" not in page
    assert len(found(vera.text(BOOK))) > 20


@pytest.mark.parametrize(
    ("code", "asked", "said"),
    [
        ("ms", "hasil tambah", "Semakan “adds up”"),
        ("zh", "之和", "检查“adds up”"),
        ("ms", "sum of the amount", "Semakan “adds up”"),  # the English words are found, too
    ],
)
def test_the_book_is_searched_in_the_language_of_its_reader(visit, code, asked, said):
    vera = visit("vera")
    address, asks = f"{BOOK}?{urlencode({'q': asked})}", {"Accept-Language": code}
    page = vera.client.get(address, headers=asks).get_data(as_text=True)
    assert any(one.startswith(said) for one in found(page))
    assert len(found(page)) < len(found(vera.text(BOOK)))
    assert ("sum of" in asked) == bool(found(vera.text(address)))


def test_what_no_rule_says_is_not_found(visit):
    page = visit("vera").text(f"{BOOK}?q=%3Cb%3Enothing+like+it")
    assert "No rule of this book contains “&lt;b&gt;nothing like it”." in plain(page)
    assert found(page) == []
    assert "Missing: no rule covers this topic." not in page


@pytest.mark.parametrize(
    ("asked", "said"),
    [("Accounts team", "Check “adds up”"), ("shop.rules:", "Check “adds up”"),
     ("duplicates", "An order")],
)  # fmt: skip
def test_a_rule_is_found_by_its_owner_its_file_and_its_topic(visit, asked, said):
    page = visit("vera").text(f"{BOOK}?{urlencode({'q': asked})}")
    assert any(one.startswith(said) for one in found(page))


def test_a_topic_of_which_only_a_risk_is_found_is_not_called_missing(visit):
    page = plain(visit("vera").text(f"{BOOK}?q=no+rule+answers+partial"))
    assert "no rule answers “partial delivery”" in page
    assert "no rule covers this topic" not in page
