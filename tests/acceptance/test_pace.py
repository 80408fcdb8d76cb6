"""How often and how fast something is sent: tries, refused keys, absence, limits, pauses.

The clock of the company and of its targets is moved; nobody waits for it.
"""

import json
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import act, said
from tests.acceptance.houses import COMPANY, open_doors, quiet
from tests.acceptance.pace import RETRY, Timed, another_target, recorded
from tests.acceptance.parts import answers, hold_links, read, state
from tests.acceptance.product import (
    ADMIN,
    FINANCE,
    SIMULATOR_KEY,
    House,
    Product,
    Visitor,
    free_environment,
    until,
)
from tests.acceptance.quiet import BASE, ask_target, change, record, rows, work, writes

pytestmark = pytest.mark.slow
OPERATOR = "operator@kedai.example"
ANSWERS = Path(__file__).with_name("answers.toml")
WAITING = ("temporary", "uncertain")  # classes that end by themselves


@pytest.fixture(scope="module")
def timed(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Timed]:
    folder = tmp_path_factory.mktemp("paced")
    rules = folder / "paced-rules"
    shutil.copytree(STARTER, rules)
    (rules / "retry.rules").write_text(RETRY, "utf-8")
    slow = {"CLEARPOST_SETTLE_SECONDS": "30", "CLEARPOST_LEASE_SECONDS": "60"}
    product = Product(command, folder, {**free_environment(), **slow})
    with quiet(product, rules, simulator=("--home", str(product.home))) as house:
        yield Timed(house)


def test_C15_a_busy_target_gets_another_try_and_after_the_limit_a_person(timed: Timed) -> None:
    house = timed.house
    ask_target(house, "faults", fault="unavailable")
    timed.deliver(1501)
    work(house)
    timed.until_done(1501, 130, tries=3)
    assert [call["effect"] for call in writes(house, "NS-1501")] == ["created"]
    seen = [call["call"] for call in house.calls() if call["call"] in ("json", "lookup")]
    assert (seen[0], seen[-1], seen.count("json")) == ("json", "json", 2)
    assert seen.count("lookup") >= 2, "it is looked up before it is sent again"

    before = len([call for call in house.calls() if call["call"] == "json"])
    ask_target(house, "faults", fault="unavailable", count=3)
    timed.deliver(1502)
    work(house)
    timed.until_done(1502, 130, tries=8)
    timed.passes(600)
    work(house)
    assert len([call for call in house.calls() if call["call"] == "json"]) - before == 3
    assert house.record("NS-1502")["state"] == "failed"
    page = record(house.visitor(FINANCE), 1502)
    assert state(page) == "Failed"
    told = house.visitor(FINANCE).get(f"{BASE}/holding?view=all&q=NS-1502")
    assert "Gave up after 3 tries. AiAccount answered 503." in page.text + told
    owner = rows(
        house,
        "SELECT team.name FROM hold JOIN team ON team.id = hold.team_id WHERE hold.number = ?",
        "NS-1502",
    )
    assert owner == [("it_support",)]
    _early_only_after_a_test(house, 1502)


def _early_only_after_a_test(house: House, number: int) -> None:
    """What gave up waits for the longest pause, or for a test of its connection (C18)."""
    early = act(house.visitor(FINANCE), number, "retry")
    assert early.status_code == 409
    assert re.search(r"Nothing changed since .*It can be tried again at [\d: -]+,", said(early))
    house.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)
    assert act(house.visitor(FINANCE), number, "retry").status_code == 200
    work(house)
    assert house.record(f"NS-{number}")["state"] == "posted"


def test_C13_a_refused_key_is_one_exception_and_everything_else_waits(timed: Timed) -> None:
    house = timed.house
    numbers = list(range(13_001, 13_201))
    known = len(house.calls())
    ask_target(house, "pause", key=SIMULATOR_KEY, status="disabled")
    timed.deliver(*numbers)
    work(house)
    timed.passes(120)
    work(house)
    calls = [call for call in house.calls()[known:] if call["call"] == "json"]
    assert [call["code"] for call in calls] == ["key_disabled"]
    held = "SELECT hold.class, team.name FROM hold JOIN team ON team.id = hold.team_id"
    held += " WHERE hold.state = 'open' AND hold.number LIKE 'NS-13%'"
    assert rows(house, held) == [("authorization_failed", "it_support")]
    assert "API key rejected" in timed.pill()
    assert "199 waiting" in timed.pill()
    shown = timed.queue()
    assert shown == sorted(shown), "those that were about to go kept their places"
    tried = rows(house, "SELECT DISTINCT tries FROM posting WHERE number LIKE 'NS-13%'")
    assert tried == [(0,)]

    ask_target(house, "pause", key=SIMULATOR_KEY, status="active")
    house.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)
    work(house)
    made = [number for number in house.created() if number.startswith("NS-13")]
    assert sorted(made) == [f"NS-{number}" for number in numbers]


