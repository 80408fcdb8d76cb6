"""No secret reaches a Redis server, or a log line of a portal or a worker."""

import base64
import json
import zlib

import pytest
import redis
import requests

from tests.acceptance.canaries import find_canaries, read_log, read_redis
from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, furnished, open_doors
from tests.acceptance.orders import clean
from tests.acceptance.product import ADMIN, SIMULATOR_KEY, House, Product, until
from tests.acceptance.quiet import ask_target

pytestmark = pytest.mark.slow
WRONG = "wrong-password-that-was-typed"
FORGED = "secret-that-a-stranger-made-up"


def test_no_secret_is_in_redis_or_in_a_log_line(product: Product, redis_url: str) -> None:
    with furnished(product, STARTER, ()) as house, house.doors:
        product.env |= {"REDIS_URL": redis_url, "CLEARPOST_LOG": "json"}
        open_doors(house)
        canaries = _use_every_secret(house)
        waiting = read_redis(redis_url)
        assert [key for key in waiting if key.startswith("rq:job:")], "a job waits for a worker"
        assert [key for key in waiting if "LIMIT" in key], "attempts are counted"
        with product.started("worker", forks=1):
            house.until_state("NS-301", "posted")
            ask_target(house, "pause", key=SIMULATOR_KEY, status="disabled")
            assert house.deliver(clean(302)).status_code == 202
            until(lambda: house.calls()[-1].get("code") == "key_disabled", "a refused key")
            worked = read_redis(redis_url)
            product.shift_clock(-3600)  # a worker warns of it
            until(lambda: read_log(product.notes("worker")), "a line of the worker")
    content = b"\n".join(part for seen in (waiting, worked) for part in seen.values())
    keys = "\n".join((*waiting, *worked)).encode()
    assert find_canaries(canaries, keys + content) == []
    for word in ("portal", "worker"):
        assert find_canaries(canaries, product.notes(word).read_bytes()) == []
    loggers = {line["logger"] for line in read_log(product.notes("portal"))}
    assert {"clearpost.access", "clearpost.signin"} <= loggers


@pytest.mark.parametrize(
    "written",
    [
        b'{"key": "s\\u00e9cret/of the shop"}',
        b"?secret=s%C3%A9cret%2Fof%20the%20shop",
        base64.b64encode("admin:sécret/of the shop".encode()),
        zlib.compress("sécret/of the shop".encode()),
    ],
)
def test_the_search_finds_a_secret_however_it_is_written(written: bytes, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as server:
        server.hset("rq:job:planted", "data", written)
        try:
            content = read_redis(redis_url)["rq:job:planted"]
        finally:
            server.delete("rq:job:planted")
    assert find_canaries({"secret": "sécret/of the shop"}, content) == ["secret"]


def _use_every_secret(house: House) -> dict[str, str]:
    """Sign in, call with a token, and deliver an order, each also wrongly; return the secrets."""
    admin = house.visitor(ADMIN)
    canaries = {
        "password": house.passwords[ADMIN],
        "webhook secret": house.secret,
        "key of the target": SIMULATOR_KEY,
        "key file": (house.product.home / "secret.key").read_text("ascii").strip(),
        "wrong password": WRONG,
        "secret of a stranger": FORGED,
        **{f"cookie {one.name}": one.value or "" for one in admin.session.cookies},
    }
    stranger = requests.Session()
    form = stranger.get(f"{house.address}/signin", timeout=30).text
    csrf = form.partition('name="csrf_token" value="')[2].partition('"')[0]
    for email in (ADMIN, WRONG):  # people type a password into the wrong field
        values = {"csrf_token": csrf, "email": email, "password": WRONG}
        assert not stranger.post(f"{house.address}/signin", values, timeout=30).is_redirect
    add = ("token", "add", ADMIN, *COMPANY, "--name", "till", "--scope", "record.read")
    token = house.product.run(*add).stdout.partition("cp_")[2].split()[0]
    for bearer in (token, FORGED):
        headers = {"Authorization": f"Bearer cp_{bearer}"}
        requests.get(f"{house.address}/api/v1/c/kedai/records", headers=headers, timeout=30)
    raw = json.dumps({"event": "order.updated", "orders": [clean(301)]}).encode()
    assert house.post_hook(raw, event_id="evt_forged", secret=FORGED).status_code == 401
    assert house.post_hook(raw, event_id="evt_301").status_code == 202
    assert len(canaries) > 6, "a session has a cookie"
    return canaries | {"token": token}
