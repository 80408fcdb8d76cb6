"""The facets, chips and saved views of the holding area: what a word says is what it shows."""

import csv
import io
import re
from datetime import UTC, datetime
from html import unescape

import pytest
from sqlalchemy import select

from holding.db.models import Company, Connection, Membership, Person, SourceLimit
from tests.portal.reading import plain
from tests.support.factories import connection_named

pytestmark = pytest.mark.sqlite
H = "/c/kedai/holding"
BOX = re.compile(
    r'<input type="checkbox" id="[^"]+" name="(\w+)" value="([^"]*)"( checked)?>\s*'
    r'<span class="f-name">.*?</span>\s*<span class="f-n">([\d,]+)</span>'
    r'(?:\s*<span class="f-rm">(.*?)</span>)?',
    re.DOTALL,
)
HEAD = re.compile(r'id="holdhead">(.*?)</p>', re.DOTALL)


def boxes(page: str) -> list[tuple[str, str, int, str]]:
    """Name, word, records and money of each line of the facets."""
    return [
        (name, unescape(word), int(count.replace(",", "")), plain(money))
        for name, word, _, count, money in BOX.findall(page)
    ]


def headline(page: str) -> str:
    (found,) = HEAD.findall(page)
    return plain(found).strip()


def agree(reader, query: str) -> int:
    """Each line of the facets beside a list says what its own list's headline says."""
    seen = boxes(reader.text(f"{H}?{query}"))
    for name, word, records, money in seen:
        rest = [one for one in query.split("&") if one and not one.startswith(f"{name}=")]
        chosen = reader.text(f"{H}?{'&'.join([*rest, f'{name}={word}'])}")
        said = f"{records} record{'' if records == 1 else 's'} · {money}".strip()
        assert headline(chosen).startswith(said), (query, name, word)
    return len(seen)


@pytest.mark.parametrize(
    "query", ["view=all", "view=all&class=mapping_missing", "view=todo&amount=1&age=0", "q=SO-1"]
)
def test_C03_a_line_of_a_facet_says_what_the_list_shows(visit, query):
    assert agree(visit("lim"), query) > 3


@pytest.mark.parametrize(
    "name", ["class", "team", "person", "cause", "source", "target", "customer"]
)
def test_a_word_that_means_nothing_finds_nothing(visit, name):
    page = visit("lim").text(f"{H}?{name}=99887766")
    assert headline(page).startswith("0 records"), name
    assert "99887766" in plain(page)


def limit(database, email: str, source: str) -> None:
    """Let a person of the company see records of this source alone."""
    with database.write() as session:
        person = session.scalars(select(Person).where(Person.email == email)).one()
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        row = SourceLimit(
            company_id=company.id,
            person_id=person.id,
            source_id=connection_named(session, company, source).id,
            set_at=moment_of(company),
        )
        session.add(row)


def moment_of(company: Company) -> datetime:
    return company.ages_from or datetime(2026, 11, 19, tzinfo=UTC)


@pytest.mark.slow
def test_C03_for_whoever_sees_some_sources_too(visit, database):
    everything = boxes(visit("farah").text(f"{H}?view=all"))
    limit(database, "lim@kedai.my", "netshop")
    assert agree(visit("lim"), "view=all&class=mapping_missing") > 3
    assert boxes(visit("lim").text(f"{H}?view=all")) == everything, "all that is held is of it"


def test_C03_of_other_sources_nothing_is_counted(visit, database):
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        own = connection_named(session, company, "netshop")
        other = Connection(
            company_id=company.id, name="stall", side=own.side, connector="netshop", settings={}
        )
        session.add(other)
    limit(database, "lim@kedai.my", "stall")
    page = visit("lim").text(f"{H}?view=all")
    assert headline(page).startswith("0 records")
    assert boxes(page) == []


def test_C03_whoever_is_limited_shares_no_view(visit, database):
    lim, farah = visit("lim"), visit("farah")
    limit(database, "lim@kedai.my", "netshop")
    keep(lim, "Of us", status=403, shared="on")
    keep(lim, "Mine")
    (view,) = ids(lim.text(H))
    lim.post(f"{H}/views/{view}", {"name": "Mine", "shared": "on"}, status=403)
    assert ids(farah.text(H)) == []


def test_C03_chips_take_one_word_away_and_the_file_knows_the_filter(visit):
    lim = visit("lim")
    page = lim.text(f"{H}?view=all&age=0&amount=1&class=mapping_missing&class=bad_value&q=SO")
    chips = re.findall(r'href="([^"]+)" id="chip_\d+">(.*?)</a>', page, re.DOTALL)
    told = [plain(said).replace("Remove the filter ", "").strip() for _, said in chips]
    assert [one.partition(":")[0] for one in told] == [
        *("Cause type", "Cause type", "Amount", "Age", "Search")
    ]
    assert "Age: Today ×" in told
    (amount,) = [unescape(url) for url, said in chips if "Amount" in said]
    assert "amount" not in amount
    assert "age=0" in amount
    assert "class=mapping_missing" in amount
    assert "q=SO" in amount
    rows = list(csv.reader(io.StringIO(lim.text(f"{H}.csv?view=all&age=0&amount=1"))))
    assert any("From RM\u00a0100.00 to RM\u00a01,000.00" in cell for cell in rows[0])
    assert any("Today" in cell for cell in rows[0])
    whole = list(csv.reader(io.StringIO(lim.text(f"{H}.csv?view=all"))))
    listed = {row[1] for row in rows[2:]}
    assert listed < {row[1] for row in whole[2:]}
    assert headline(lim.text(f"{H}?view=all&age=0&amount=1")).startswith(f"{len(listed)} record")


