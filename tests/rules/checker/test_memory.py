"""What the checker remembers: never another finding, and little to ask again."""

import random

import pytest

from bench import rule_bench
from grammar.parsing.incremental import Reader
from rules.checker.all_checks import check
from rules.checker.places import Memory
from tests.rules.kedai import TEXT

CHECKS = 60
GUARDED = rule_bench.repeat_checks(rule_bench.SHAPES["guarded"], CHECKS)


class Editor:
    """Whoever looks at one file again and again."""

    def __init__(self) -> None:
        self.reader, self.memory = Reader(), Memory()

    def asked(self, text: str) -> tuple[int, int]:
        """How many checks were asked, and read, for a text; the findings are a newcomer's."""
        before = self.memory.asked, self.memory.studied
        sources = {"all.rules": text}
        ruleset, _ = self.reader.parse(sources)
        found = check(ruleset, memory=self.memory, sources=sources)
        assert found == check(ruleset)
        return self.memory.asked - before[0], self.memory.studied - before[1]


def test_T24c_a_key_in_one_check_asks_that_check_alone() -> None:
    editor = Editor()
    assert editor.asked(GUARDED) == (CHECKS, CHECKS)
    assert editor.asked(GUARDED) == (0, 0)
    assert editor.asked(GUARDED.replace("total > 2.00", "total > 2.01")) == (1, 1)
    assert editor.asked(GUARDED.replace("total > 2.00", "totals > 2.00")) == (1, 1)
    assert editor.asked(GUARDED.replace("\ncheck ", "\n\n# moved\ncheck ")) == (1, 1)
    within = GUARDED.replace("    when     total > 2.00", "    # why\n\n    when     total > 2.00")
    assert editor.asked(within) == (0, 0)
    assert editor.asked(GUARDED.replace("\ncheck tier_rule_2 ", "\nchek tier_rule_2 ")) == (0, 0)


def test_T24c_checks_that_are_written_as_before_are_not_compared_again() -> None:
    editor = Editor()
    other = GUARDED.replace("total > 2.00", "total > 2.01")
    moved = GUARDED.replace("\ncheck tier_rule_2 ", "\n\ncheck tier_rule_2 ")
    for text, compared in (
        (GUARDED, 2),
        (GUARDED, 0),
        (moved, 0),
        (other, 1),
        (GUARDED, 0),
        (other, 0),
        (GUARDED.replace('say      "{subtotal}', 'say      "{subtotal}!'), 1),
    ):
        before = editor.memory.compared
        editor.asked(text)
        assert editor.memory.compared - before == compared


TWO_RECORDS = """
record note from {source}
    number  text     key
    pieces  decimal

record bill from {source}
    number  text     key
    pieces  whole

check between on note, bill
    when     pieces > 1 and pieces < 2
    require  number <> "X"
    else     hold for accounts
    say      "{{pieces}} pieces."
    clears   when it passes
"""


def test_T24c_a_check_that_is_broken_leaves_the_others_as_right_as_they_were() -> None:
    editor = Editor()
    editor.asked(GUARDED)
    before = editor.memory.compared
    editor.asked(GUARDED.replace("\ncheck tier_rule_2 ", "\nchek tier_rule_2 "))
    assert editor.memory.compared == before


def test_T24c_a_check_that_stands_twice_is_told() -> None:
    editor = Editor()
    editor.asked(GUARDED)
    at = GUARDED.index("\ncheck tier_rule_2 ")
    again = GUARDED[at : GUARDED.index("\ncheck ", at + 1)]
    twice = f"{GUARDED}\n{again.replace('tier_rule_2', 'the_same')}"
    for _ in range(2):
        editor.asked(twice)
        sources = {"all.rules": twice}
        ruleset, _ = editor.reader.parse(sources)
        found = check(ruleset, memory=editor.memory, sources=sources)
        assert "LOG06" in {problem.code for problem in found}


def test_T24c_a_check_of_two_records_is_compared_in_each() -> None:
    (source,) = (line.split()[1] for line in GUARDED.split("\n") if line.startswith("source "))
    editor = Editor()
    for _ in range(2):
        text = GUARDED + TWO_RECORDS.format(source=source)
        editor.asked(text)
        ruleset, _ = editor.reader.parse({"all.rules": text})
        sources = {"all.rules": text}
        found = check(ruleset, memory=editor.memory, sources=sources)
        assert [p.code for p in found if p.code.startswith("LOG")] == ["LOG02"]


def test_T24c_what_is_wrong_is_asked_again_and_told_again() -> None:
    editor = Editor()
    wrong = GUARDED.replace("total > 2.00", "totals > 2.00")
    assert [editor.asked(wrong)[0] for _ in range(3)] == [CHECKS, 1, 1]


def test_T24c_another_declaration_asks_all_and_an_undo_none() -> None:
    editor = Editor()
    editor.asked(GUARDED)
    renamed = GUARDED.replace("    subtotal ", "    subtotals ", 1)
    assert renamed != GUARDED
    assert editor.asked(renamed) == (CHECKS, CHECKS)
    assert editor.asked(GUARDED) == (0, 0)


def test_T24c_without_the_text_of_the_files_nothing_is_remembered() -> None:
    memory = Memory()
    ruleset, _ = Reader().parse({"all.rules": GUARDED})
    for _ in range(2):
        check(ruleset, memory=memory)
    assert memory.asked == 2 * CHECKS


def test_T24c_nothing_is_remembered_beside_a_file_that_cannot_be_seen() -> None:
    memory, reader = Memory(), Reader()
    head, *checks = GUARDED.split("\ncheck ")
    mine = "".join(f"check {each}\n" for each in checks)
    for declared in (head, head.replace("    subtotal ", "    subtotals ", 1)):
        ruleset, _ = reader.parse({"head.rules": declared, "checks.rules": mine})
        found = check(ruleset, memory=memory, sources={"checks.rules": mine})
        assert found == check(ruleset)
    assert memory.asked == 2 * CHECKS


@pytest.mark.slow
def test_T24c_whatever_is_typed_the_findings_are_those_of_a_newcomer() -> None:
    rng, editor, text = random.Random(24), Editor(), TEXT
    whole = TEXT.split("\n")
    for _ in range(60):
        lines = text.split("\n")
        at = rng.randrange(len(lines))
        kind = rng.randrange(4)
        if kind == 0:
            lines[at:at] = [rng.choice(whole)]
        elif kind == 1:
            del lines[at]
        elif kind == 2:
            words = lines[at].split(" ")
            words[rng.randrange(len(words))] = rng.choice(
                ["total", "5", "paid", "accounts", "order"]
            )
            lines[at] = " ".join(words)
        else:
            lines = whole
        text = "\n".join(lines)
        editor.asked(text)
