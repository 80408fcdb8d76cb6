"""Replacing the key of the key file: every secret is readable with the new key alone."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from holding.access import enrolment
from holding.access.actors import SYSTEM, Keys, add_key, load_keys, make_key_file
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Company, Connection, ConnectionKey, Heartbeat, Recipient, SecondFactor
from holding.db.models.columns import RecipientKind
from holding.db.refusal import Refusal
from holding.operations import key_file_rotation, recipients
from holding.operations.key_file_rotation import Rotated, rotate_key_file
from holding.platform.settings import Settings
from tests.support.factories import add_target, make_person
from tests.support.postings import NOW


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    return Settings.from_env({"CLEARPOST_HOME": str(tmp_path)})


def keys_of(place: Settings) -> Keys:
    keys = load_keys(place)
    assert isinstance(keys, Keys)
    return keys


@pytest.fixture
def secrets(database: Database, company: Company, place: Settings) -> Database:
    """One secret of each kind: two keys of a connection, an authenticator app, a webhook."""
    keys = keys_of(place)
    with database.write() as session:
        target = add_target(session, company, "quickbooks", {}, NOW)
        for text in ("secret-of-the-first", "secret-of-the-second"):
            connections.set_key(session, SYSTEM, target.id, text, now=NOW, keys=keys)
        person = make_person(session, company, "siti@kedai.my", "finance")
        cipher = keys.encrypt("APP", row=enrolment.bound(person.id))
        factor = SecondFactor(person_id=person.id, secret=cipher, made_at=NOW, made_in="x")
        hook = Recipient(
            company_id=company.id,
            kind=RecipientKind.WEBHOOK,
            secret="",
            digest=False,
            urgent=True,
            packets=False,
            made_at=NOW,
        )
        session.add_all([factor, hook])
        session.flush()
        hook.secret = keys.encrypt("HOOK", row=recipients.bound(hook.id))
    return database


def texts(database: Database, keys: Keys) -> list[str]:
    """Decrypt everything that is stored."""
    with database.read() as session:
        pairs = session.execute(
            select(ConnectionKey, Connection)
            .join(Connection, Connection.id == ConnectionKey.connection_id)
            .order_by(ConnectionKey.id)
        )
        ciphers = [(key.secret, connections.bound(there, key.no)) for key, there in pairs]
        factor = session.scalars(select(SecondFactor)).one()
        hook = session.scalars(select(Recipient).where(Recipient.secret.is_not(None))).one()
        ciphers.append((factor.secret, enrolment.bound(factor.person_id)))
        ciphers.append((hook.secret or "", recipients.bound(hook.id)))
    read = [keys.decrypt(cipher, row=row) for cipher, row in ciphers]
    return [text if isinstance(text, str) else text.code for text in read]


ALL = ["secret-of-the-first", "secret-of-the-second", "APP", "HOOK"]


def test_every_secret_is_read_with_the_new_key_alone(secrets: Database, place: Settings) -> None:
    before = keys_of(place)
    assert texts(secrets, before) == ALL
    assert rotate_key_file(secrets, place, NOW) == Rotated(4, ())
    after = keys_of(place)
    assert (len(after.lines), after.lines == before.lines) == (1, False)
    assert texts(secrets, after) == ALL
    assert set(texts(secrets, before)) == {"secret.unreadable"}
    assert (place.home / "secret.key").stat().st_mode & 0o777 == 0o600


def test_a_secret_of_another_key_stays_and_is_named(secrets: Database, place: Settings) -> None:
    lost = Keys((b"xm8fkfMblGLs0jjZ2_83qvXBKHDaMFI66nUU9dxoe0A=",))
    with secrets.write() as session:
        factor = session.scalars(select(SecondFactor)).one()
        factor.secret = lost.encrypt("APP", row=enrolment.bound(factor.person_id))
        title = f"authenticator app of person {factor.person_id}"
    assert rotate_key_file(secrets, place, NOW) == Rotated(3, (title,))
    assert texts(secrets, keys_of(place))[2] == "secret.unreadable"
    assert texts(secrets, lost)[2] == "APP"


def test_nothing_is_rotated_while_a_worker_runs(secrets: Database, place: Settings) -> None:
    before = keys_of(place)
    with secrets.write() as session:
        session.add(Heartbeat(**worker(NOW)))
    refused = rotate_key_file(secrets, place, NOW)
    assert isinstance(refused, Refusal)
    assert (refused.code, keys_of(place)) == ("key.in_use", before)


def worker(now: datetime) -> dict[str, object]:
    return {
        "owner": "worker-1",
        "started_at": now,
        "seen_at": now,
        "next_by": now + timedelta(seconds=30),
    }


@pytest.mark.parametrize("at", ["in the database", "in the file"])
def test_an_interrupted_rotation_loses_nothing(
    secrets: Database, place: Settings, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        if at == "in the file":
            patched.setattr(key_file_rotation, "only_newest_key", stop)
        else:
            patched.setattr(Keys, "encrypt", stop)
        with pytest.raises(KeyboardInterrupt):
            rotate_key_file(secrets, place, NOW)
    assert texts(secrets, keys_of(place)) == ALL
    assert rotate_key_file(secrets, place, NOW) == Rotated(4, ())
    assert texts(secrets, keys_of(place)) == ALL
    assert len(keys_of(place).lines) == 1


def test_a_key_file_that_exists_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secret.key"
    assert make_key_file(path)
    written = path.read_bytes()
    assert not make_key_file(path)
    assert path.read_bytes() == written
    add_key(path)
    assert path.read_bytes().splitlines()[1:] == written.splitlines()
    assert [file.name for file in path.parent.iterdir()] == ["secret.key"]
