"""A secret of several values: how they are joined, and which may be blank."""

import pytest

from connectors import registry

KEYS = {
    name: form.key
    for side, names in (("source", registry.sources()), ("target", registry.targets()))
    for name in names
    if (form := registry.form_of(side, name)) and form.key and form.key.parts
}


def test_these_systems_have_secrets_of_several_values():
    assert set(KEYS) == {"autocount_aotg", "lazada", "shopee", "shopify", "woocommerce"}


@pytest.mark.parametrize("name", KEYS)
def test_all_values_are_joined_by_colons(name):
    key = KEYS[name]
    values = {part.name: f" {part.name} " for part in key.parts}
    assert key.join(values) == ":".join(part.name for part in key.parts)
    assert key.part_faults(values) == {}


@pytest.mark.parametrize("name", KEYS)
def test_a_missing_value_is_named_and_no_other_slips_into_its_place(name):
    key = KEYS[name]
    for missing in key.parts:
        values = {part.name: part.name for part in key.parts if part is not missing}
        faults = key.part_faults(values)
        if missing.otherwise or (missing.optional and missing is key.parts[-1]):
            wanted = {missing.name} if missing.needed_with else set()
            assert set(faults) == wanted
        else:
            assert missing.name in faults


def test_a_blank_webhook_secret_is_the_consumer_secret():
    key = KEYS["woocommerce"]
    assert key.join({"consumer_key": "ck_1", "consumer_secret": "cs_1"}) == "cs_1:ck_1:cs_1"
    assert key.join({"webhook_secret": "hush"}) == "hush"
    assert key.join({}) == ""
    assert set(key.part_faults({"consumer_key": "ck_1"})) == {"webhook_secret", "consumer_secret"}
    assert set(KEYS["shopify"].part_faults({"access_token": "t"})) == {"client_secret"}


@pytest.mark.parametrize(
    ("values", "replaced", "joined"),
    [
        ({"consumer_key": "k2", "consumer_secret": "s2"}, "own:k1:s1", "own:k2:s2"),
        ({"consumer_key": "k2", "consumer_secret": "s2"}, "s1:k1:s1", "s2:k2:s2"),
        ({"consumer_key": "k2", "consumer_secret": "s2"}, "own", "own:k2:s2"),
        ({"consumer_key": "k2", "consumer_secret": "s2"}, "o:w:n:k1:s1", "o:w:n:k2:s2"),
        ({"webhook_secret": "new"}, "own:k1:s1", "new:k1:s1"),
        ({"webhook_secret": "new"}, "", "new"),
    ],
)
def test_a_blank_value_keeps_the_one_in_use(values, replaced, joined):
    assert KEYS["woocommerce"].join(values, replaced) == joined


def test_a_replaced_client_secret_keeps_the_access_token():
    key = KEYS["shopify"]
    assert key.join({"client_secret": "new"}, "old:token").startswith("new:token")
