"""QuickBooks Online as a target: build, send, look up, read, test, authorize, renew.

Here: the calls and their headers. Not here: what is asked of who connects it (form.py), bodies
(payload.py), the course of a write (writes.py), look-ups (lookup.py), readings (read_back.py),
permission (authorization.py) and tokens (tokens.py), the connection test (probe.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Literal
from urllib.parse import quote, urlencode

from connectors.contract import (
    Action,
    ConnectionReport,
    FileLimits,
    Found,
    OutgoingDocument,
    Pace,
    Payload,
    Question,
    Rounding,
    Sent,
    Settings,
    Stands,
    Target,
)
from connectors.contract.authorization import Granted, Returned, Revoked
from connectors.contract.master_lists import Listed, ListPage
from connectors.contract.targets import Renewed
from connectors.kit.calls import Get, not_made, reader, sent
from connectors.kit.connection_settings import base_currency_of
from connectors.kit.keys import lasting_keys
from connectors.targets.quickbooks import (
    authorization,
    lookup,
    payload,
    probe,
    read_back,
    tokens,
    writes,
)
from connectors.targets.quickbooks.documents import POSTED, UNPOSTED
from connectors.targets.quickbooks.form import FORM, MINOR_VERSION
from connectors.targets.quickbooks.responses import AT_ONCE
from connectors.transport.http import Http, HttpAnswer, HttpFailure, mask


class QuickBooks:
    """The target `quickbooks`. Its secret is described in tokens.py."""

    name = "quickbooks"
    form = FORM
    documents = POSTED
    unposted = UNPOSTED
    dedupe: Literal["key", "number", "number+customer", "none"] = "key"
    lookup: Literal["strong", "lagging", "none"] = "strong"
    settle_seconds = 30.0
    pace = Pace(
        per_minute=400, to_send=2, to_look=2, to_batch=14, at_once=10, counted_by="company_id"
    )
    """Four fifths of the calls that a company may make. A batch of ten is searched for one by one,
    looked up, and asks what it pays; there are no more than 40 of them in a minute, as it may."""
    file_limits = FileLimits(documents=payload.MOST)
    read_at_once = AT_ONCE
    changes_reach = read_back.REACH
    lists = probe.LISTS
    authorizes = "QuickBooks"

    def rounding(self, settings: Settings) -> Rounding:  # noqa: ARG002 - it has no other way
        """Tax is worked out on the sum of all lines of a rate."""
        return "sum_then_round"

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        *,
        batch: bool,
        batch_name: str,  # noqa: ARG002 - a batch has no name there
        action: Action = "create",
    ) -> Payload:
        """One document as JSON, or a batch of new ones."""
        base = base_currency_of(settings)
        return payload.build(documents, batch=batch, action=action, base=base)

    def rows_of(self, document: OutgoingDocument) -> int:  # noqa: ARG002 - it takes no files
        """A batch counts documents alone."""
        return 1

    def send(self, payload: Payload, settings: Settings, secret: str, key: str, http: Http) -> Sent:
        """Make the call, once; `key` is its request id, under which it is done only once."""
        if not payload.path:
            return not_made(payload)

        def post(path: str, body: bytes) -> HttpAnswer | HttpFailure:
            return http.request(
                payload.method,
                _url(settings, path, requestid=key),
                headers={**_identity(secret), "Content-Type": payload.content_type},
                body=body,
                push=True,
            )

        written = writes.write(payload, _reader(settings, secret, http), post)
        return sent(written.answers, written.call, partial(_masked, secret=secret))

    def look_up(
        self,
        document: OutgoingDocument,
        settings: Settings,
        secret: str,
        key: str,
        http: Http,
        *,
        action: Action = "create",
        standing: OutgoingDocument | None = None,
    ) -> Found:
        """Whether it has been done, in the intended company."""
        question = Question(document=document, key=key, action=action, standing=standing)
        found = lookup.look_up(question, _reader(settings, secret, http))
        return replace(found, proof=_masked(found.proof, secret))

    def look_up_together(
        self, questions: Sequence[Question], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """The same of many, by one query for those of a type."""
        found = lookup.look_up_together(questions, _reader(settings, secret, http))
        return tuple(replace(one, proof=_masked(one.proof, secret)) for one in found)

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """What stands in the intended company beside each document."""
        found = read_back.standing(documents, settings, _reader(settings, secret, http))
        return tuple(replace(one, proof=_masked(one.proof, secret)) for one in found)

    def changed(
        self,
        documents: Collection[str],
        since: datetime,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> frozenset[str] | Found:
        """The ids of what was changed since, in the intended company."""
        return read_back.changed(documents, since, _reader(settings, secret, http))

    def alike(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> tuple[Stands, ...] | Found:
        """Documents of the same party and total, a few days around, in the intended company."""
        return read_back.alike(document, _reader(settings, secret, http))

    def inactive(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> str | Found:
        """Its customer or vendor, where somebody made it inactive in the intended company."""
        return read_back.inactive(document, _reader(settings, secret, http))

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        return probe.report(settings, secret, _reader(settings, secret, http))

    def list_page(
        self, kind: Listed, after: str, settings: Settings, secret: str, http: Http
    ) -> ListPage | Found:
        """A page of the customers, vendors, items or unpaid documents of the intended company."""
        return probe.list_page(kind, after, _reader(settings, secret, http))

    def app_secret(self, secret: str) -> str:
        """The client secret."""
        return authorization.app_secret(secret)

    def lacks_permission(self, secret: str) -> bool:
        """Whether a key is the client secret alone."""
        return authorization.lacks_permission(secret)

    def authorization_address(self, settings: Settings, *, state: str, back: str) -> str:
        """Intuit's page for this app."""
        return authorization.address(settings, state=state, back=back)

    def returned(self, query: Mapping[str, str]) -> Returned:
        """What Intuit's page sent the browser back with."""
        return authorization.returned(query)

    def exchange(
        self, settings: Settings, secret: str, *, code: str, back: str, http: Http
    ) -> Granted:
        """Exchange the code for the refresh token of the company."""
        return authorization.exchange(settings, secret, code=code, back=back, http=http)

    def revoke(self, settings: Settings, secret: str, http: Http) -> Revoked:
        """End the refresh token at Intuit."""
        return authorization.revoke(settings, secret, http)

    def is_due(self, secret: str, now: datetime) -> bool:
        """Whether there is no access token that is good for the next minutes."""
        return tokens.is_due(secret, now)

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Whether the access token is some minutes old."""
        return tokens.may_be_over(secret, now)

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Exchange the refresh token for the next pair."""
        return tokens.renew(settings, secret, http)


def _reader(settings: Settings, secret: str, http: Http) -> Get:
    return reader(http, partial(_url, settings), _identity(secret))


def _url(settings: Settings, path: str, **more: str) -> str:
    realm = quote(str(settings.get("company_id", "")).strip(), safe="")
    version = str(settings.get("minor_version") or MINOR_VERSION)
    query = urlencode({"minorversion": version, **more})
    root = f"{str(settings.get('base_url', '')).rstrip('/')}/v3/company/{realm}"
    return f"{root}{path}{'&' if '?' in path else '?'}{query}"


def _identity(secret: str) -> dict[str, str]:
    grant = lasting_keys.grant_of(secret)
    access = grant.access if grant else ""
    return {"Authorization": f"Bearer {access}", "Accept": "application/json"}


def _masked(content: bytes, secret: str) -> bytes:
    grant = lasting_keys.grant_of(secret)
    for part in (grant.access, grant.refresh, grant.secret) if grant else ():
        content = mask(content, part)
    return content


TARGET: Target = QuickBooks()
