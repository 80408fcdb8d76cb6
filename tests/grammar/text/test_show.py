"""A problem with its line and a caret; the same as plain values."""

from grammar.text.problem import Problem, Span, plain, show, to_json
from tests.grammar.kit import only

WRONG = (
    'check c on order\n    requires total > 0\n    else     warn\n    say "x"\n    clears never\n'
)


def test_the_caret_stands_below_the_word() -> None:
    assert show(only(WRONG), WRONG) == (
        "error[SYN08]: 'requires' is no word of the language here\n"
        " --> a.rules:2:5\n"
        "  |\n"
        "2 |     requires total > 0\n"
        "  |     ^^^^^^^^\n"
        "  = hint: did you mean 'require'?"
    )


def test_wide_signs_take_two_cells_and_a_tab_one() -> None:
    problem = Problem("X", "m", "", Span("a", 1, 5, 1, 6))
    assert show(problem, "茶\t= x").split("\n")[-1] == "  |      ^"


def test_a_place_behind_the_text_does_not_break_it() -> None:
    problem = Problem("X", "m", "h", Span("a", 9, 5, 9, 6))
    assert show(problem, "one line") == "error[X]: m\n --> a:9:5\n  = hint: h"
    problem = Problem("X", "m", "h", Span("a", 1, 20, 1, 21))
    assert show(problem, "one line").split("\n")[-2] == "  | " + " " * 19 + "^"


def test_plain_and_json() -> None:
    problem = only(WRONG)
    assert plain(problem) == (
        "a.rules line 2 column 5: error SYN08: 'requires' is no word of the language here. "
        "Hint: did you mean 'require'?"
    )
    assert to_json(problem) == {
        "code": "SYN08",
        "severity": "error",
        "message": "'requires' is no word of the language here",
        "hint": "did you mean 'require'?",
        "span": {"file": "a.rules", "line": 2, "column": 5, "end_line": 2, "end_column": 13},
    }
