"""A mail calls a system by its title; what others wrote in it stays as it is."""

from typing import Any

from holding.operations import digests

COMPANY = {"code": "kedai", "name": "netshop"}
LINK = "https://books.example/c/kedai"


def digest() -> dict[str, Any]:
    group = {
        "cause": "aiaccount does not list the account 500-000",
        "records": 1,
        "money": "RM 1.00",
        "waits": "2 days",
        "owner": "aiaccount",
        "link": f"{LINK}/holding?open=1",
    }
    return {
        "kind": "digest",
        "company": COMPANY,
        "summary": "1 record on hold, RM 1.00",
        "groups": [group],
        "more": 0,
        "link": f"{LINK}/connections/aiaccount",
    }


def test_a_cause_of_a_digest_names_systems_by_their_titles() -> None:
    assert digests.as_text(digest()) == (
        "netshop: 1 record on hold, RM 1.00.\n"
        "\n"
        "AiAccount does not list the account 500-000\n"
        "  1 record, RM 1.00\n"
        "  The oldest waits 2 days. Next step: aiaccount.\n"
        "  https://books.example/c/kedai/holding?open=1\n"
        "\n"
        "All of it: https://books.example/c/kedai/connections/aiaccount\n"
    )


def test_a_signal_names_systems_by_their_titles_in_text_and_subject() -> None:
    say = "aiaccount does not accept the API key."
    body = {
        "kind": "urgent",
        "company": COMPANY,
        "say": say,
        "text": f"netshop: {say}\n\n{LINK}/signals\n",
        "link": f"{LINK}/signals",
    }
    said = "netshop: AiAccount does not accept the API key."
    assert digests.as_text(body) == f"{said}\n\nhttps://books.example/c/kedai/signals\n"
    assert digests.subject_of(f"netshop: {say}", body) == said


def test_a_packet_and_a_test_stay_as_they_are() -> None:
    for kind in ("packet", "test"):
        body = {"kind": kind, "company": COMPANY, "text": "aiaccount has INV-1.\nSHA-256: 1"}
        assert digests.as_text(body) == "aiaccount has INV-1.\nSHA-256: 1"
        assert digests.subject_of("aiaccount", body) == "aiaccount"
