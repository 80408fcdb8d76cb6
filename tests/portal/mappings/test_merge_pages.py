"""The answers of the page of two parties that seem to be one: as its own forms are sent."""

import re
from datetime import UTC, datetime

import pytest

from holding.mappings import party_merge
from holding.mappings.party_merge import Owed
from rules.outcomes import Use
from tests.portal.reading import hold_of, one, plain

pytestmark = pytest.mark.sqlite
PARTIES = "/c/kedai/mappings/parties"
NONE = ({}, {}, {}, {})


@pytest.fixture
def page(database, monkeypatch):
    """A hold that proposes to make one party of two."""
    hold_id = hold_of(database, "SO-10220")
    since = datetime(1, 1, 1, tzinfo=UTC).date()
    found = party_merge.Merge(
        hold_id=hold_id,
        number="SO-10220",
        rule="one party",
        message="Two keys",
        keep="Aisyah",
        gone="Boon",
        why=(Use("debtor", "C-1", 1, "Aisyah"), Use("phone", "012", 2, "Boon")),
        keys=(party_merge.Key("debtor", "C-2", since),),
        rows=(Owed("Aisyah", NONE), Owed("Boon", NONE), Owed("", NONE)),
    )
    monkeypatch.setattr(party_merge, "merge_proposal", lambda *_, **__: found)
    return f"{PARTIES}/{hold_id}"


def field(html, ident):
    """The input of this id, as it stands on the page."""
    return re.search(rf'<input[^>]* id="{ident}"[^>]*>', html)[0]


def test_the_form_of_the_page_refuses_the_merge(visit, page, database):
    farah = visit("farah")
    name = re.search(r' name="(\w+)"', field(farah.text(page), "apart"))[1]
    farah.post(f"{page}/refuse", {name: "two owners, two towns", "op": "r-1"}, status=303)
    kept = "SELECT count(*) FROM event WHERE act = 'party.kept_apart'"
    assert one(database, kept) == 1


def test_a_reason_too_short_is_told_beside_its_own_field_and_kept(visit, page):
    farah = visit("farah")
    for way, asked, other in (("/refuse", "apart", "reason"), ("", "reason", "apart")):
        answer = farah.post(f"{page}{way}", {"reason": "xy"}, status=422).get_data(as_text=True)
        assert 'value="xy"' in field(answer, asked)
        assert f'id="{asked}_err"' in answer
        assert 'value="xy"' not in field(answer, other)
        assert f'id="{other}_err"' not in answer
    refused = farah.post(f"{page}/refuse", {"reason": "xy"}, status=422).get_data(as_text=True)
    assert "Give a reason, so that it is not proposed again without one." in plain(refused)


def test_the_keys_of_customers_are_masked_for_who_may_not_read_them(visit, page):
    assert "C-2 in debtor" in plain(visit("farah").text(page))
    assert "C-2 in debtor" not in plain(visit("vera").text(page))
    assert "••• in debtor" in plain(visit("vera").text(page))


def test_an_administrator_reads_the_names_of_the_parties_to_merge(visit, page):
    assert "Merge Boon into Aisyah?" in plain(visit("adam").text(page))
    assert "•••" not in visit("adam").text(page)
    assert "Merge ••• into •••?" in plain(visit("vera").text(page))


@pytest.mark.parametrize("path", [PARTIES, f"{PARTIES}.csv", f"{PARTIES}.json"])
def test_the_pairs_of_parties_name_them_to_whoever_maps(visit, page, monkeypatch, path):
    found = party_merge.merge_proposal(None, 0, 0, None)
    monkeypatch.setattr(party_merge, "merge_proposals", lambda *_: (found,))
    for who in ("farah", "adam"):
        assert {"Aisyah", "Boon"} <= set(re.findall(r"\w+", visit(who).text(path)))
    assert not {"Aisyah", "Boon"} & set(re.findall(r"\w+", visit("vera").text(path)))


@pytest.mark.parametrize(("later", "more"), [(False, "."), (True, ", more may follow.")])
def test_a_merge_says_what_is_sent_by_it_before_and_after(visit, page, monkeypatch, later, more):
    farah = visit("farah")
    assert "What is on hold for this alone becomes ready and is sent." in plain(farah.text(page))
    made = party_merge.Merged("Aisyah", "Boon", 2, 1, 5, 1, later=later)
    monkeypatch.setattr(party_merge, "accept_merge", lambda *_, **__: made)
    farah.post(page, {"reason": "one company", "op": "m-1"}, status=303)
    told = plain(farah.text(PARTIES))
    assert f"Merged: 2 keys name the other party now, 5 records are checked again{more}" in told
    assert "what was on hold for this alone becomes ready and is sent." in told
    assert "Nothing was sent" not in told
