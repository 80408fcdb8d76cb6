"""A token does what its scopes name and its person may do; never more, on any call."""

import pytest
from sqlalchemy import text

from holding.access import operations
from tests.portal.api.test_api import call, key, named  # noqa: F401 - fixtures

pytestmark = pytest.mark.sqlite
SCOPE_OF = {
    "/holds": "record.read",
    "/records?number=SO-10240": "record.read",
    "/openapi.json": "record.read",
    "/holds/approve": "posting.approve",
    "/holds/{}/release": "posting.approve",
    "/holds/{}/reject": "posting.approve",
    "/holds/{}/link": "posting.approve",
    "/holds/{}/look": "posting.approve",
    "/holds/{}/again": "posting.approve",
    "/holds/{}/retry": "hold.retry",
    "/holds/{}/entry": "hold.retry",
    "/holds/{}/override": "retry.override",
    "/holds/{}/assign": "hold.assign",
    "/holds/{}/snooze": "hold.assign",
    "/holds/{}/reopen": "hold.assign",
    "/holds/{}/source": "hold.assign",
    "/holds/{}/overwrite": "posting.approve",
    "/holds/{}/redirect": "hold.assign",
    "/holds/{}/correct": "record.edit",
    "/holds/{}/date": "record.edit",
}
"""Each call, and the one scope that it needs."""
READS = {path for path, scope in SCOPE_OF.items() if scope == "record.read"}
BODY = {
    "reason": "because", "lock": 0, "version": 1, "number": "X-1", "email": "lim@kedai.my",
    "until": "2026-12-01T00:00:00+08:00", "field": "customer", "value": "C-1", "date": "2026-11-19",
    "postings": [{"id": 1, "hash": "0" * 64}],
}  # fmt: skip


def events(database):
    with database.read() as session:
        return session.execute(text("SELECT count(*), max(id) FROM event")).one()


def test_every_call_is_in_the_table(app):
    routes = {
        rule.rule.partition("<co>")[2].replace("<int:hold_id>", "{}")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
    }
    assert routes == {path.partition("?")[0] for path in SCOPE_OF} | {"/holds/many"}


@pytest.mark.parametrize("path", SCOPE_OF)
@pytest.mark.parametrize("name", ["lim", "farah", "adam"])
def test_without_its_scope_a_call_is_refused_whatever_the_person_may_do(
    path,
    name,
    call,  # noqa: F811
    key,  # noqa: F811
    database,
):
    others = tuple(scope for scope in operations.SCOPES if scope != SCOPE_OF[path])
    narrow = key(name, scopes=others)
    before = events(database)
    body = None if path in READS else BODY
    answer = call(narrow, path.format(1), body, **{"Idempotency-Key": "one"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "token.scope")
    assert "SO-10" not in answer.get_data(as_text=True)
    assert events(database) == before


@pytest.mark.parametrize(
    ("act", "more"),
    [
        ("release", {"reason": "agreed"}),
        ("retry", {}),
    ],
)
def test_many_at_once_do_not_lend_the_scope_of_reading(act, more, call, key, database):  # noqa: F811
    whole, reads = key("tan"), key("tan", scopes=("record.read",))
    held = [named(one) for one in call(reads, "/holds").get_json()["holds"]]
    assert held
    before = events(database)
    body = {"act": act, "holds": held, **more}
    answer = call(reads, "/holds/many", body, **{"Idempotency-Key": "two"})
    told = answer.get_json()
    assert not told.get("done"), told
    codes = {one["code"] for one in told["left"]} if "left" in told else {told["code"]}
    assert codes == {"token.scope"}, told
    assert events(database) == before
    assert call(whole, "/holds/many", body, **{"Idempotency-Key": "three"}).get_json() != told


@pytest.mark.parametrize("name", ["vera", "nurul"])
def test_a_token_with_every_scope_lends_no_right(name, call, key, database):  # noqa: F811
    """A viewer and an auditor read; all else is refused as it is on the pages."""
    whole = key(name)
    before = events(database)
    for path in SCOPE_OF.keys() - READS:
        answer = call(whole, path.format(1), BODY, **{"Idempotency-Key": path})
        assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden"), path
    assert events(database) == before
