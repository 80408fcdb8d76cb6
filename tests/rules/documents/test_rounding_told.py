"""A target that says how it rounds, against rules that say otherwise."""

from rules.facts import Facts, Subject, TargetState, load_seeds
from tests.rules.shop import NOW, found, judged, line, order, program

THREE = [line(pos=pos) for pos in (1, 2, 3)]
AT_THE_END = TargetState(known=True, rounding="at_the_end")


def test_T02b_rules_that_say_otherwise_than_the_target_hold_what_would_be_sent() -> None:
    of = judged(program(), order(*THREE, total="33.12"), state=AT_THE_END)
    (decision,) = of.decisions
    (finding,) = found(of)
    assert (decision.state, finding.code, finding.owner) == ("held", "RND03", "accounts")
    assert finding.message.startswith(
        "books rounds sum then round, and the rules say per line then sum."
    )
    assert "rules are published that say rounding sum then round" in finding.would_pass
    assert ("rounding_told", "hit") in [(v.rule, v.result) for v in of.verdicts]


def test_T02b_nobody_lets_it_go_and_a_word_that_nobody_knows_is_told_as_it_is() -> None:
    body = order(*THREE, total="33.12")
    let_go = frozenset({("books.invoice", "rounding_told")})
    of = judged(program(), body, state=AT_THE_END, releases=let_go)
    assert [str(f.clears) for f in found(of)] == ["itself"]
    odd = judged(program(), body, state=TargetState(known=True, rounding="to five sen"))
    assert "books rounds to five sen" in found(odd)[0].message


def test_T02b_what_is_not_told_or_the_same_or_not_sent_is_no_finding() -> None:
    for state in (TargetState(known=True), TargetState(known=True, rounding="per_line")):
        assert found(judged(program(), order(*THREE, total="33.12"), state=state)) == []
    waiting = judged(program(), order(*THREE, total="33.12", status="open"), state=AT_THE_END)
    assert found(waiting) == []


def test_T02b_a_glance_says_it_as_the_whole_outcome_does() -> None:
    of, facts, body = program(), Facts(NOW), order(*THREE, total="33.12")
    for state, expected in ((AT_THE_END, "held"), (TargetState(known=True), "ready")):
        world = load_seeds(of.ruleset, {}).world(1, {"books": state})
        glance = of.glance(Subject("order", "shop", body, 1), facts, world, NOW)
        assert [route.state for route in glance.routes] == [expected]
