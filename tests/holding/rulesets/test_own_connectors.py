"""A look at rules knows the connectors of one's own, as whoever publishes them does."""

from pathlib import Path

import pytest

from connectors.registry import targets
from connectors.transport.http import FOLDERS_VARIABLE
from holding.rulesets.admission import Report
from holding.rulesets.check_processes import RuleChecks
from sandbox.conformance.new_connector import new_target
from tests.support.house import RULES

MINE = RULES.replace("TIMING", "immediately").replace("aiaccount", "my_books")


@pytest.mark.slow
def test_rules_for_a_target_of_ones_own_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_target("my_books", targets()["aiaccount"], tmp_path)
    monkeypatch.setenv(FOLDERS_VARIABLE, str(tmp_path))
    checks = RuleChecks(20)
    try:
        told = checks.report({"shop.rules": MINE}, tests=False)
    finally:
        checks.end()
    assert isinstance(told, Report)
    wrong = [one for one in told.findings if "my_books" in one.message]
    assert wrong == []
