"""The signed example that a page shows is a delivery that the source takes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors import registry
from connectors.contract import Accepted, ShowsExample, SourceRefusal

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Kuala_Lumpur")
SHOWING = [name for name, one in registry.sources().items() if isinstance(one, ShowsExample)]


@pytest.mark.parametrize("name", SHOWING)
def test_the_example_is_taken_as_one_record_or_as_one_change(name):
    source = registry.sources()[name]
    call = source.example("the-secret", NOW, "evt-1")
    read = source.accept(call.headers, call.body, ["the-secret"], NOW, ZONE)
    assert isinstance(read, Accepted)
    assert read.errors == ()
    assert len(read.records) + read.changed == 1
    assert call.signed.startswith("The signature is HMAC-SHA256 with ")
    assert b"the-secret" not in call.body
    assert "the-secret" not in str(call.headers)


@pytest.mark.parametrize("name", SHOWING)
def test_it_is_signed_with_this_very_secret(name):
    source = registry.sources()[name]
    call = source.example("another-secret", NOW, "evt-1")
    assert isinstance(
        source.accept(call.headers, call.body, ["the-secret"], NOW, ZONE), SourceRefusal
    )


def test_webhooks_show_one_and_workbooks_have_none():
    assert {"netshop", "intake"} <= set(SHOWING)
    assert "workbook" not in SHOWING
