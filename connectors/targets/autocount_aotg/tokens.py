"""The secret of a connection, and the token that a log-in gives for it.

Here: how it is written, when a log-in is due, the log-in. Not here: where it is kept.

A person gives `PASSWORD:API-KEY`; after the first log-in it is kept with the token, since when and
until when it is good (seconds since 1970), each after a tab. The password may contain colons; the
key stands last, for pages show the end of a secret.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.contract import Settings
from connectors.contract.targets import Renewed
from connectors.transport.http import Http, HttpAnswer, HttpFailure, mask
from connectors.transport.strict_json import dumps, loads

LOG_IN = "/api/public/v1/TokenAuth/Authenticate"
EARLY = timedelta(minutes=5)
FRESH = timedelta(minutes=1)
USUAL_LIFE = timedelta(hours=1)  # where the answer does not tell its end
_REFUSED = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Login:
    """The parts of the secret."""

    api_key: str
    password: str
    token: str = ""
    since: int = 0
    until: int = 0

    def __repr__(self) -> str:
        return f"Login(until {self.until})"


def login_of(secret: str) -> Login | None:
    """The parts; None when it is not written so."""
    given, *kept = secret.strip().split("\t")
    password, _, api_key = given.rpartition(":")
    if not api_key or not password or len(kept) not in (0, 3):
        return None
    if not kept:
        return Login(api_key, password)
    token, *times = kept
    good = bool(token) and all(one.isascii() and one.isdecimal() for one in times)
    return Login(api_key, password, token, *map(int, times)) if good else None


def is_due(secret: str, now: datetime) -> bool:
    """Whether there is no token that is good for the next minutes."""
    login = login_of(secret)
    return login is not None and (not login.token or now + EARLY >= _moment(login.until, now))


def may_be_over(secret: str, now: datetime) -> bool:
    """Whether the token is older than a minute, so that a refusal may mean that it ended early."""
    login = login_of(secret)
    return login is not None and now - _moment(login.since, now) > FRESH


def strange_book(settings: Settings, login: Login) -> str:
    """Why this key is not that of the intended account book; blank when it may be: the key alone
    names the book, so its beginning is compared.
    """
    book = str(settings.get("company_id", "")).strip()
    if book and login.api_key.startswith(book):
        return ""
    return f"The API key is not that of the account book {book or 'of this connection'}."


def renew(settings: Settings, secret: str, http: Http) -> Renewed:
    """Log in, and keep the token beside what was given."""
    login = login_of(secret)
    if login is None:
        return Renewed(kind="refused", words="The key is not written as PASSWORD:API-KEY.")
    if strange := strange_book(settings, login):
        return Renewed(kind="refused", words=strange)
    answer = log_in(settings, login, http)
    if isinstance(answer, HttpFailure):
        return Renewed(kind="away", words=answer.words)
    now = http.now()
    made = token_of(answer, now)
    if made is not None:
        token, until = made
        kept = f"{login.password}:{login.api_key}\t{token}\t{int(now.timestamp())}\t{until}"
        return Renewed(kind="renewed", words="A new token was given.", secret=kept)
    words = f"AutoCount answered {answer.status} to the log-in."
    return Renewed(kind="refused" if answer.status in _REFUSED else "away", words=words)


def log_in(settings: Settings, login: Login, http: Http) -> HttpAnswer | HttpFailure:
    """Ask for a token."""
    who = {
        "UserName": str(settings.get("user_name", "")).strip(),
        "Password": login.password,
        "ApiKey": login.api_key,
    }
    return http.request(
        "POST",
        f"{root_of(settings)}{LOG_IN}",
        headers={"Content-Type": "application/json", "Cache-Control": "no-cache"},
        body=dumps(who),
    )


def token_of(answer: HttpAnswer, now: datetime) -> tuple[str, int] | None:
    """The token of a log-in and its end; None when none was given."""
    told = loads(answer.body)
    content = told if isinstance(told, dict) else {}
    token = content.get("AccessToken")
    if answer.status != 200 or not isinstance(token, str) or not token or "\t" in token:
        return None
    try:
        end = datetime.fromisoformat(str(content.get("Expired")))
    except ValueError:
        end = now + USUAL_LIFE
    return token, int((end if end.tzinfo else end.replace(tzinfo=now.tzinfo)).timestamp())


def root_of(settings: Settings) -> str:
    """The address of the interface, without a slash at its end."""
    return str(settings.get("base_url", "")).rstrip("/")


def masked(content: bytes, secret: str) -> bytes:
    """Bytes as they may be kept, should the other side have echoed a part of the secret."""
    login = login_of(secret)
    for part in (login.token, login.password, login.api_key) if login else ():
        content = mask(content, part)
    return content


def _moment(seconds: int, now: datetime) -> datetime:
    return datetime.fromtimestamp(seconds, now.tzinfo)