def test_E25_a_paused_key_keeps_its_queue_in_order_over_a_restart(timed: Timed) -> None:
    house = timed.house
    numbers = [*range(25_021, 25_031), *range(25_011, 25_021), *range(25_001, 25_011)]
    reason = ("--reason", "month end", *COMPANY, "--as", OPERATOR)
    house.product.run("connection", "pause", "aiaccount", *reason)
    for at in range(0, 30, 10):
        timed.deliver(*numbers[at : at + 10])
    work(house)
    house.doors.close()
    open_doors(house)
    work(house)
    assert "30 waiting" in timed.pill()
    finance = house.visitor(FINANCE)
    waits = f"NS-{numbers[0]} waits for the paused connection AiAccount since "
    assert waits in record(finance, numbers[0], "trace").text
    assert timed.queue() == [f"NS-{number}" for number in numbers[:10]]
    assert not [number for number in house.created() if number.startswith("NS-25")]

    house.product.run("connection", "resume", "aiaccount", *COMPANY, "--as", OPERATOR)
    work(house)
    made = [number for number in house.created() if number.startswith("NS-25")]
    assert made == [f"NS-{number}" for number in numbers]
    assert answers(record(finance, numbers[0]))
    trace = record(finance, numbers[0], "trace").text
    assert f"NS-{numbers[0]} waited for the paused connection AiAccount, " in trace
    assert waits not in trace


def test_E36_four_workers_share_what_a_target_takes_in_a_minute(timed: Timed) -> None:
    house = timed.house
    numbers = list(range(36_001, 36_071))
    setting = ("connection", "set", "aiaccount", *COMPANY, "--as", ADMIN, "--set")
    clock = ("--home", str(house.product.home), "--rate", "60")
    _heeds_a_refusal(timed)
    held = "SELECT count(*) FROM posting WHERE number LIKE 'NS-36%' AND lease_until IS NOT NULL"
    with another_target(timed, *clock) as target, ExitStack() as workers:
        house.product.run(*setting, "calls_per_minute=60")
        workers.callback(house.product.run, *setting, "calls_per_minute=")
        timed.deliver(*numbers)
        for _ in range(4):
            workers.enter_context(house.product.started("worker", "--no-redis"))

        def all_there() -> bool:
            if rows(house, held) == [(0,)]:  # else a minute would pass between a grant and its call
                timed.passes(3)
            return len(target.created()) >= len(numbers)

        until(all_there, "every order in the target", 120)
    assert sorted(target.created()) == [f"NS-{number}" for number in numbers]
    calls = target.calls()
    refused = [call for call in calls if call["code"] == "rate_limited"]
    assert len(refused) <= len(calls) / 100


def _heeds_a_refusal(timed: Timed) -> None:
    """A target that says 429 is not called again before the time that it names, for nobody."""
    house = timed.house
    body = json.dumps({"error": {"code": "rate_limited", "message": "Too many requests"}})
    refusal = {"status": 429, "body": body, "headers": {"Retry-After": "400"}}
    with recorded(timed, {"NS-36101": refusal}):
        timed.deliver(36_101)
        work(house)
    known = len(house.calls())
    for number in (36_102, 36_103, 36_104):  # long after the pauses of the retry table
        timed.passes(120)
        timed.deliver(number)
        work(house)
    assert [call for call in house.calls()[known:] if call["call"] == "json"] == []
    timed.passes(60)
    work(house)
    made = {number for number in house.created() if number.startswith("NS-361")}
    assert made == {f"NS-{number}" for number in range(36_101, 36_105)}


def test_E37_a_target_that_came_back_is_noticed_and_its_queue_goes_on(timed: Timed) -> None:
    house = timed.house
    numbers = list(range(37_001, 37_011))
    clock = ("--home", str(house.product.home))
    with another_target(timed, *clock) as target:
        target.running.close()  # nobody listens there any more
        timed.deliver(*numbers)
        work(house)
        assert "Out of reach since" in timed.pill()
        for _ in range(6):
            timed.passes(100)
            work(house)
        target.start()
        known = len(target.calls())
        timed.passes(60)
        work(house)
        assert sorted(target.created()[-10:]) == [f"NS-{number}" for number in numbers]
        assert target.calls()[known]["call"] == "connection", "it is asked before anything is sent"
    assert "Last sync" in timed.pill()


