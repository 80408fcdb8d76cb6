"""Rules are looked at for pages in processes with limits: two at a time, and not for long."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from connectors.kit.workbook import Child, Ended
from holding.db.refusal import Refusal
from holding.rulesets import check_processes
from holding.rulesets.admission import MOST, Coverage, Report, measure_coverage, report
from holding.rulesets.check_processes import BUSY, Looks, Question, RuleChecks
from tests.acceptance.product import until
from tests.support.house import RULES

FILES = {"shop.rules": RULES.replace("TIMING", "immediately")}
EACH = " or ".join(f"(total > {n}.00 and total < {n}.50)" for n in range(24_000))
HEAVY = f"""
check heavy on order
    require  {EACH}
    else     warn
    say      "Heavy."
    clears   when it passes
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may start slowly here, where others are at work."""
    monkeypatch.setattr(check_processes, "SPARE_SECONDS", 60)


@pytest.fixture(scope="module")
def checks() -> Iterator[RuleChecks]:
    made = RuleChecks(1)
    yield made
    made.end()


def test_T29c_a_look_in_another_process_says_what_one_here_says(checks: RuleChecks) -> None:
    broken = {"shop.rules": FILES["shop.rules"].replace("check ", "cheque ", 1)}
    for files in (FILES, broken, {}, {"a.csv": "x"}):
        assert checks.report(files) == report(files)


TESTED = {"shop.rules": FILES["shop.rules"] + """
sample tea of order at 2026-11-19 10:00
    number         = "SO-1"
    status         = paid
    ordered_on     = 2026-11-18
    currency       = "MYR"
    customer_name  = "Warung Melati"
    total          = 10.00
    line  pos = 1, sku = "TEA", name = "Tea", qty = 2, price = 5.00
    with  period = open

test "a paid order goes"
    given    tea
    expect   aiaccount.sales_invoice ready
        InvoiceNumber = "IV-SO-1"
"""}  # fmt: skip


def test_how_much_of_rules_their_tests_prove_is_measured_by_breaking_each_part(
    checks: RuleChecks,
) -> None:
    assert report(TESTED).ran == 1
    told = measure_coverage(TESTED, 60)
    assert told.left == 0
    assert told.proved + len(told.open) == told.measured > 10
    unproved = {one.name: one for one in told.open}
    paid, cancelled = "gate order: ready paid", "gate order: cancel cancelled"
    assert (paid in unproved, cancelled in unproved) == (False, True)
    line = TESTED["shop.rules"].splitlines()[unproved[cancelled].line - 1]
    assert line.split() == ["cancel", "cancelled"]
    assert checks.coverage(TESTED) == told
    assert measure_coverage(FILES, 60).proved == 0
    broken = {"shop.rules": TESTED["shop.rules"].replace("gate order", "gait order", 1)}
    assert measure_coverage(broken, 60) == Coverage(0, 0, 0, ())


def test_what_there_was_no_time_for_is_measured_when_it_is_asked_again(
    checks: RuleChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_processes, "PROVING", 1e-9)
    files = {"shop.rules": TESTED["shop.rules"] + "# again\n"}
    whole, found = measure_coverage(files, 60), checks.coverage(files)
    for measured in range(1, whole.measured + 1):
        assert isinstance(found, Coverage)
        assert (found.measured, found.left) == (measured, whole.measured - measured)
        found = checks.coverage(files)
    assert found == whole


def test_T29c_rules_that_take_too_long_are_stopped_in_words_and_the_next_are_looked_at(
    checks: RuleChecks,
) -> None:
    stopped = checks.report({"shop.rules": FILES["shop.rules"] + HEAVY})
    assert isinstance(stopped, Refusal)
    assert stopped.code == "rules.stopped"
    assert stopped.message.startswith("The check was stopped after ")
    assert "clearpost check" in stopped.hint
    changed = {"shop.rules": FILES["shop.rules"] + "# more\n"}
    assert isinstance(checks.report(changed), Report)


def test_T29c_a_report_tells_the_first_and_counts_all() -> None:
    many = "".join(HEAVY.replace(EACH, "totl > 1.00").replace("heavy", f"h{n}") for n in range(150))
    found = report({"shop.rules": FILES["shop.rules"] + many})
    assert found.errors == 150
    assert len(found.findings) == MOST
    refusal = found.refusal()
    assert refusal is not None
    assert refusal.hint == "149 more."


class Held(RuleChecks):
    """Looks that last until they are let go."""

    def __init__(self) -> None:
        super().__init__(1)
        self.busy = self.most = 0
        self.go = threading.Event()
        self.counting = threading.Lock()

    def _answered(self, question: Question) -> bytes | Refusal:
        with self.counting:
            self.busy += 1
            self.most = max(self.most, self.busy)
        assert self.go.wait(60)
        with self.counting:
            self.busy -= 1
        return Looks().answer(msgspec.json.encode(Question({})))


def test_T29c_two_look_two_wait_and_more_are_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check_processes, "WAIT_SECONDS", 60)
    held = Held()
    with ThreadPoolExecutor(4) as people:
        asked = [people.submit(held.report, {"a.rules": str(n)}) for n in range(4)]
        until(lambda: held._inside._value == 0, "four inside")
        assert held.report({"a.rules": "5"}) is BUSY
        assert not any(each.done() for each in asked)
        held.go.set()
        assert all(isinstance(each.result(60), Report) for each in asked)
    assert held.most == 2
    assert isinstance(held.report({"a.rules": "6"}), Report)


def test_T29c_who_waits_does_not_wait_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_processes, "WAIT_SECONDS", 0.05)
    held = Held()
    with ThreadPoolExecutor(2) as people:
        asked = [people.submit(held.report, {"a.rules": str(n)}) for n in range(2)]
        until(lambda: held.busy == 2, "two at work")
        assert held.report({"a.rules": "3"}) is BUSY
        held.go.set()
        assert all(isinstance(each.result(60), Report) for each in asked)


def test_T29c_what_was_looked_at_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = RuleChecks(1)
    try:
        first = made.report(FILES)
        monkeypatch.setattr(Child, "ask", lambda *_: Ended.TIME)
        assert made.report(dict(FILES)) is first
        assert isinstance(made.report({"other.rules": ""}), Refusal)
    finally:
        made.end()


def test_a_check_that_waits_for_a_processor_is_not_called_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the time of the processor says that rules are too large; the clock says: later."""
    checks = RuleChecks(10)
    monkeypatch.setattr(Child, "ask", lambda *_: Ended.TIME)
    answer = checks.report({"a.rules": "language 1\n"})
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.status) == ("rules.busy", 503)
    assert "too large" not in answer.message
