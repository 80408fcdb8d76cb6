"""A finding of style is silenced by code and declaration, with a reason; nothing else ever is."""

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from grammar.text.finding_codes import CODES, STYLE
from grammar.text.problem import Problem
from rules.checker.all_checks import check
from tests.rules.kedai import TEXT

SPARE = "\nconst spare\n    from 2026-01-01 = 1.00\n"
WHY = "Counts from January on."


def found(text: str) -> list[Problem]:
    ruleset, broken = parse({"kedai.rules": text})
    assert broken == ()
    return [p for p in check(ruleset) if p.code != "SYN40"]


def silence(code: str, name: str, why: str = WHY) -> str:
    return f'\nsilence {code} of {name} because "{why}"\n'


def test_style_that_is_meant_is_silent_and_comes_back_without_the_silence() -> None:
    assert [p.code for p in found(TEXT + SPARE)] == ["USE03"]
    assert found(TEXT + SPARE + silence("USE03", "spare")) == []


def test_a_silence_speaks_of_one_declaration_and_one_code() -> None:
    other = SPARE.replace("spare", "other")
    (left,) = found(TEXT + SPARE + other + silence("USE03", "spare"))
    assert (left.code, "'other'" in left.message) == ("USE03", True)
    wrong = found(TEXT + SPARE + silence("USE01", "spare"))
    assert [p.code for p in wrong] == ["USE03", "SIL03"]


def test_what_is_no_style_cannot_be_silenced() -> None:
    broken = TEXT.replace("period = open\n", "period = opened\n")
    others = sorted(CODES.keys() - STYLE)
    after = found(broken + "".join(silence(code, "order") for code in others))
    assert [p for p in after if p.code != "SIL02"] == found(broken) != []
    assert [p.severity for p in after if p.code == "SIL02"] == ["error"] * len(others)


def test_a_second_silence_of_the_same_is_not_needed() -> None:
    text = TEXT + SPARE + silence("USE03", "spare") + silence("USE03", "spare")
    (extra,) = found(text)
    assert (extra.code, extra.span.line) == ("SIL03", len(text.splitlines()))


def test_style_and_only_style_is_of_that_severity() -> None:
    text = TEXT + SPARE + silence("USE03", "nothing")
    assert {(p.code, p.severity) for p in found(text)} == {("USE03", "style"), ("SIL03", "warning")}


def test_a_silence_has_one_layout() -> None:
    text = 'silence   USE03  of spare   because  "Later."   # soon\n'
    assert format_text(text, "a") == 'silence USE03 of spare because "Later."  # soon\n'
