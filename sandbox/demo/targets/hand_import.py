"""Play the person who imports files into AutoCount desktop, one round over the waiting files.

It is a module of its own because only the demo's month needs a person.
"""

import json
import urllib.request
from collections.abc import Sequence

from connectors import registry
from connectors.contract.pulls import ImportedByHand, SourceRefusal
from holding.db.models import ImportFile
from holding.reconciliation import listings, open_files
from holding.reconciliation.open_files import Outcome
from portal.terminal.command_frame import Installation, Stop
from sandbox.demo import setup
from sandbox.demo.command import Settled

WAITING = ("exported", "handed_over", "imported")


def work_off(place: Installation, settled: Settled, url: str) -> bool:
    """Import each waiting file; return whether no file waits and no work is due any more."""
    for file_id, kind in _waiting(place, settled.company_id):
        _import_file(place, settled.company_id, file_id, kind, url)
    return not _waiting(place, settled.company_id) and _is_done(place, settled.company_id)


def _waiting(place: Installation, company_id: int) -> Sequence[tuple[int, str]]:
    """Return the id and document type of each file without an outcome."""
    with place.database.read() as session:
        files = session.query(ImportFile).filter(
            ImportFile.company_id == company_id, ImportFile.state.in_(WAITING)
        )
        return [(file.id, file.doc_type) for file in files.order_by(ImportFile.id)]


def _is_done(place: Installation, company_id: int) -> bool:
    return setup.count_due(place.database, place.clock, company_id) == 0


def _import_file(place: Installation, company_id: int, file_id: int, kind: str, url: str) -> None:
    """Download a file, import it into AutoCount, enter the outcome and compare the listing."""
    now = place.now
    with place.database.write() as session:
        actor = setup.find_colleague(session, company_id, "finance")
        _, body = setup.require_success(
            open_files.download_file(session, actor, company_id, file_id, now)
        )
    rows = json.loads(_fetch(f"{url}/desktop/import?type={kind}&user=nurul", body))["rows"]
    rejected_rows = [row for row in rows if row["state"] != "New"]
    if rejected_rows:
        raise Stop(f"AutoCount does not take a row of the sample month: {rejected_rows[0]}")
    outcome = Outcome(new=len(rows), update=0, error=0, updated=frozenset(), errors={})
    with place.database.write() as session:
        setup.require_success(
            open_files.enter_outcome(session, actor, company_id, file_id, outcome, now)
        )
    target = registry.targets()["autocount_excel"]
    assert isinstance(target, ImportedByHand)  # noqa: S101 - tells the type checker
    listing = target.listed(_fetch(f"{url}/desktop/listing?type={kind}"))
    if isinstance(listing, SourceRefusal):
        raise Stop(listing.message, listing.hint)
    with place.database.write() as session:
        setup.require_success(
            listings.compare_listing(session, actor, company_id, file_id, listing, now)
        )


def _fetch(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, body, timeout=60) as answer:  # noqa: S310 - a stand-in
        content: bytes = answer.read()
        return content
