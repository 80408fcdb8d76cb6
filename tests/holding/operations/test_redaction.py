"""What never leaves in a packet, and what has to stay readable in it."""

import pytest

from holding.operations.escalation_packets import REMOVED, TAX_NUMBER, redacting

STORED = "netshop-secret-of-the-test"
redact = redacting({STORED, "abc"}, tax_numbers=False, keep={"C25845632020"})


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"signed with {STORED}.", STORED),
        ("key aia_live_demo_7Qk2 is refused", "aia_live_demo_7Qk2"),
        ('{"api_key": "k-12345"}', "k-12345"),
        ("X-Api-Key: zyx98765", "zyx98765"),
        ("token=cp_AbC123-xyz rest", "cp_AbC123-xyz"),
        ("password = hunter22", "hunter22"),
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("sent Bearer abcdef123456 there", "abcdef123456"),
        ("https://user:pass@shop.example/x", "user:pass"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.sig", "eyJhbGciOiJI"),
        ("id cp_Ab3dEf6hIj9kLm2nOp5qRs8t here", "cp_Ab3dEf6hIj9kLm2nOp5qRs8t"),
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"),
    ],
)
def test_a_secret_is_removed_and_that_it_was_is_told(text: str, secret: str) -> None:
    found = redact(text)
    assert secret not in found
    assert REMOVED in found


@pytest.mark.parametrize(
    "number",
    ["IG12345678901", "SG1234567890", "C25845632021", "EI00000000010", "W10-1808-32000059"],
)
def test_a_tax_number_is_removed_unless_it_is_allowed(number: str) -> None:
    text = f"TIN {number} is not valid."
    assert redact(text) == f"TIN {TAX_NUMBER} is not valid."
    assert redacting((), tax_numbers=True)(text) == text


@pytest.mark.parametrize(
    "text",
    [
        'Tax code "MY-ZERO" is not configured',
        "Debtor 300-B001 not found",
        "NS-240300 rejected: period locked through 2026-10-31",
        "Version 2 by Nurul Huda, 2026-11-20 14:30: RM 1,204.00",
        "C25845632020 is the record's own number",
        "abc is too short for a secret",
        "The token is missing.",
        "sales_invoice_of_the_month_before",
    ],
)
def test_what_support_needs_stays(text: str) -> None:
    assert redact(text) == text
