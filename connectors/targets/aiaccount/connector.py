"""AiAccount as a target: build, send, look up, read, test.

Here: the calls and their headers. Not here: bytes (payload.py), answers (answers.py), look-ups
(lookup.py), the connection test (probe.py).
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode

from connectors.contract import (
    Action,
    BookFacts,
    ConnectionForm,
    ConnectionReport,
    DuplicateWindow,
    EInvoices,
    FileLimits,
    Found,
    KeyField,
    OutgoingDocument,
    Pace,
    Payload,
    Rounding,
    Sent,
    Setting,
    Settings,
    Submitter,
    Target,
)
from connectors.contract import declared_settings as declared
from connectors.kit.calls import Get, not_made, reader, sent
from connectors.kit.connection_settings import E_INVOICES, base_currency_of, zone_of
from connectors.targets.aiaccount import lookup, payload, probe
from connectors.targets.aiaccount.answers import answers_of, unanswered
from connectors.targets.aiaccount.documents import DOCUMENTS
from connectors.targets.aiaccount.outcomes import hear, object_of
from connectors.targets.aiaccount.ways import KEY_LASTS
from connectors.transport.http import Http, HttpFailure, mask
from connectors.transport.strict_json import loads

KNOWN_BY = (
    DuplicateWindow(
        "The key of a call is known for 30 days (our contract; AiAccount gives no figure).",
        KEY_LASTS,
    ),
    DuplicateWindow(
        "The same number and party is known as long as it is there (its help page, AiAccount Sync)."
    ),
)
FORM = ConnectionForm(
    title="AiAccount",
    gives="Sales invoices, sales receipts, expense bills, expense payments, sales refunds",
    needs="API key and company ID",
    tells=BookFacts(closing_date="told", known_by=KNOWN_BY, kept_while_paused=HTTPStatus.LOCKED),
    e_invoices=EInvoices(
        submitter=Submitter.TARGET,
        types={"sales_invoice": "01"},
        says=(
            "AiAccount submits them to LHDN, for a company that has e-Invoices on there.",
            "Clearpost submits none and waits for none: no UUID comes back, and none is entered.",
        ),
    ),
    settings=(
        declared.address(
            "https://api.aiaccount.example", "The address of the interface, not of the web page."
        ),
        Setting(
            name="company_id",
            label="Company ID",
            hint="In AiAccount: Settings > Home, first line.",
            example="CMP-1042",
            required=True,
        ),
        Setting(
            name="company_name",
            label="Company name in AiAccount",
            hint="The test compares it, so that no document reaches another company.",
            example="Kedai Contoh Sdn Bhd",
            required=True,
        ),
        Setting(
            name="app_url",
            label="Address of the web page",
            hint="Optional. Posted documents then link to their page in AiAccount.",
            example="https://app.aiaccount.example",
            kind="address",
        ),
        Setting(
            name="rounding_mode",
            label="Rounding",
            hint="As it is set in AiAccount, which rounds each line unless you changed it there.",
            kind="choice",
            choices={
                "per_line": "Each line, then the sum",
                "sum_then_round": "The sum only",
            },
        ),
        E_INVOICES,
        declared.LOOK_FIRST,
    ),
    key=KeyField(
        label="API key",
        hint="Paste it once. It is kept encrypted and never shown again in full.",
        steps=(
            "Open AiAccount as its owner, in the company that the documents are for.",
            "Go to Settings > Integrations > API Keys and create a key named Clearpost.",
            "Tick Write sales and Read sales; Write expenses for bills, Write refunds for refunds.",
            "Copy the key and paste it here. AiAccount shows it once.",
        ),
    ),
)


class AiAccount:
    """The target `aiaccount`.

    Beside the settings of its form it knows `needs` (permissions) and `next_batch` (documents about
    to be sent, for the quota step of the test).
    """

    name = "aiaccount"
    form = FORM
    documents = DOCUMENTS
    dedupe: Literal["key", "number", "number+customer", "none"] = "number+customer"
    lookup: Literal["strong", "lagging", "none"] = "strong"
    settle_seconds = 30.0
    pace = Pace(to_look=3)
    file_limits = FileLimits(documents=500, rows=2_000, bytes=5 * 1024 * 1024)
    read_at_once = 1

    def rounding(self, settings: Settings) -> Rounding:
        """What the setting says; rounding each line is what AiAccount does by default."""
        told = settings.get("rounding_mode")
        return "sum_then_round" if told == "sum_then_round" else "per_line"

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        *,
        batch: bool,
        batch_name: str,
        action: Action = "create",  # noqa: ARG002 - it can do nothing else
    ) -> Payload:
        """One invoice or refund as JSON; any other document, or many of one type, as a workbook."""
        base = base_currency_of(settings)
        return payload.build(documents, batch=batch, batch_name=batch_name, base=base)

    def rows_of(self, document: OutgoingDocument) -> int:
        """A row for each line; of a document without lines, one."""
        return payload.rows_taken(document)

    def send(self, payload: Payload, settings: Settings, secret: str, key: str, http: Http) -> Sent:
        """Make the call, once. A payload of which nothing may be sent is answered without one."""
        if len(payload.refused) == len(payload.numbers):
            return not_made(payload)
        content_type, body = _enclosed(payload)
        answer = http.request(
            payload.method,
            _url(settings, payload.path),
            headers={
                **_identity(settings, secret),
                **payload.headers,
                "Idempotency-Key": key,
                "Content-Type": content_type,
            },
            body=body,
            push=True,
        )
        if isinstance(answer, HttpFailure):
            told = unanswered(payload, answer)
        else:
            told = answers_of(payload, hear(answer, _now(settings, http)))
        return sent(told, answer, partial(mask, secret=secret.strip()))

    def look_up(
        self,
        document: OutgoingDocument,
        settings: Settings,
        secret: str,
        key: str,
        http: Http,
        *,
        action: Action = "create",  # noqa: ARG002 - as in build
        standing: OutgoingDocument | None = None,  # noqa: ARG002
    ) -> Found:
        """Whether the document is there, in the intended company."""
        get = _reader(settings, secret, http)
        found = lookup.look_up(document, key, get, _now(settings, http))
        return _kept(found, secret)

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """What stands in the intended company beside each document: one call a document."""
        get = _reader(settings, secret, http)
        found = (lookup.read(one, get, _now(settings, http)) for one in documents)
        return tuple(_kept(one, secret) for one in found)

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        return self.test_whole((), settings, secret, http)

    def more_calls(self, documents: Collection[str]) -> int:  # noqa: ARG002 - one call tells all
        """None: what the usual test reads says of each type whether it is taken."""
        return 0

    def test_whole(
        self, documents: Collection[str], settings: Settings, secret: str, http: Http
    ) -> ConnectionReport:
        """Try the connection, and whether each of these types is taken, without writing."""
        fault = probe.key_fault(secret)
        if fault:
            return probe.no_key(fault)
        told = _reader(settings, secret, http)("/v1/connection")
        return probe.report(settings, self.rounding(settings), secret, told, documents)

    def import_page(self, settings: Settings, answer: bytes) -> str:
        """The entry of AiAccount's import history; blank without the setting `app_url`, and for a
        call that was no import.
        """
        base = str(settings.get("app_url", "")).rstrip("/")
        content = loads(answer)
        found = object_of(content if isinstance(content, dict) else None, "import").get("id")
        if not base or not isinstance(found, str) or not found.startswith("imp_"):
            return ""
        asked = {"company": str(settings.get("company_id", "")), "import": found}
        return f"{base}/settings/integrations/logs?{urlencode(asked)}"


def _kept(found: Found, secret: str) -> Found:
    """What was found as it may be stored, should the answer have echoed the key."""
    return replace(found, proof=mask(found.proof, secret.strip()))


def _reader(settings: Settings, secret: str, http: Http) -> Get:
    return reader(http, partial(_url, settings), _identity(settings, secret))


def _now(settings: Settings, http: Http) -> datetime:
    return http.now().astimezone(zone_of(settings))


def _url(settings: Settings, path: str) -> str:
    return str(settings.get("base_url", "")).rstrip("/") + path


def _identity(settings: Settings, secret: str) -> Mapping[str, str]:
    return {
        "Authorization": f"Bearer {secret.strip()}",
        "X-Company-Id": str(settings.get("company_id", "")),
        "Accept": "application/json",
    }


def _enclosed(payload: Payload) -> tuple[str, bytes]:
    """The body as it travels: a file goes as a form whose boundary follows from the file."""
    if not payload.file_name:
        return payload.content_type, payload.body
    boundary = "clearpost-" + hashlib.sha256(payload.body).hexdigest()[:40]
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in payload.form.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
        f'filename="{payload.file_name}"\r\nContent-Type: {payload.content_type}\r\n\r\n'
    ).encode()
    body = b"".join([*parts, head, payload.body, f"\r\n--{boundary}--\r\n".encode()])
    return f"multipart/form-data; boundary={boundary}", body


TARGET: Target = AiAccount()
