"""What the newest records say of a key: whose it is, by which name and numbers."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData

from holding.mappings.exact_matches import RecordIdentity, load_identities
from holding.mappings.file_codes import Identity
from rules.values.canonical import dumps

KEY = "K-1"


def said(*bodies: dict[str, Any], party: bool) -> RecordIdentity:
    """What these contents say of the key, the newest first."""
    row: Any = SimpleNamespace(cause_id=1, key=KEY, table="names")
    rows = iter([(1, dumps(body)) for body in bodies])
    result: Any = IteratorResult(SimpleResultMetaData(["cause_id", "body"]), rows)
    session: Any = SimpleNamespace(execute=lambda *_, **__: result)
    return load_identities(session, 1, [row], {"names"} if party else set())[1]


def test_of_a_party_each_part_is_that_of_the_newest_that_has_it() -> None:
    newest = {"supplier_name": "Kilang Teh", "tin": "C 1", "lines": [{"sku": KEY}]}
    older = {"customer_name": "Old name", "tin": "C1", "registration": "2020-01"}
    told = said(newest, older, party=True)
    assert told == RecordIdentity(Identity(KEY, "Kilang Teh", "C 1", "2020-01", of_party=True))
    both = {"customer_name": "Buyer", "supplier_name": "Seller"}
    assert said(both, party=True).newest.name == "Buyer"


def test_of_an_item_its_line_speaks_and_no_party() -> None:
    body = {"customer_name": "Aisyah", "tin": "IG1", "lines": [{"sku": KEY, "name": "Teh"}]}
    assert said(body, party=False) == RecordIdentity(Identity(KEY, "Teh", of_party=False))
    elsewhere = {"customer_name": "Aisyah", "note": KEY, "lines": [{"sku": "K-2"}]}
    assert said(elsewhere, party=False) == RecordIdentity(Identity(KEY, "Aisyah", of_party=True))


def test_records_that_contradict_each_other_are_told() -> None:
    tins = [{"tin": "C1"}, {"tin": "C2"}]
    assert said(*tins, party=True).torn == "Its records give 2 TINs"
    numbers = [{"registration": "1-A"}, {"registration": "2-B"}]
    assert said(*numbers, party=True).torn == "Its records give 2 registration numbers"
    assert said(party=True) == RecordIdentity(Identity(KEY))


def test_a_channel_or_currency_is_not_the_customer_who_used_it() -> None:
    sale = {"customer_name": "Aisyah", "tin": "IG1", "channel": KEY}
    assert said(sale, party=True) == RecordIdentity(Identity(KEY))
    assert said({**sale, "tin": "IG2"}, sale, party=True).torn == ""
    rate = {"customer_name": "Aisyah", "channel": "FPX", "currency": KEY}
    assert said(rate, party=True) == RecordIdentity(Identity(KEY))
    assert said({**sale, "channel": "FPX"}, party=True).newest.name == "Aisyah"
