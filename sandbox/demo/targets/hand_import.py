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
from portal.terminal.command_frame import Office, Stop
from sandbox.demo import setup
from sandbox.demo.command import Settled

WAITING = ("exported", "handed_over", "imported")


def work_off(place: Office, settled: Settled, url: str) -> bool:
    """Carry each file that waits; whether nothing waits and nothing is due any more."""
    for file_id, kind in _waiting(place, settled.company_id):
        _carry(place, settled.company_id, file_id, kind, url)
    return not _waiting(place, settled.company_id) and _is_done(place, settled.company_id)


def _waiting(place: Office, company_id: int) -> Sequence[tuple[int, str]]:
    """The files that nobody has told of yet, with the kind of their documents."""
    with place.database.read() as session:
        files = session.query(ImportFile).filter(
            ImportFile.company_id == company_id, ImportFile.state.in_(WAITING)
        )
        return [(one.id, one.doc_type) for one in files.order_by(ImportFile.id)]


def _is_done(place: Office, company_id: int) -> bool:
    return setup.due(place.database, place.clock, company_id) == 0


def _carry(place: Office, company_id: int, file_id: int, kind: str, url: str) -> None:
    """Download it, paste it into AutoCount, tell what was seen, compare the listing."""
    now = place.now
    with place.database.write() as session:
        actor = setup.colleague(session, company_id, "finance")
        _, body = setup.done(open_files.download_file(session, actor, company_id, file_id, now))
    rows = json.loads(_asked(f"{url}/desktop/import?type={kind}&user=nurul", body))["rows"]
    wrong = [row for row in rows if row["state"] != "New"]
    if wrong:
        raise Stop(f"AutoCount does not take a row of the sample month: {wrong[0]}")
    seen = Outcome(new=len(rows), update=0, error=0, updated=frozenset(), errors={})
    with place.database.write() as session:
        setup.done(open_files.enter_outcome(session, actor, company_id, file_id, seen, now))
    target = registry.targets()["autocount_excel"]
    assert isinstance(target, ImportedByHand)  # noqa: S101 - tells the type checker
    listing = target.listed(_asked(f"{url}/desktop/listing?type={kind}"))
    if isinstance(listing, SourceRefusal):
        raise Stop(listing.message, listing.hint)
    with place.database.write() as session:
        setup.done(listings.compare_listing(session, actor, company_id, file_id, listing, now))


def _asked(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, body, timeout=60) as answer:  # noqa: S310 - a stand-in
        found: bytes = answer.read()
        return found
