"""Rules as they go to another process."""

import pickle

from grammar.parsing.parser import parse
from tests.rules import kedai


def test_rules_go_to_another_process_whole() -> None:
    ruleset, problems = parse({"kedai.rules": kedai.TEXT})
    assert problems == ()
    again = pickle.loads(pickle.dumps(ruleset))
    assert again == ruleset
    first, other = ruleset.approvals[0].say, again.approvals[0].say
    assert (other, other.span) == (first, first.span)
