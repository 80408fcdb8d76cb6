"""Who decides in the sample companies: no exception of theirs is left without anybody."""

import pytest

from sandbox.demo.setup import COLLEAGUES, DEPOT_PEOPLE, Colleague


@pytest.mark.parametrize(
    ("people", "teams"),
    [
        pytest.param(COLLEAGUES, {"accounts", "sales_admin"}, id="shop"),
        pytest.param(DEPOT_PEOPLE, {"accounts", "warehouse", "finance_manager"}, id="depot"),
    ],
)
def test_an_approver_is_in_each_team_that_lets_something_pass(
    people: tuple[Colleague, ...], teams: set[str]
) -> None:
    decide = {team for one in people if one.role == "approver" for team in one.teams}
    assert teams <= decide
