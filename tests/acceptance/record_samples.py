"""A sample of a record of any kind, made from the schema that the product prints of it.

Here: the six kinds, a sample, taking a file of them. Not here: what becomes of them.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.houses import COMPANY
from tests.acceptance.product import House

SIX = ("order", "receipt", "settlement", "settlement_payment", "delivery", "purchase")
SAMPLES: dict[str, Any] = {
    "whole": 1,
    "money": "12.50",
    "decimal": "3.4125",
    "quantity": "2",
    "date": "2026-01-31",
    "moment": "2026-01-31T12:00:00+08:00",
    "yesno": True,
}


def sample(schema: dict[str, Any]) -> dict[str, Any]:
    """A record that has every field which its schema declares."""
    kind = schema["kind"]
    body = {f["name"]: SAMPLES.get(f["type"], f"{kind} {f['name']}"[:40]) for f in schema["fields"]}
    lines = [{f["name"]: SAMPLES.get(f["type"], f["name"]) for f in schema["lines"]}]
    more = {"lines": lines} if schema["lines"] else {}
    return {**body, **more, "kind": kind, "id": f"S-{kind}", "number": f"N-{kind}"}


def taken(office: House, folder: Path, *records: dict[str, Any]) -> int:
    """How many new records a file of these came to."""
    return int(json.loads(ingest_records(office, folder, records, 0))["new_records"])


def refused(office: House, folder: Path, *records: dict[str, Any]) -> str:
    """What is said of a file of which nothing is taken."""
    return ingest_records(office, folder, records, 1)


def ingest_records(
    office: House, folder: Path, records: Sequence[dict[str, Any]], code: int
) -> str:
    """Return the result of `clearpost ingest` for these records; what is wrong if it ends so."""
    file = folder / "sample.records.json"
    file.write_text(json.dumps({"records": records}), "utf-8")
    words = ("ingest", str(file), *COMPANY, "--source", "intake", "--json")
    done = office.product.run(*words, code=code)
    return done.stderr if code else done.stdout
