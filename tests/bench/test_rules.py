"""The rules of the bench and their rival: the same bits, for records with and without errors."""

import json
from collections import Counter
from typing import Any

import pytest

from bench import rule_bench
from bench.rule_bench import Zen, draw_invoices, failures
from rules.facts import Subject


def test_the_code_by_hand_says_the_same_of_every_invoice() -> None:
    program = rule_bench.compile_program(rule_bench.FILE.read_text("utf-8"))
    checks = program.together(rule_bench.KIND)
    assert checks is not None
    given = list(draw_invoices(600))
    rule_bench.assert_equal_by_hand(program, checks, given)
    failed = Counter[str]()
    for record in rule_bench._plain_records(program)(given):
        failed.update({rule for rule, _ in failures(record)})
    assert (
        0.05 < sum(bool(failures(r)) for r in rule_bench._plain_records(program)(given)) / 600 < 0.3
    )
    assert len(program.ruleset.checks) == 30
    assert len(failed) >= 15


def test_a_rival_that_forgets_a_rule_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(record: dict[str, Any]) -> list[tuple[str, int | None]]:
        return [found for found in failures(record) if found[0] != "net_is_right"]

    monkeypatch.setattr(rule_bench, "failures", forgetful)
    program = rule_bench.compile_program(rule_bench.FILE.read_text("utf-8"))
    checks = program.together(rule_bench.KIND)
    assert checks is not None
    with pytest.raises(rule_bench.UnequalError, match="by hand differ"):
        rule_bench.assert_equal_by_hand(program, checks, list(draw_invoices(600)))


def test_equal_seeds_give_equal_invoices() -> None:
    first, again, other = (json.dumps(list(draw_invoices(50, s))) for s in (1, 1, 2))
    assert first == again != other


def test_a_generated_set_has_nothing_wrong_and_asks_every_check() -> None:
    program = rule_bench.compile_program(rule_bench.thousand_checks(12))
    [body] = draw_invoices(1)
    subject = Subject(rule_bench.KIND, "shop", body, 1)
    outcome = program.evaluate(subject, rule_bench._FACTS, rule_bench._WORLD, rule_bench.NOW)
    assert len({v.rule for v in outcome.verdicts if v.kind == "check"}) == 12
    assert rule_bench.ruleset_seconds(rule_bench.thousand_checks(12), 12) > 0


def test_without_the_other_engine_the_bench_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(Zen, "installed", staticmethod(lambda: None))
    monkeypatch.setattr(rule_bench, "RULES", 10)
    found = rule_bench.measure(told.append, 100)
    assert found["traced_vs_zen_engine"] is None
    assert any("zen-engine is not compared" in text for text in told)
    assert found["traced_vs_handwritten"] == pytest.approx(
        found["traced_records_per_second"] / found["handwritten_records_per_second"], rel=0.02
    )


@pytest.mark.slow
def test_T24d_one_run_says_how_much_longer_many_checks_take_than_few() -> None:
    found = rule_bench.measure_growth(lambda _: None, small_count=20, large_count=40)
    for kind in ("simple", "guarded"):
        assert found[f"{kind}_checks_20_seconds"] > 0
        assert 0 < found[f"{kind}_checks_40_vs_20"] < 40
        assert 0 < found[f"{kind}_checks_40_vs_20_found"] < 40
