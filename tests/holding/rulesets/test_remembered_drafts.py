"""What a look at a draft remembers of the last one: never another answer, never another's draft.

Here: the answers of a process after any edits, byte for byte those of a process that remembers
nothing, and who is asked about which draft. Not here: the limits (test_rule_checks.py).
"""

import random
from collections.abc import Iterator, Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import rule_bench
from connectors.kit.workbook import Child, Ended
from holding.db.refusal import Refusal
from holding.rulesets import admission, check_processes
from holding.rulesets.admission import Report
from holding.rulesets.check_processes import DRAFTS, Looks, Question, RuleChecks
from tests.support.house import RULES

SHOP = RULES.replace("TIMING", "immediately")
GUARDED = rule_bench.repeat_checks(rule_bench.SHAPES["guarded"], 12)
CLASHING = """
check low_{n} on invoice
    require  total < {n}.00
    else     hold for accounts
    say      "{{total}} is much."
    clears   when it passes
check high_{n} on invoice
    require  total > {n}.00
    else     hold for accounts
    say      "{{total}} is little."
    clears   when it passes
"""
TEXTS = (SHOP, GUARDED, GUARDED + CLASHING.format(n=5))
WORDS = ("total", "customer", "5", "paid", "accounts", "invoice", "and", "{number}", "not")
ACTS = ("word", "word", "line", "drop", "double", "blank", "swap", "undo", "letter")


def edited(text: str, rng: random.Random, before: list[str]) -> str:
    """The text after one act of whoever writes it."""
    act, lines = rng.choice(ACTS), text.split("\n")
    at = rng.randrange(len(lines))
    if act == "undo":
        return rng.choice(before)
    if act == "word":
        words = lines[at].split(" ")
        words[rng.randrange(len(words))] = rng.choice(WORDS)
        lines[at] = " ".join(words)
    elif act == "letter":
        cut = rng.randrange(len(lines[at]) + 1)
        lines[at] = lines[at][:cut] + rng.choice("as \"{1#'\u200b") + lines[at][cut:]
    elif act == "line":
        lines[at:at] = [rng.choice(rng.choice(TEXTS).split("\n"))]
    elif act == "drop":
        del lines[at]
    elif act == "double":
        lines[at:at] = lines[at : at + rng.randrange(9)]
    elif act == "swap":
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at:at] = [rng.choice(("", "# note"))]
    return "\n".join(lines)


def said(looks: Looks, question: Question) -> bytes:
    return looks.answer(msgspec.json.encode(question))


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(TEXTS))
def test_T24e_whatever_is_typed_the_answer_is_that_of_a_fresh_look(seed: int, text: str) -> None:
    rng, warm, before = random.Random(seed), Looks(), [text]
    files = {"a.rules": text, "z.rules": 'role accounts "Twice"\n'}
    for _ in range(10):
        path = rng.choice(sorted(files))
        files[path] = edited(files[path], rng, before if path == "a.rules" else ["language 1\n"])
        before.append(files["a.rules"])
        again = dict(reversed(files.items())) if rng.random() < 0.5 else files
        tests, mine = rng.random() < 0.2, "1/7/a.rules"
        fresh = said(Looks(), Question(again, tests))
        assert said(warm, Question(again, tests, whose=mine)) == fresh
        typed = files["a.rules"][: rng.randrange(len(files["a.rules"]) + 1)]
        fits = said(Looks(), Question(again, before=typed))
        assert said(warm, Question(again, before=typed, whose=mine)) == fits


def looked(monkeypatch: pytest.MonkeyPatch) -> list[admission.Seen | None]:
    """What each look from now on remembers."""
    given: list[admission.Seen | None] = []

    def noted(
        files: Mapping[str, str], *, tests: bool = True, caches: admission.Seen | None = None
    ) -> Report:
        given.append(caches)
        return admission.report(files, tests=tests, caches=caches)

    monkeypatch.setattr(check_processes, "report", noted)
    return given


