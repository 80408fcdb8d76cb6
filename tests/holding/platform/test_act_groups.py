"""Each act is of a group that an auditor can choose; none is an "other"."""

import pytest

from holding.platform.event_log import OTHER, TITLES, ActGroup, title_of
from tests.support.acts import acts


def test_every_act_is_of_a_group_that_can_be_chosen() -> None:
    assert len(acts()) > 100, "the source is read"
    assert sorted(act for act in acts() if title_of(act) == OTHER) == []


@pytest.mark.parametrize(
    ("act", "group"),
    [
        ("shadow.begun", ActGroup.RULES),
        ("backtest.begun", ActGroup.RULES),
        ("import.handed_over", ActGroup.DOCUMENTS),
        ("work.requeued", ActGroup.DOCUMENTS),
        ("upload.confirmed", ActGroup.RECORDS),
        ("message.opened", ActGroup.HOLDS),
        ("list.given", ActGroup.CONNECTIONS),  # the codes of a target
        ("list.downloaded", ActGroup.EVIDENCE),  # a list of a page
        ("notice.added", ActGroup.COMPANY),
    ],
)
def test_an_act_stands_where_it_is_looked_for(act: str, group: ActGroup) -> None:
    assert title_of(act) == TITLES[group]
