"""What every source of webhooks does, whatever its scheme: one suite over all of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from connectors.contract import Accepted, Source, SourceRefusal
from connectors.kit.signed_webhooks import sign
from connectors.registry import sources
from connectors.transport.strict_json import loads
from tests.connectors import marketplaces, woocommerce
from tests.connectors import shopify as shopify_calls
from tests.connectors.recorded import recorded
from tests.support.zones import SHOP_ZONE

NOW = marketplaces.NOW
Signed = tuple[dict[str, str], bytes]
Answer = Accepted | SourceRefusal
TOO_LARGE = 20 * 1024 * 1024 + 1


@dataclass(frozen=True)
class Scheme:
    """One source: how to sign a body, one that is good, and how it names what only changed."""

    source: Callable[[], Source]
    sign: Callable[[bytes, str], dict[str, str]]
    body: dict[str, Any]
    signature: str
    secret: str = "hush"

    def call(self, content: object, secret: str = "hush") -> Signed:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.sign(raw, secret), raw

    def accept(self, call: Signed, *secrets: str, later: timedelta = timedelta(0)) -> Answer:
        headers, raw = call
        given = secrets or (self.secret,)
        return self.source().accept(headers, raw, given, NOW + later, SHOP_ZONE)


def _netshop(raw: bytes, secret: str) -> dict[str, str]:
    stamp = str(int(NOW.timestamp()))
    names = ("X-NS16-Timestamp", "X-NS16-Event-Id", "X-NS16-Signature")
    return dict(zip(names, (stamp, "evt-1", sign(secret, stamp, "evt-1", raw)), strict=True))


def _of_marketplace(name: str) -> Scheme:
    return Scheme(
        source=lambda: marketplaces.source_of(name),
        sign=lambda raw, secret: marketplaces.signed(name, raw, secret),
        body=marketplaces.webhook(name),
        signature="Authorization",
    )


SCHEMES = {
    "netshop": Scheme(
        source=lambda: sources()["netshop"],
        sign=_netshop,
        body=json.loads(recorded("netshop", "order")["deliver"][0].body),
        signature="X-NS16-Signature",
    ),
    "shopify": Scheme(
        source=lambda: sources()["shopify"],
        sign=lambda raw, secret: shopify_calls.sent(raw, secret=secret)[0],
        body=shopify_calls.body(),
        signature="X-Shopify-Hmac-Sha256",
    ),
    "woocommerce": Scheme(
        source=lambda: sources()["woocommerce"],
        sign=woocommerce.signed,
        body=woocommerce.order(),
        signature="X-WC-Webhook-Signature",
    ),
    "shopee": _of_marketplace("shopee"),
    "lazada": _of_marketplace("lazada"),
}
EVERY = pytest.mark.parametrize("scheme", SCHEMES.values(), ids=list(SCHEMES))


def code(answer: Answer) -> tuple[int, str]:
    assert isinstance(answer, SourceRefusal), answer
    return answer.status, answer.code


@EVERY
def test_a_good_signature_is_taken_and_says_something(scheme: Scheme) -> None:
    answer = scheme.accept(scheme.call(scheme.body))
    assert isinstance(answer, Accepted), answer
    assert answer.errors == ()
    assert bool(answer.records) != answer.changed
    assert not answer.ping


@EVERY
def test_forgeries_of_every_sort_are_refused_before_they_are_read(scheme: Scheme) -> None:
    headers, raw = scheme.call(scheme.body)
    other = {**headers, scheme.signature: headers[scheme.signature][:-2] + "00"}
    for forged, body in (
        (other, raw),
        (headers, raw + b" "),
        (scheme.call(scheme.body, "guessed")[0], raw),
        ({**headers, scheme.signature: "é" * 64}, raw),
        (scheme.call(b"{", "guessed")[0], b"{"),
    ):
        assert code(scheme.accept((forged, body)))[0] == 401
    missing = {name: told for name, told in headers.items() if name != scheme.signature}
    assert code(scheme.accept((missing, raw))) == (401, "not_signed")
    assert code(scheme.accept((headers, raw), ""))[0] == 401


@EVERY
def test_header_names_may_come_in_any_case_and_two_secrets_may_be_live(scheme: Scheme) -> None:
    headers, raw = scheme.call(scheme.body, "old-one")
    shouted = {name.upper(): told for name, told in headers.items()}
    assert isinstance(scheme.accept((shouted, raw), "new-one", "old-one"), Accepted)
    assert code(scheme.accept((shouted, raw), "new-one"))[0] == 401


@EVERY
def test_the_same_call_is_the_same_delivery_and_another_body_is_another(scheme: Scheme) -> None:
    first, again = (scheme.accept(scheme.call(scheme.body)) for _ in range(2))
    other = scheme.accept(scheme.call({**scheme.body, "more": 1}))
    assert isinstance(first, Accepted)
    assert isinstance(other, Accepted)
    assert first == again
    assert first.delivery_id
    if first.signature:
        assert first.signature != other.signature


@EVERY
def test_a_call_that_comes_late_is_refused_or_can_bring_no_old_state(scheme: Scheme) -> None:
    answer = scheme.accept(scheme.call(scheme.body), later=timedelta(days=3))
    if isinstance(answer, SourceRefusal):
        assert code(answer) == (401, "old_timestamp")
    else:  # its own stamp tells its age, or it holds no state at all
        assert all(one.stamp for one in answer.records if one.kind == "order")
        assert bool(answer.records) != answer.changed


@EVERY
@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b"7", b"\xff", b'{"a":1,"a":2}'])
def test_a_signed_body_that_is_nothing_is_refused_in_words(scheme: Scheme, raw: bytes) -> None:
    answer = scheme.accept(scheme.call(raw))
    assert code(answer)[0] in (400, 422)
    assert isinstance(answer, SourceRefusal)
    assert answer.message.endswith(".")


@EVERY
def test_one_that_is_too_large_is_not_even_proved_and_a_huge_one_is_taken(scheme: Scheme) -> None:
    assert code(scheme.accept(({}, b" " * TOO_LARGE)))[0] == 413
    huge = {**scheme.body, "note_of_the_buyer": ["x" * 30_000] * 60}
    assert isinstance(scheme.accept(scheme.call(huge)), Accepted)


@EVERY
def test_what_it_declares_is_whole(scheme: Scheme) -> None:
    source = scheme.source()
    assert source.form.key is not None
    assert source.form.key.label
    assert all(one.label and one.hint for one in source.form.settings)
    assert all(one.example for one in source.form.settings if one.choices is None)
    for kind in source.kinds:
        names = [one.name for one in kind.fields]
        assert len(names) == len(set(names))
        assert {"number", "status"} <= set(names)
        assert all(one.meaning or source.name == "netshop" for one in kind.fields)


@EVERY
def test_the_example_of_its_page_is_taken(scheme: Scheme) -> None:
    source: Any = scheme.source()
    if not hasattr(source, "example"):
        return
    call = source.example(f"{scheme.secret}:rest", NOW, "evt-9")
    answer = source.accept(call.headers, call.body, [f"{scheme.secret}:rest"], NOW, SHOP_ZONE)
    assert isinstance(answer, Accepted)
    assert loads(call.body)
