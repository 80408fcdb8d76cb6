"""The jobs of a Monday morning over the sample month, with their clicks counted in the browser.

Every job begins on the dashboard of who does it, after signing in, and no address is typed.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.browser import Person
from tests.acceptance.clicks import Counted
from tests.acceptance.month import copy_of_month
from tests.acceptance.product import (
    CURRENT_COMPANY,
    Product,
    Visitor,
    address_in,
    free_environment,
    until,
)
from tests.acceptance.quiet import fix_mapping

pytestmark = [pytest.mark.slow, pytest.mark.browser]
OF_SHOP = "ON company.id = company_id WHERE code = 'kedai'"
ARRIVED = "Sample data loaded"
ASKED = (
    "connector", "record_number", "sync_run", "status", "exact_message", "retry_count",
    "expected_result", "what_changed_recently",
)  # fmt: skip
ANSWERS = 7


@dataclass
class Month:
    """The running sample shop, its month loaded the day before yesterday: since then somebody
    mapped one value, and its one record was posted yesterday.
    """

    product: Product
    address: str
    browser: Any
    yesterday: str = ""
    """The run of that record."""

    @contextmanager
    def work(self, role: str, team: str) -> Iterator[tuple[Any, Counted]]:
        """Somebody new with this role, at their dashboard."""
        with Person(self.browser, self.address) as person:
            person.sign_in(*self.join(role, team))
            yield person.page, Counted(person)
            assert person.said == []

    def join(self, role: str, team: str) -> tuple[str, str]:
        """Somebody new with this role: address and password."""
        email = f"{role}-{team}@clicks.example"
        words = ("user", "add", email, "--company", CURRENT_COMPANY, "--role", role, "--team", team)
        return email, self.product.run(*words).stdout.split("only now: ")[1].split()[0]


@pytest.fixture(scope="module")
def month(
    command: Path, chromium: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Month]:
    folder = tmp_path_factory.mktemp("clicks")
    shop = Product(command, folder, free_environment())
    inside = Product(command, folder / "inside", free_environment())
    inside.folder.mkdir()
    shop.home.mkdir()
    copy_of_month(command, shop.home / "demo")
    inside.home.symlink_to(shop.home / "demo")
    with shop.started("demo", "--port", "0", "--targets", "0", forks=2):
        notes = shop.notes("demo")
        until(lambda: ARRIVED in notes.read_text("utf-8"), "the month", 300)
        assert "are there from last time" in notes.read_text("utf-8")
        month = Month(inside, address_in(notes), chromium)
        _back(inside, days=1)
        visitor = Visitor(month.address, *month.join("finance", "purchasing"))
        fix_mapping(visitor, "tea-oolong-50", "TEA-OOLONG-50", "the same tea")
        until(lambda: len(_runs(inside)) == 2, "the run of the mapping")
        _back(inside, days=1)
        month.yesterday = f"Run {max(_runs(inside))[0]}"
        yield month


def _runs(product: Product) -> list[tuple[Any, ...]]:
    """The ended runs of the shop: id, when they were made and ended."""
    query = f"SELECT run.id, made_at, ended_at FROM run JOIN company {OF_SHOP} AND ended_at > ''"
    return product.sql(query)[0]


def _back(product: Product, days: int) -> None:
    """What was sent so far is so many days older: nobody waits that long for a test."""
    for run_id, *moments in _runs(product):
        older = [_earlier(one, days) for one in moments]
        product.sql("UPDATE run SET made_at = ?, ended_at = ? WHERE id = ?", *older, run_id)


def _earlier(moment: str, days: int) -> str:
    found = datetime.fromisoformat(moment.rstrip("Z")) - timedelta(days=days)
    return f"{found:%Y-%m-%dT%H:%M:%S.%fZ}"


def test_the_largest_amount_is_cleared_in_three_clicks_and_one_choice(month: Month) -> None:
    with month.work("approver", "accounts") as (page, done):
        first = page.locator("#dashcauses li").first
        assert "Approval needed" in first.inner_text()
        first.get_by_role("link", name=re.compile("^Approve ")).click()
        page.locator("a[id^=approveall_]").click()
        page.fill("#approvereason", "compared with the orders")
        page.click("#approvego")
        page.locator("#notice", has_text="approved, RM").wait_for()
        assert (done.steps(), done.choices()) == (3, 1), done.all()


def test_the_group_of_most_records_is_cleared_in_three_clicks(month: Month) -> None:
    with month.work("finance", "sales_admin") as (page, done):
        rows = page.locator("#dashcauses li")
        counts = [int(text.split()[0]) for text in rows.locator(".n").all_inner_texts()]
        largest = rows.nth(counts.index(max(counts)))
        largest.get_by_role("link", name="Add mapping").click()
        page.locator("input[name=to][value='CUP-GLASS-20']").check()
        page.fill("#reason", "the new name of the glass")
        page.click("#savemap")
        page.get_by_text(f"{max(counts)} records are checked again").first.wait_for()
        assert (done.steps(), done.choices()) == (2, 2), done.all()


def test_a_document_is_found_by_its_number_and_answers_in_two_steps(month: Month) -> None:
    with month.work("auditor", "accounts") as (page, done):
        page.fill("#find", "NS-240300")
        page.press("#find", "Enter")
        page.locator("#seven").wait_for()
        assert page.get_by_role("heading", name=re.compile("NS-240300")).count()
        answers = page.locator("#seven [id^=answer_]")
        assert answers.locator("summary .say").count() == ANSWERS
        assert all(answers.locator("summary .say").all_inner_texts())
        assert done.steps() <= 2, done.all()


def test_an_escalation_packet_that_lacks_nothing_is_sent(month: Month) -> None:
    with month.work("finance", "tax") as (page, done):
        page.fill("#find", "NS-240300")
        page.press("#find", "Enter")
        page.get_by_role("link", name="Escalate").first.click()
        page.fill("#expected_result", "A sales invoice in AiAccount.")
        page.click("#makepacket")
        page.get_by_text("The packet for NS-240300 is ready.").wait_for()
        with page.expect_download() as file:
            page.locator("a[href$='.json']").first.click()
        packet = json.loads(Path(file.value.path()).read_text("utf-8"))
        assert [name for name in ASKED if not packet.get(name)] == []
        assert done.steps() <= 4, done.all()
        page.fill("#to", "AiAccount support")
        page.click("#notesent")
        page.get_by_text("NS-240300 is escalated to AiAccount support.").wait_for()
        assert done.steps() <= 5, done.all()


def test_why_yesterdays_run_had_fewer_rows_is_answered_in_two_clicks(month: Month) -> None:
    with month.work("finance", "accounts") as (page, done):
        page.locator("#nav").get_by_role("link", name="Sync runs").click()
        page.get_by_role("link", name=month.yesterday, exact=True).click()
        page.locator("#againstbefore").wait_for()
        assert done.steps() == 2, done.all()
        told = page.locator("#fewer").inner_text()
        fewer = re.match(r"(\d+) documents fewer than in run \d+\.", told)
        assert fewer, told
        cells = page.locator("#againstbefore tfoot td").all_inner_texts()
        now, then, by = (int(re.sub("−", "-", text).split()[0]) for text in cells)
        assert (now, by, now - then) == (1, -int(fewer[1]), by)
        held = page.locator("#nottaken")
        held.click()
        page.locator("#holdgroups").wait_for()


def test_an_address_that_is_typed_is_refused(month: Month) -> None:
    with month.work("viewer", "accounts") as (page, _):
        typed: Callable[[str], Any] = page.goto
        with pytest.raises(AssertionError, match="typed an address"):
            typed(month.address)
