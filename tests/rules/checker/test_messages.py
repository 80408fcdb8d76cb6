"""What is wrong with a message is told at its placeholder, and no brace is left open in silence."""

import pytest

from grammar.parsing.incremental import Reader
from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from rules.checker.all_checks import check
from tests.rules.kedai import TEXT

OWED = "Nothing is owed to {blogger}."
BLOGGER = "Blogger {key} is not"
FAULTS = [
    (OWED, "Nothing is owed to {bloger}.", "MSG01", "{bloger}", "'bloger'", "'blogger'"),
    (OWED, "Owed to {blogger} of {x}.", "MSG01", "{x}", "'x'", "Known here"),
    (OWED, "Owed: {blogger + 1}.", "MSG02", "{blogger + 1}", "no name and no call", "computed"),
    (OWED, "Owed to {Blogger}.", "MSG02", "{Blogger}", "no name and no call", "{blogger}"),
    (OWED, "Owed to {}.", "MSG02", "{}", "no name and no call", "{number}"),
    (OWED, "Owed to {blogger.", "MSG02", "{blogger", "not closed", "{blogger}"),
    (OWED, "Owed to {blogger is late", "MSG02", "{blogger", "not closed", "{blogger}"),
    (OWED, "Owed to {blogger by {number}.", "MSG02", "{blogger", "not closed", "{blogger}"),
    (OWED, "Owed to { blogger", "MSG02", "{ blogger", "not closed", "{blogger}"),
    (OWED, "Owed to {", "MSG02", "{", "not closed", "{number}"),
    (OWED, "Owed to blogger}.", "MSG02", "blogger}", "closes nothing", "{blogger}"),
    (OWED, "Owed to }", "MSG02", "}", "closes nothing", "{number}"),
    (BLOGGER, "Blogger {blogger} is not", "MSG01", "{blogger}", "'blogger'", "{key}"),
    (BLOGGER, "Blogger {key is not", "MSG02", "{key", "not closed", "{key}"),
    (BLOGGER, "Blogger key} is not", "MSG02", "key}", "closes nothing", "{key}"),
]


def told(text: str) -> list[Problem]:
    ruleset, broken = parse({"kedai.rules": text})
    assert broken == ()
    return [p for p in check(ruleset) if p.code.startswith("MSG")]


def pointed(text: str, problem: Problem) -> str:
    span = problem.span
    assert span.line == span.end_line
    return text.split("\n")[span.line - 1][span.column - 1 : span.end_column - 1]


@pytest.mark.parametrize(("right", "wrong", "code", "points", "message", "hint"), FAULTS)
def test_a_fault_of_a_message_is_told_where_it_stands(
    right: str, wrong: str, code: str, points: str, message: str, hint: str
) -> None:
    assert TEXT.count(right) == 1
    text = TEXT.replace(right, wrong)
    (found,) = told(text)
    assert (found.code, pointed(text, found)) == (code, points)
    assert (message in found.message, hint in found.hint) == (True, True), found


def test_braces_that_are_doubled_are_told_at_both_ends() -> None:
    text = TEXT.replace(OWED, "Owed to {{blogger}}.")
    found = told(text)
    assert [(p.code, pointed(text, p)) for p in found] == [("MSG02", "{"), ("MSG02", "}")]
    assert all("one brace" in p.hint for p in found)


def test_every_kind_of_message_is_asked() -> None:
    lines = [
        number for number, line in enumerate(TEXT.split("\n")) if ' "' in line and "say" in line
    ]
    assert len(lines) > 8
    for number in lines:
        all_lines = TEXT.split("\n")
        if all_lines[number].lstrip().startswith("#"):
            continue
        begin = all_lines[number].rindex("say")
        all_lines[number] = all_lines[number][:begin] + 'say "So {far"'
        found = told("\n".join(all_lines))
        assert [(p.code, p.span.line) for p in found] == [("MSG02", number + 1)], all_lines[number]


def test_a_document_number_is_asked_too() -> None:
    head = next(
        line for line in TEXT.split("\n") if line.startswith("post ") and "{number}" in line
    )
    at = TEXT.split("\n").index(head) + 1
    for wrong in ("{number", "number}"):
        (found,) = told(TEXT.replace(head, head.replace("{number}", wrong)))
        assert (found.code, found.span.line) == ("MSG02", at)


def test_a_message_that_only_moved_is_told_where_it_is_now() -> None:
    reader, wrong = Reader(), TEXT.replace(OWED, "Owed to {bloger}.")
    places = []
    for text in (wrong, f"# a line above\n\n{wrong}"):
        ruleset, _ = reader.parse({"kedai.rules": text})
        (found,) = [p for p in check(ruleset) if p.code == "MSG01"]
        assert pointed(text, found) == "{bloger}"
        places.append(found.span.line)
    assert places[1] == places[0] + 2


def test_a_message_is_the_same_text_wherever_it_stands() -> None:
    first, _ = parse({"a": TEXT})
    second, _ = parse({"a": f"# above\n{TEXT}"})
    assert first == second
    assert first.checks[0].say.span != second.checks[0].say.span
