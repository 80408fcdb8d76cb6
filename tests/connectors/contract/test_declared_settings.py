"""What connectors ask for is declared once, in words a person can follow."""

import re

import pytest

from connectors import registry
from connectors.contract import Setting
from connectors.contract.schema import setting_fault, setting_faults

FORMS = [
    *(("target", name) for name in registry.targets()),
    *(("source", name) for name in registry.sources()),
]


@pytest.mark.parametrize(("side", "name"), FORMS)
def test_each_connector_asks_in_words_of_people(side, name):
    form = registry.form_of(side, name)
    assert form.title[0].isupper()
    assert form.gives
    assert form.needs
    assert len({one.name for one in form.settings}) == len(form.settings)
    for one in form.settings:
        assert re.fullmatch("[a-z][a-z_]*", one.name)
        assert "_" not in one.label + one.hint
        assert one.hint, one.name
        assert (one.kind in ("choice", "some_of")) == (one.choices is not None)
        assert not one.example or setting_fault(one, one.example) == ""
    assert form.key is None or form.key.steps


def test_nothing_is_known_of_another_connector():
    assert registry.form_of("source", "aiaccount") is None
    assert registry.form_of("target", "nobody") is None


ASKED = Setting(name="x", label="Company ID", example="7", required=True)


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("text", "  ", "Enter the company ID."),
        ("text", "CMP-7", ""),
        ("address", "api.example", "is not an address that begins with https://. Example: 7."),
        ("address", "ftp://api.example", "is not an address"),
        ("address", "https://", "is not an address"),
        ("address", "https://api.example:8443/v1", ""),
        ("whole", "0", "is not a whole number"),
        ("whole", "-1", "is not a whole number"),
        ("whole", "9" * 4301, "is not a whole number"),
        ("whole", "1" + "0" * 18, "is not a whole number"),
        ("whole", "60", ""),
        ("closed_day", "September", "is not a day"),
        ("closed_day", "2026-09-31", "is not a day"),
        ("closed_day", "2026-09-30", ""),
        ("closed_day", "none", ""),
        ("zone", "Mars/Base", "is not a time zone"),
        ("zone", "Europe/London", ""),
        ("currency", "myr", "is not a currency"),
        ("currency", "123", "is not a currency"),
        ("currency", "MYR", ""),
        ("choice", "c", "“c” is none of: a, b."),
        ("choice", "a", ""),
        ("some_of", "a, b", ""),
        ("some_of", "a, c", "“c” is none of: a, b."),
    ],
)
def test_a_value_is_judged_by_its_kind(kind, value, told):
    choices = {"a": "One", "b": "Two"} if kind in ("choice", "some_of") else None
    one = Setting(
        name="x", label="Company ID", example="7", required=True, kind=kind, choices=choices
    )
    found = setting_fault(one, value)
    assert told in found
    assert bool(told) == bool(found)


def test_a_form_tells_each_fault_and_what_is_missing():
    free = Setting(name="y", label="Note")
    assert setting_faults((ASKED, free), {}) == {"x": "Enter the company ID."}
    assert setting_faults((ASKED, free), {"x": "7"}) == {}
