"""The audit log is verified on its page to the end, part by part, with scripts and without."""

import pytest

from holding.platform import events
from portal.operations import audit_log
from tests.browser.conftest import Open, Served

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("script", [True, False])
def test_a_long_log_is_verified_to_its_end(
    somebody: Open, served: Served, monkeypatch: pytest.MonkeyPatch, *, script: bool
) -> None:
    monkeypatch.setattr(audit_log, "STRETCH", 12)
    events.link_due_events(served.database, now=served.clock.now(), all_events=True)
    nurul = somebody("nurul", script=script)
    nurul.go("/c/kedai/audit")
    nurul.page.click("#verifyevents")
    if not script:
        for _ in range(2):
            nurul.page.click("#verifyon")
    end = nurul.page.get_by_text("none was changed or removed since it was sealed.")
    end.wait_for()
    assert nurul.page.locator("#verifyon").count() == 0
    assert nurul.said == []