def test_T24e_each_draft_is_remembered_by_itself_and_the_oldest_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given, looks = looked(monkeypatch), Looks()
    drafts = [f"{company}/7/a.rules" for company in range(DRAFTS + 1)]
    for whose in (drafts[0], *drafts, drafts[0], "", ""):
        said(looks, Question({"a.rules": GUARDED}, tests=False, whose=whose))
    first, again, *others, anew, nothing, never = given
    assert first is again
    assert first is not None
    known = [first, *others, anew]
    assert len({id(one) for one in known}) == DRAFTS + 2, "none is that of another"
    assert len({id(one.reader) for one in known if one}) == DRAFTS + 2
    assert nothing is never is None


def test_T24e_a_key_asks_the_check_that_changed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    given, looks = looked(monkeypatch), Looks()
    costs = []
    for text in (GUARDED, GUARDED.replace("total > 2.00", "total > 2.01"), f"# a\n{GUARDED}"):
        said(looks, Question({"a.rules": text}, tests=False, whose="1/7/a.rules"))
        assert given[0] is not None
        costs.append((given[0].reader.read, given[0].memory.asked))
    (read, asked), *more = costs
    assert asked == 12
    assert more == [(read + 1, asked + 1), (read + 2, asked + 1)]


class Asked:
    """Processes that note what they are asked; the answers are made here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, ends: Ended | None = None) -> None:
        self.started: list[Child] = []
        self.asked: list[tuple[int, str]] = []
        self.ends = ends
        house = self

        class Noting(Child):
            def __init__(self, *_: str) -> None:
                house.started.append(self)
                self.looks = Looks()

            def ask(self, question: bytes, _seconds: float) -> bytes | Ended:
                found = msgspec.json.decode(question, type=Question)
                first = house.started.index(self) == 0
                house.asked.append((house.started.index(self), found.whose))
                if first and house.ends and len(house.asked) > 1:
                    return house.ends
                return self.looks.answer(question)

            def end(self) -> None:
                """There is no process."""

        monkeypatch.setattr(check_processes, "Child", Noting)


@pytest.fixture
def checks() -> Iterator[RuleChecks]:
    made = RuleChecks(1)
    yield made
    made.end()


def test_T24e_a_draft_is_asked_where_it_is_remembered(
    checks: RuleChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = Asked(monkeypatch)
    two = [checks._started(), checks._started()]
    checks._idle += two
    for number, whose in enumerate(("a", "b", "a", "a", "b", "c", "d", "e", "a")):
        checks.report({"a.rules": f"role r{number}\n"}, draft_key=whose)
    places = {whose: {at for at, told in house.asked if told == whose} for whose in "ab"}
    assert places == {"a": {0}, "b": {1}}
    assert all(len(one.drafts) <= DRAFTS for one in two)


@pytest.mark.parametrize(("whose", "answered"), [("a", True), ("", False)])
def test_T24e_who_remembers_too_much_forgets_it_before_anybody_is_refused(
    checks: RuleChecks, monkeypatch: pytest.MonkeyPatch, whose: str, answered: bool
) -> None:
    house = Asked(monkeypatch, Ended.MEMORY)
    checks.report({"a.rules": "role r1\n"}, draft_key=whose)
    told = checks.report({"a.rules": "role r2\n"}, draft_key=whose)
    assert isinstance(told, Report if answered else Refusal)
    assert [at for at, _ in house.asked] == ([0, 0, 1] if answered else [0, 0])
    assert len(checks._idle) == answered


def test_T24e_a_look_that_takes_too_long_is_refused_though_it_was_remembered(
    checks: RuleChecks, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = Asked(monkeypatch, Ended.PROCESSOR)
    checks.report({"a.rules": "role r1\n"}, draft_key="a")
    told = checks.report({"a.rules": "role r2\n"}, draft_key="a")
    assert isinstance(told, Refusal)
    assert len(house.asked) == 2
