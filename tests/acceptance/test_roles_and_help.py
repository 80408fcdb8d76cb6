"""What each role may do, asked as every role; what each word means, on its help page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance import desk
from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, ROLES, quiet
from tests.acceptance.pages import words
from tests.acceptance.product import FINANCE, House, Product, Visitor, free_environment
from tests.installed import ROOT
from tests.support.duties import (
    ACTIONS,
    ALL,
    CLERK,
    EITHER,
    FILES_AND_PARTS,
    FOR_ALL,
    SUPERVISOR,
    roles_by_view,
)

pytestmark = pytest.mark.sqlite
ACTS = {
    "view records": ALL,
    "view personal data": {"finance", "approver", "auditor"},
    "correct values and document dates": CLERK,
    "assign, snooze and comment on holds": EITHER,
    "retry records": EITHER,
    "import files": {"finance", "consultant"},
    "download files for an import and say how it ended": {"finance"},
    "read mapping tables that name customers": ALL - {"viewer", "operator"},
    "add and change mappings": {"finance", "admin"},
    "approve, release and reject": SUPERVISOR,
    "view names and tax numbers of customers": {"admin", "approver", "auditor", "finance"},
    "resend without a change": {"admin"},
    "decide on safety stops": {"approver", "operator", "admin"},
    "run syncs, pause and resume connections": {"operator", "admin"},
    "draft rule changes": {"consultant"},
    "comment on rule changes": {"consultant", "publisher"},
    "publish rule changes": {"publisher"},
    "view the audit log": {"auditor", "admin"},
    "export the audit log and evidence": {"auditor"},
    "write audit notes": {"auditor"},
    "set the company up and let it go live": {"admin"},
    "manage connections and API keys": {"admin"},
    "manage users": {"admin"},
    "appoint delegates": {"approver", "admin"},
}
"""The table of duties as an auditor would write it: act -> roles."""
SCOPES = (
    "record.read", "record.edit", "posting.approve", "hold.assign", "hold.retry", "retry.override",
)  # fmt: skip


@pytest.fixture(scope="module")
def place(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company with one person for each role."""
    folder = tmp_path_factory.mktemp("roles")
    with quiet(Product(command, folder, free_environment()), STARTER) as house:
        email = "auditor@kedai.example"
        told = house.product.run("user", "add", email, *COMPANY, "--role", "auditor").stdout
        house.passwords[email] = told.split("only now: ")[1].split()[0]
        yield house


class Asker:
    """Somebody with one role, at the pages and, with a token, at the interface for programs."""

    def __init__(self, house: House, role: str) -> None:
        email = f"{role}@kedai.example"
        self.visitor = house.visitor(email)
        page = self.visitor.get("/c")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token
        self.form = {"csrf_token": token[1]}
        given = [word for scope in SCOPES for word in ("--scope", scope)]
        made = house.product.run("token", "add", email, *COMPANY, "--name", "x", *given).stdout
        self.key = {"Authorization": f"Bearer {made.split('only now: ')[1].strip()}"}

    def ask(self, method: str, path: str) -> requests.Response:
        url = self.visitor.address + path
        if path.startswith("/api/"):
            head = {**self.key, "Idempotency-Key": "k"}
            return requests.request(method, url, json={}, headers=head, timeout=30)
        form = self.form if method == "POST" else None
        how: dict[str, Any] = {"allow_redirects": False, "timeout": 30}
        return self.visitor.session.request(method, url, data=form, **how)


def filled(address: str) -> str:
    """An address in which nothing exists but the company."""
    path = address.replace("<co>", "kedai")
    path = re.sub(r"<any\((\w+)[^>]*>", r"\1", path)
    path = re.sub(r"<int:\w+>", "999999", path)
    return re.sub(r"<[^>]+>", "none", path)


def test_H08_what_it_says_each_page_and_action_is_open_to_its_roles_alone(place: House) -> None:
    told = place.product.json("user", "roles", "--json")
    assert set(told["roles"]) == ALL == {*ROLES, "auditor"}
    assert {one["label"]: set(one["roles"]) for one in told["acts"]} == ACTS
    roles_of = {one["act"]: set(one["roles"]) for one in told["acts"]}
    routes = told["routes"]
    assert len(routes) > 100
    for route in routes:  # no undefined cell
        assert set(route["may"]) == ALL, route
        assert set(route["may"].values()) <= {True, False}
        open_to = {role for role, may in route["may"].items() if may}
        assert open_to == roles_of.get(route["act"], ALL), route
    named = roles_by_view({**ACTIONS, **FILES_AND_PARTS})
    inside = [
        route for route in routes if route["address"].startswith(("/c/<co>", "/api/v1/c/<co>"))
    ]
    assert {route["route"] for route in inside} >= named.keys()
    askers = {role: Asker(place, role) for role in sorted(ALL)}
    for route in inside:
        open_to = {role for role, may in route["may"].items() if may}
        if route["method"] != "GET" and route["route"] not in FOR_ALL:
            assert open_to == named[route["route"]], route
            assert open_to != ALL, f"any role may do this: {route}"
        let_in = set()
        for role in sorted(ALL):
            answer = askers[role].ask(route["method"], filled(route["address"]))
            assert answer.status_code != 303 or "/signin" not in answer.headers["Location"]
            assert answer.status_code < 500, (role, route, answer.text)
            if answer.status_code != 403:
                let_in.add(role)
        assert let_in == open_to, route
    _strangers_see_nothing(place, routes)
    _the_page_says_the_same(askers["viewer"].visitor)


