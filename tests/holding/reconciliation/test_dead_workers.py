"""What a worker leaves that ended between the file and the word that it is written."""

import pytest
from sqlalchemy import select

from connectors.transport import strict_json
from holding.db.models import Attempt, Connection, Push
from holding.db.models.columns import ImportFileState
from holding.posting.claims import release_expired_claims
from tests.holding.reconciliation.desktop import Desktop
from tests.holding.shop import order

OTHER = "B-1"  # not our prefix, so it stands in no file
ATTEMPTS = select(Attempt.state).join(Push).where(Push.number == OTHER).order_by(Attempt.id)


class DeadWorkerError(Exception):
    """The worker ends here."""


def _die(desk: Desktop, monkeypatch: pytest.MonkeyPatch, *numbers: str) -> None:
    """A worker takes them, writes them down, and ends; what it left is due to another."""

    def die(name: str) -> None:
        if name == "push.after_intent":
            raise DeadWorkerError

    with monkeypatch.context() as patched:
        patched.setattr(strict_json, "fault_point", die)
        _change_prefixes(desk, "A-, B-")
        stamp = desk.shop.now.isoformat()
        desk.shop.receive(*(order(number, updated_at=stamp) for number in numbers))
        desk.shop.judge()
        _change_prefixes(desk, "A-")
        with pytest.raises(DeadWorkerError):
            desk.work()
    desk.shop.clock.advance(900)
    with desk.shop.database.write() as session:
        release_expired_claims(session, desk.shop.now)


def _change_prefixes(desk: Desktop, prefixes: str) -> None:
    """Change which numbers the connection takes; judged records stay as they are."""
    with desk.shop.database.write() as session:
        excel = session.scalars(select(Connection).filter_by(name="autocount_excel")).one()
        excel.settings = {**excel.settings, "number_prefix": prefixes}


def _attempts(desk: Desktop) -> list[str]:
    """What came of each file that was to carry the other one."""
    with desk.shop.database.read() as session:
        return [str(state) for state in session.scalars(ATTEMPTS)]


def test_what_no_file_could_carry_does_not_wait_in_one(
    desk: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _die(desk, monkeypatch, "A-1", OTHER)
    desk.work()
    (file,) = desk.files
    assert (file.documents, file.rows) == (1, 1)
    assert desk.posting_states() == {"A-1": "awaiting", OTHER: "held"}
    assert desk.held(OTHER) == ["PSH08"]
    desk.imports(desk.download(file))
    assert desk.compare(file) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "posted", OTHER: "held"}


def test_where_nothing_could_be_carried_there_is_no_file_and_a_way_out(
    desk: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    _die(desk, monkeypatch, OTHER)
    desk.work()
    assert not desk.files
    assert desk.posting_states() == {OTHER: "held"}
    assert desk.held(OTHER) == ["PSH08"]
    assert _attempts(desk) == ["refused"]


def test_what_a_file_can_carry_by_now_goes_in_the_next(
    desk: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody corrected the prefixes of the connection meanwhile."""
    _die(desk, monkeypatch, OTHER)
    _change_prefixes(desk, "A-, B-")
    desk.work()
    (file,) = desk.files
    assert _attempts(desk) == ["temporary", "awaiting"]
    desk.imports(desk.download(file))
    assert desk.compare(file) is ImportFileState.RECONCILED
    assert desk.posting_states() == {OTHER: "posted"}
