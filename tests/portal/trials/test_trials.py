"""The pages of trials: who sees what, and what they do not take."""

import pytest

from tests.portal.reading import plain
from tests.portal.rulesets.test_changes import waiting

__all__ = ["waiting"]

pytestmark = pytest.mark.sqlite
REPLAY = "/c/kedai/replay/netshop/order/SO-10240"
SHADOW = "/c/kedai/rules/changes/2/shadow"


def test_values_of_a_replay_are_for_who_may_see_them(visit):
    for name in ("farah", "vera"):
        told = plain(visit(name).text(REPLAY))
        assert "No difference" in told
        assert "came out as it is stored" in told


@pytest.mark.parametrize(
    "path",
    [
        f"{REPLAY}?verdict=1x",
        f"{REPLAY}?verdict=99999999",
        f"{REPLAY}?rules=change-1",  # published: it waits no more
        f"{REPLAY}?rules=ruleset-9",
        "/c/kedai/replay/netshop/order/NONE",
        SHADOW,
        "/c/kedai/rules/changes/99/shadow",
    ],
)
def test_what_is_not_there_is_not_found(visit, path):
    visit("farah").get(path, status=404)


def test_a_shadow_begins_and_ends_by_who_drafts(visit, waiting):
    visit("pua").post(SHADOW, {"days": "1"}, status=403)
    chan = visit("chan")
    chan.post(SHADOW, {"days": "99"}, status=422)
    chan.post(SHADOW, {"days": "2"}, status=303)
    told = plain(visit("vera").text(SHADOW))
    assert "No difference so far." in told
    visit("vera").get(f"{SHADOW}?before=x", status=404)
    visit("pua").post(f"{SHADOW}/end", {}, status=403)
    chan.post(f"{SHADOW}/end", {}, status=303)
    assert "ended by a person" in plain(chan.text(SHADOW))
    chan.post(f"{SHADOW}/end", {}, status=409)