def test_C03_what_cannot_be_a_filter_is_left_out(visit):
    page = visit("lim").text(f"{H}?age=9&amount=-1&source=x&target=&customer={'z' * 300}")
    assert 'id="holdchips"' not in page


def test_C34_an_act_over_a_list_takes_its_filter(visit):
    lim = visit("lim")
    for query in ("view=all&amount=1", "view=all&age=1", "view=all&age=0&target=0"):
        page = lim.text(f"{H}?{query}")
        acts = re.findall(r'id="all_assign" href="([^"]+)"', page)
        head = re.match(r"(\d+) record", headline(page))
        assert head is not None
        assert bool(acts) == (int(head[1]) > 0)
        for act in acts:
            asked = plain(lim.text(unescape(act)))
            assert f"Assign: {head[1]} record" in asked


def test_C03_a_customer_is_a_facet_for_whoever_sees_names(visit):
    lim = visit("lim")
    page = lim.text(f"{H}?view=all")
    of_customers = [one for one in boxes(page) if one[0] == "customer"]
    assert of_customers
    key = of_customers[0][1]
    chosen = lim.text(f"{H}?view=all&customer={key}")
    assert f'value="{key}" checked' in chosen
    assert "Customer: " in plain(chosen)
    assert "<legend>Customer" in visit("adam").text(f"{H}?view=all&customer={key}")
    vera = visit("vera").text(f"{H}?view=all&customer={key}")
    assert 'name="customer" value' in vera
    assert "<legend>Customer" not in vera
    assert "Customer: •••" in plain(vera)


def keep(reader, name="Of <b>today</b>", status=303, **more):
    form = {"name": name, "view": "all", "age": "0", "class": "mapping_missing", **more}
    return reader.post(f"{H}/views", form, status=status)


def ids(page: str) -> list[str]:
    return re.findall(r'id="view_(\d+)"', page)


def test_C03_a_view_is_saved_found_renamed_and_deleted(visit):
    lim = visit("lim")
    keep(lim)
    keep(lim)  # a second click
    page = lim.text(H)
    (view,) = ids(page)
    assert "<b>today" not in page
    assert "Of &lt;b&gt;today" in page
    (link,) = re.findall(rf'href="([^"]+)" id="view_{view}"', page)
    assert "age=0" in link
    assert "class=mapping_missing" in link
    assert headline(lim.text(unescape(link))) == headline(
        lim.text(f"{H}?view=all&age=0&class=mapping_missing")
    )
    lim.post(f"{H}/views/{view}", {"name": "  Mine   now "}, status=303)
    assert "Mine now" in plain(lim.text(f"{H}/views"))
    lim.post(f"{H}/views/{view}/delete", {}, status=303)
    assert ids(lim.text(H)) == []
    lim.post(f"{H}/views/{view}/delete", {}, status=404)


def test_C03_a_view_of_another_is_out_of_reach_unless_it_is_shared(visit):
    lim, farah = visit("lim"), visit("farah")
    keep(lim, "Of lim")
    (view,) = ids(lim.text(H))
    assert ids(farah.text(H)) == []
    for reader in (farah,):
        reader.post(f"{H}/views/{view}", {"name": "x"}, status=404)
        reader.post(f"{H}/views/{view}/delete", {}, status=404)
    lim.post(f"{H}/views/{view}", {"name": "Of us", "shared": "on"}, status=303)
    assert ids(farah.text(H)) == [view]
    assert "Of us" in plain(farah.text(f"{H}/views"))
    assert f"/views/{view}/delete" not in farah.text(f"{H}/views")
    farah.post(f"{H}/views/{view}/delete", {}, status=404)
    lim.post(f"{H}/views/{view}", {"name": "Of us"}, status=303)
    assert ids(farah.text(H)) == []


def test_C03_a_view_stays_in_its_company(visit, database):
    farah = visit("farah")
    keep(farah, "Here")
    (view,) = ids(farah.text(H))
    with database.write() as session:  # she works for the other company, too
        person = session.scalars(select(Person).where(Person.email == "farah@kedai.my")).one()
        other = session.scalars(select(Company).where(Company.code == "lain")).one()
        role = Membership(
            company_id=other.id, person_id=person.id, role="finance", granted_at=moment_of(other)
        )
        session.add(role)
    there = "/c/lain/holding"
    assert ids(farah.text(there)) == []
    farah.post(f"{there}/views/{view}", {"name": "There"}, status=404)
    farah.post(f"{there}/views/{view}/delete", {}, status=404)
    assert ids(farah.text(H)) == [view]


def test_C03_limits_of_views(visit, monkeypatch):
    from holding.worklist import facets

    lim = visit("lim")
    keep(lim, "", status=422)
    keep(lim, "x" * 61, status=422)
    keep(lim, "a\u200bb", status=422)
    keep(lim, "of a search", status=422, q="Ace", shared="on")
    keep(lim, "of a customer", status=422, customer="Ace", shared="on")
    keep(lim, "one")
    keep(lim, "one", status=409, age="1")
    monkeypatch.setattr(facets, "MOST_VIEWS", 1)
    keep(lim, "two", status=409)
    monkeypatch.setattr(facets, "MOST_VIEWS", 9)
    monkeypatch.setattr(facets, "MOST_SHARED", 0)
    keep(lim, "two", status=409, shared="on")
    keep(lim, "two")
