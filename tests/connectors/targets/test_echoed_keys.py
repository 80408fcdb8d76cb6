"""What a target answers is kept as proof; a key of ours that it echoes is not."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.registry import targets
from connectors.transport.http import HttpAnswer
from tests.connectors.simulator_processes import SAMPLES

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)


class Echo:
    """Every call is answered with an empty list, and with its own headers."""

    def __init__(self, secret: str) -> None:
        self._parts, self.keys = re.split("[:\t]", secret), set[str]()

    def now(self) -> datetime:
        return NOW

    def request(self, _method: str, _url: str, *, headers: Any, **_: Any) -> HttpAnswer:
        told = {"you_sent": dict(headers), "data": [], "ResultTable": []}
        body = json.dumps(told).encode()
        self.keys |= {one for one in self._parts if len(one) > 4 and one.encode() in body}
        return HttpAnswer(status=200, headers={}, body=body, seconds=0.0, at=NOW)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_no_proof_holds_the_key(name: str) -> None:
    sample, target = SAMPLES[name], targets()[name.split()[0]]
    http = Echo(sample.secret)
    settings = {"base_url": "https://books.example", "company_name": "Kedai", **sample.settings}
    where: Any = (settings, sample.secret)
    found = target.look_up(sample.make("NS-1"), *where, "cp-1", http)  # type: ignore[arg-type]
    standing = target.read([sample.make("NS-1")], *where, http)  # type: ignore[arg-type]
    proofs = [one.proof.decode() for one in (found, *standing)]
    assert http.keys
    assert [key for key in http.keys for proof in proofs if key in proof] == []