def _strangers_see_nothing(place: House, routes: list[dict[str, Any]]) -> None:
    for route in routes:
        if route["act"] == "public" or route["method"] != "GET":
            continue
        path = filled(route["address"])
        answer = requests.get(place.address + path, allow_redirects=False, timeout=30)
        if path.startswith("/api/"):
            assert answer.status_code == 401, route
        else:
            assert answer.headers.get("Location", "").startswith("/signin"), route


def _the_page_says_the_same(visitor: Visitor) -> None:
    """The page of people shows the same table, and a refusal says who can."""
    page = visitor.get("/c/kedai/people/")
    grid = page[page.index('id="grants"') :]
    for label, roles in ACTS.items():
        row = next(part for part in grid.split("<tr") if f">{label[0].upper()}{label[1:]}<" in part)
        assert row.count("data-label=") == len(roles), label
    told = words(visitor.get("/c/kedai/people/invite", code=403))
    assert "You cannot manage users, because your role does not include it. admin can." in told


def links_of(page: str, start: str) -> set[str]:
    """The addresses on a page that begin so, without what stands behind their question mark."""
    found = re.findall(r'href="([^"]+)"', page)
    return {one.partition("?")[0] for one in found if one.startswith(start)}


def written_down(path: str, pattern: str) -> set[str]:
    """What the source says of itself, read as text."""
    return set(re.findall(pattern, (ROOT / path).read_text("utf-8"), re.MULTILINE))


def test_H11_what_it_says_every_code_class_state_check_and_pill_has_its_help_page(
    place: House,
) -> None:
    codes = written_down("grammar/text/finding_codes.py", r'^    "([A-Z]{3}\d\d)":')
    classes = written_down("grammar/text/finding_codes.py", r'^    "([a-z_]+)",$')
    tones = (ROOT / "portal/web/store.py").read_text("utf-8").partition('    "received": (')[1:]
    states = set(re.findall(r'^    "(\w+)": \(', "".join(tones).partition("\n}")[0], re.MULTILINE))
    assert (len(classes), len(codes) > 200, len(states)) == (10, True, 13)
    visitor, reader = place.visitor(FINANCE), requests.Session()
    index = reader.get(f"{place.address}/help/", timeout=30).text
    topics = {link.removeprefix("/help/") for link in links_of(index, "/help/")} - {"", "support"}
    assert {topic for topic in topics if re.fullmatch(r"[A-Z]{3}\d\d", topic)} == codes
    assert {name.replace("_", "-") for name in classes} <= topics
    assert {f"state-{name}" for name in states} == {t for t in topics if t.startswith("state-")}
    assert {f"role-{role}" for role in ALL} == {t for t in topics if t.startswith("role-")}
    for group, count in (("check-", 5), ("word-", 6), ("pill-", 12)):
        assert sum(topic.startswith(group) for topic in topics) == count, group
    for topic in sorted(topics):
        page = reader.get(f"{place.address}/help/{topic}", timeout=30).text
        for part in ("What it means", "Example", "What to do", "Who can do it"):
            assert f">{part}</h2>" in page, (topic, part)
        assert links_of(page, "/help/") - {"/help/"} <= {f"/help/{t}" for t in topics} | {
            "/help/support"
        }, topic
    visitor.get("/help/no-such-topic", code=404)
    desk.arrive(place, desk.wrong(9401, tax_total="2.00"))  # the sums agree, the rate does not
    hold = visitor.get(desk.hold_of(visitor, 9401))
    record = visitor.get("/c/kedai/records/netshop/order/9401?tab=seven")
    target = visitor.session.get(place.address + "/c/kedai/connections/aiaccount", timeout=30).text
    assert "We failed" not in target, place.product.notes("portal").read_text()[-3000:]
    people = visitor.get("/c/kedai/people/")
    found = {page: links_of(page, "/help/") for page in (hold, record, target, people)}
    for page, wanted in (
        (hold, {"/help/business-rule", "/help/CHK01"}),
        (record, {"/help/state-held", "/help/check-status-is-ready", "/help/check-no-duplicate"}),
        (target, {"/help/pill-never-synced"}),
        (people, {f"/help/role-{role}" for role in ALL}),
    ):
        assert wanted <= found[page], sorted(found[page])
    for link in set().union(*found.values()):
        visitor.get(link)
    told = words(visitor.get("/help/business-rule?c=kedai"))
    assert "Now in Kedai Contoh Sdn Bhd: 1 record, RM 12.00." in told
    assert "Approve, release and reject Approver: approver" in told


def test_G14_what_it_says_the_support_guide_is_linked_from_every_failure_page(
    place: House,
) -> None:
    classes = written_down("grammar/text/finding_codes.py", r'^    "([a-z_]+)",$')
    assert len(classes) == 10
    stranger = requests.Session()
    for name in sorted(classes):
        page = stranger.get(f"{place.address}/help/{name.replace('_', '-')}", timeout=30).text
        assert "/help/support" in links_of(page, "/help/"), name
    viewer = place.visitor("viewer@kedai.example")
    failures = (
        viewer.get("/c/kedai/people/invite", code=403),
        viewer.get("/c/kedai/no-such-page", code=404),
        viewer.get("/c/nobody/", code=404),
        viewer.get("/join/nonsense", code=410),
        stranger.post(f"{place.address}/signin", data={}, timeout=30).text,  # 400: no token
        stranger.get(f"{place.address}/signout", timeout=30).text,  # 405
    )
    for page in failures:
        assert "/help/support" in links_of(page, "/help/"), words(page)
    desk.arrive(place, desk.wrong(9402))
    assert "/help/support" in links_of(viewer.get(desk.hold_of(viewer, 9402)), "/help/")
    guide = words(stranger.get(f"{place.address}/help/support", timeout=30).text)
    for fact in ("record number", "exact message", "request id", "What changed before", "API keys"):
        assert fact in guide
    assert "admin" in words(viewer.get("/help/support?c=kedai"))