WORDS = {
    "missing_field": "missing",
    "mapping_missing": "missing",
    "temporary": "unavailable",
    "uncertain": "unavailable",
    "bad_value": "rejected",
    "business_rule": "rejected",
    "period_locked": "rejected",
    "stale_version": "rejected",
    "duplicate": "duplicated",
    "authorization_failed": "not authorized",
}
LABELS = {
    "missing_field": "Required field missing",
    "mapping_missing": "Mapping missing",
    "bad_value": "Value not valid",
    "business_rule": "Rule not met",
    "period_locked": "Period locked",
    "stale_version": "Changed after posting",
    "duplicate": "Possible duplicate",
    "authorization_failed": "Connection not authorised",
    "temporary": "Temporary problem",
    "uncertain": "Unconfirmed",
}


def test_C16_forty_answers_each_have_their_class_and_keep_their_words(timed: Timed) -> None:
    house = timed.house
    given = tomllib.loads(ANSWERS.read_text("utf-8"))["answer"]
    assert len(given) == 40
    told = {f"NS-{number}": one for number, one in enumerate(given, start=16_001)}
    first = "SELECT push.number, attempt.error_class, attempt.error FROM attempt "
    first += "JOIN push ON push.id = attempt.push_id WHERE push.number LIKE 'NS-16%' "
    first += "AND attempt.no = 1 AND attempt.state <> 'sending'"
    calm = "UPDATE throttle SET breaker = 'closed', failures = 0, recent = '', open_until = NULL, "
    calm += "filled_at = NULL, quota_limit = NULL"
    with recorded(timed, told):
        timed.deliver(*range(16_001, 16_041))
        for _ in range(12):  # one that stops the whole connection is followed by the next
            work(house)
            if len({row[0] for row in rows(house, first)}) == len(told):
                break
            change(house, calm)
        found = {number: (error_class, words) for number, error_class, words in rows(house, first)}
        assert found == {number: (one["class"], one["words"]) for number, one in told.items()}
        held = rows(house, "SELECT number, class FROM hold WHERE number LIKE 'NS-16%'")
        lasting = {n: one["class"] for n, one in told.items() if one["class"] not in WAITING}
        assert dict(held) == lasting
        finance = house.visitor(FINANCE)
        for number in (16_007, 16_009, 16_032, 16_034):
            page = record(finance, number, "pushes").text
            assert " ".join(told[f"NS-{number}"]["words"].split()) in page
        _shows_five_words(finance, {int(n[3:]): one["class"] for n, one in told.items()})
        change(house, "UPDATE posting SET due_at = NULL WHERE number LIKE 'NS-16%'")
        change(house, calm)


def _shows_five_words(finance: Visitor, classes: Mapping[int, str]) -> None:
    """Answers show one of five plain words with the class; causes show the class alone."""
    assert set(classes.values()) == set(WORDS)
    one_each = {error_class: number for number, error_class in classes.items()}
    for error_class, number in one_each.items():
        page, said = (
            record(finance, number, "pushes"),
            f"{WORDS[error_class]} {LABELS[error_class]}",
        )
        answers = [cell.text for cell in page.all("td", **{"data-label": "Answer"})]
        assert any(said in answer for answer in answers), answers
        if error_class not in WAITING:
            assert said in page.one("main").text
            shown = read(finance.get(hold_links(page)[0]))
            assert shown.one("p", cls="state").text.startswith(LABELS[error_class])
        pushes = read(finance.get(f"{BASE}/pushes?q=NS-{number}"))
        assert said in pushes.one("table").text
    listed = read(finance.get(f"{BASE}/holding"))
    causes = {part.text for part in listed.all("span", cls="cause")}
    lasting = {c for c in one_each if c not in WAITING}
    assert {LABELS[c] for c in lasting} <= causes
    facets = listed.one(id="holdfacets").all("input", name="class")
    assert {box.attributes["value"] for box in facets} >= lasting
    missing = [c for c in sorted(lasting) if WORDS[c] == "missing"]
    narrowed = read(finance.get(f"{BASE}/holding?{'&'.join(f'class={c}' for c in missing)}"))
    left = {part.text for part in narrowed.all("span", cls="cause")}
    assert left >= {LABELS[c] for c in missing}
    assert "Connection not authorised" not in left
