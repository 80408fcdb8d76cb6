"""Secrets at rest: the key file, and text encrypted for one row only.

Here: reading or making the keys, encrypting, decrypting, deriving; what cannot be a key. Not here:
which row holds a secret (holding/connections/setup.py).
"""

import hashlib
import hmac
import json
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from holding.db.refusal import Refusal
from holding.platform.settings import Settings, conceal, home_of

KEY_NAME = "secret.key"
SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of this installation, newest first; never shown."""

    lines: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Keys({len(self.lines)})"

    def encrypt(self, text: str, *, row: str) -> str:
        """Cipher text of `text` that only the row it was made for can read."""
        plain = json.dumps({"row": row, "text": text}).encode()
        return self._box().encrypt(plain).decode()

    def decrypt(self, cipher: str, *, row: str) -> str | Refusal:
        """The text behind `cipher`, if it was made for `row` with one of the keys."""
        try:
            found = json.loads(self._box().decrypt(cipher.encode()))
        except (InvalidToken, ValueError):
            return Refusal(
                "secret.unreadable",
                "This secret cannot be decrypted with the current key file.",
                "Give the key file that was in use, or enter the secret again.",
            )
        if found["row"] != row:
            return Refusal(
                "secret.moved",
                "This secret belongs to another row.",
                "The database was changed by hand; enter the secret again.",
            )
        conceal(str(found["text"]))
        return str(found["text"])

    def derive(self, purpose: str) -> str:
        """A key for another purpose (sessions, CSRF), stable while the oldest line stays."""
        return hmac.new(self.lines[-1], purpose.encode(), hashlib.sha256).hexdigest()

    def _box(self) -> MultiFernet:
        return MultiFernet([Fernet(line) for line in self.lines])


def home() -> Path:
    """The home folder of this process, made private when it is missing."""
    folder = home_of(os.environ)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def load_keys(settings: Settings) -> Keys | Refusal:
    """The keys; made at the first start of an embedded installation, never beside a shared one."""
    path = settings.key_file or settings.home / KEY_NAME
    if not path.exists():
        if settings.key_file or not settings.embedded:
            return Refusal(
                "secret.no_key",
                f"There is no key file at {path}.",
                "With DATABASE_URL set, CLEARPOST_KEY_FILE names one key for all machines.",
            )
        _make(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Refusal(
            "secret.open_key", f"Others may read the key file {path}.", f"chmod 600 {path}"
        )
    lines = tuple(line.strip() for line in path.read_bytes().splitlines() if line.strip())
    if not lines or not all(_good(line) for line in lines):
        return Refusal(
            "secret.bad_key",
            f"The key file {path} holds no usable key.",
            "One key a line, newest first, as written at the first start.",
        )
    return Keys(lines)


def _make(path: Path) -> None:
    """Write a new key so that two processes starting at once end with the same one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # 0600
    with os.fdopen(handle, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        Path(fresh).unlink()


def _good(line: bytes) -> bool:
    try:
        Fernet(line)
    except ValueError:
        return False
    return True


def key_fault(secret: str) -> Refusal | None:
    """Why this text cannot be a key, whatever it is for."""
    text = secret.strip()
    if len(text.split()) > 1:
        words = "The key has white space inside."
        return Refusal("key.white_space", words, "Copy it again, in one piece.", 422)
    if len(text) < SHORTEST or not text.isprintable():
        return Refusal("key.unusable", "This cannot be a key.", "Copy it again, whole.", 422)
    return None
