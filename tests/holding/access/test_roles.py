import pytest

from holding.access.actors import (
    ACT_LABELS,
    ACTS,
    GROUPS,
    MEETING,
    ROLE_LABELS,
    ROLES,
    SYSTEM,
    UNEASY_PAIRS,
    Actor,
    duties_meet,
    may,
)
from tests.installed import ROOT

# The table of duties, written a second time: act -> who has it.
DUTIES = {
    "record.read": set(ROLES),
    "record.names": {"finance", "approver", "auditor", "admin"},
    "record.pii": {"finance", "approver", "auditor"},
    "record.edit": {"finance"},
    "hold.assign": {"finance", "approver"},
    "upload": {"finance", "consultant"},
    "mapping.read": set(ROLES) - {"viewer", "operator"},
    "mapping.fix": {"finance", "admin"},
    "posting.approve": {"approver"},
    "rules.draft": {"consultant"},
    "rules.publish": {"publisher"},
    "audit.export": {"auditor"},
    "audit.note": {"auditor"},
    "run.operate": {"operator", "admin"},
    "connection.admin": {"admin"},
    "company.setup": {"admin"},
}


def actor(*roles: str) -> Actor:
    return Actor(1, "Aisyah", "aisyah@kedai.my", 1, frozenset(roles))


@pytest.mark.parametrize("act", sorted(DUTIES))
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_exactly_its_duties(act: str, role: str) -> None:
    refusal = may(actor(role), act)
    assert (refusal is None) == (role in DUTIES[act])
    if refusal:
        assert refusal.status == 403
        assert ACT_LABELS[act] in refusal.message
        assert act not in refusal.message


def test_roles_add_up() -> None:
    assert may(actor("viewer", "finance"), "mapping.fix") is None


def test_the_refusal_names_the_roles_that_may() -> None:
    refusal = may(actor("viewer"), "mapping.fix")
    assert refusal is not None
    assert refusal.hint == "Ask a Finance user or an Administrator."


def test_nobody_without_a_role_may_anything() -> None:
    assert all(may(actor(), act) for act in ACTS)
    assert all(may(SYSTEM, act) for act in ACTS)


def test_no_role_both_approves_and_fixes() -> None:
    assert not ACTS["posting.approve"] & ACTS["mapping.fix"]
    assert not ACTS["rules.draft"] & ACTS["rules.publish"]


def test_every_role_and_every_act_has_its_words() -> None:
    assert tuple(ROLE_LABELS) == ROLES
    assert set(ACT_LABELS) == set(ACTS)
    shown = [act for _, acts in GROUPS for act in acts]
    assert sorted(shown) == sorted(ACTS)
    assert set(UNEASY_PAIRS) <= set(MEETING)


def test_the_publisher_of_the_first_rules_is_no_approver_of_their_documents() -> None:
    [words] = duties_meet(["publisher", "approver"])
    assert "cannot approve documents that were checked by rules they published" in words


def test_the_form_shows_what_each_meeting_pair_means() -> None:
    styles = (ROOT / "static" / "css" / "people.css").read_text("utf-8")
    for one, other in MEETING:
        both = f"form:has(#role_{one}:checked):has(#role_{other}:checked)"
        assert f"{both} .duty-{one}-{other}" in styles, (one, other)
