"""Connect to AiAccount: build, send, look up, read, and test."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote, urlencode

from connectors.contract import (
    Action,
    Answer,
    BookFacts,
    ConnectionForm,
    ConnectionReport,
    DuplicateWindow,
    EInvoices,
    FileLimits,
    Found,
    Kept,
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
from connectors.contract.schema import LOOK_FIRST, DocumentSchema, FieldSchema, address_setting
from connectors.kit.calls import (
    E_INVOICES,
    KEPT_BYTES,
    Get,
    base_currency_of,
    make_not_sent,
    make_sent,
    reader,
    unclear_lookup,
    zone_of,
)
from connectors.kit.preflight import (
    NUMERIC,
    Fault,
    amount_fault,
    rate_fault,
    refused,
    value_fault,
)
from connectors.kit.workbook import Written, write
from connectors.targets.aiaccount import probe
from connectors.targets.aiaccount.outcomes import (
    Heard,
    answers_of,
    decimal_of,
    document_answer,
    hear,
    list_of,
    object_of,
    pause_of,
    unanswered,
)
from connectors.targets.aiaccount.ways import DOCUMENTS, KEY_LASTS, WAYS, Way
from connectors.transport.http import Http, HttpFailure, mask
from connectors.transport.strict_json import loads
from grammar.text.characters import in_currency

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
    tells=BookFacts(
        closing_date="reported", known_by=KNOWN_BY, kept_while_paused=HTTPStatus.LOCKED
    ),
    e_invoices=EInvoices(
        submitter=Submitter.TARGET,
        types={"sales_invoice": "01"},
        says=(
            "AiAccount submits them to LHDN, for a company that has e-Invoices on there.",
            "Clearpost submits none and waits for none: no UUID comes back, and none is entered.",
        ),
    ),
    settings=(
        address_setting(
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
        LOOK_FIRST,
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

_PROCESSING = "AiAccount has received it and is still processing it."

_UNFINISHED = {
    "cached": "The key is paused: AiAccount keeps this and runs it when the key is active again."
    " Make it active at Settings > Integrations > API Keys.",
    "queued": _PROCESSING,
    "processing": _PROCESSING,
}

_GONE = frozenset({"void", "cancelled"})

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

JSON = "application/json; charset=utf-8"

Good = Sequence[tuple[int, OutgoingDocument]]


class AiAccount:
    """The target `aiaccount`.

    In addition to the settings of its form, it reads the setting `needs` (permissions).
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
        """Return the rounding from the setting `rounding_mode`.

        AiAccount's default rounds each line.
        """
        mode = settings.get("rounding_mode")
        return "sum_then_round" if mode == "sum_then_round" else "per_line"

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        *,
        batch: bool,
        batch_name: str,
        action: Action = "create",
    ) -> Payload:
        """Build the call for one invoice or refund as JSON.

        Any other document, or several of one type, go as a workbook.
        """
        doc_type = documents[0].document
        refusals: dict[int, Answer] = {}
        for at, document in enumerate(documents):
            is_other = document.document != doc_type
            answer = _other_type(document) if is_other else self.refusal(document, settings, action)
            if answer is not None:
                refusals[at] = answer
        return build(documents, refusals, batch=batch, batch_name=batch_name)

    def refusal(
        self,
        document: OutgoingDocument,
        settings: Settings,
        action: Action,  # noqa: ARG002 - it can do nothing else than create
    ) -> Answer | None:
        """Return why AiAccount could never take this document, or None."""
        route = WAYS.get(document.document)
        if route is None:
            return _other_type(document)
        base = base_currency_of(settings)
        fault = _fault(route.schema, document)
        if not fault and route.takes_rate:
            fault = rate_fault(document, "ExchangeRate", base)
        if not fault and route.pays:
            fault = amount_fault(document, route.amount)
        return refused(document, *fault) if fault else None

    def rows_of(self, document: OutgoingDocument) -> int:
        """Return the number of sheet rows a document takes: one for each line, or one in all
        without lines.
        """
        return rows_taken(document)

    def send(self, payload: Payload, settings: Settings, secret: str, key: str, http: Http) -> Sent:
        """Send the payload once. If all its documents were refused, no call is made."""
        if len(payload.refused) == len(payload.numbers):
            return make_not_sent(payload)
        content_type, body = _enclosed(payload)
        answer = http.request(
            payload.method,
            _url(settings, payload.path),
            headers={
                **_auth_headers(settings, secret),
                **payload.headers,
                "Idempotency-Key": key,
                "Content-Type": content_type,
            },
            body=body,
            push=True,
        )
        if isinstance(answer, HttpFailure):
            answers = unanswered(payload, answer)
        else:
            answers = answers_of(payload, hear(answer, _now(settings, http)))
        return make_sent(answers, answer, partial(mask, secret=secret.strip()))

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
        """Look up whether the document exists in the intended company."""
        get = _reader(settings, secret, http)
        result = look_up(document, key, get, _now(settings, http))
        return _kept(result, secret)

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """Return, for each document, its state in the intended company.

        Makes one call per document.
        """
        get = _reader(settings, secret, http)
        results = (read(document, get, _now(settings, http)) for document in documents)
        return tuple(_kept(result, secret) for result in results)

    def lists_call(
        self, key: str, answer: bytes, settings: Settings, secret: str, http: Http
    ) -> bool | None:
        """Return whether the company's import history lists the call with this key.

        None for a call of a single document, which AiAccount does not list, or without an answer.
        """
        content = loads(answer)
        if not object_of(content if isinstance(content, dict) else None, "import"):
            return None
        get, now = _reader(settings, secret, http), _now(settings, http)
        heard = _get(get, f"/v1/imports?idempotency_key={quote(key, safe='')}", now, "data")
        return None if isinstance(heard, Found) else bool(_data(heard))

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        return self.test_whole((), settings, secret, http)

    def more_calls(self, documents: Collection[str]) -> int:  # noqa: ARG002 - one call tells all
        """Return 0, because the usual connection test already shows which document types are
        accepted.
        """
        return 0

    def test_whole(
        self, documents: Collection[str], settings: Settings, secret: str, http: Http
    ) -> ConnectionReport:
        """Try the connection, and whether each of these types is taken, without writing."""
        fault = probe.key_fault(secret)
        if fault:
            return probe.no_key(fault)
        connection_answer = _reader(settings, secret, http)("/v1/connection")
        return probe.report(settings, self.rounding(settings), secret, connection_answer, documents)

    def import_page(self, settings: Settings, answer: bytes) -> str:
        """Return the address of this import in AiAccount's import history.

        Blank without the setting `app_url`, and for an answer that is not an import's.
        """
        base = str(settings.get("app_url", "")).rstrip("/")
        content = loads(answer)
        import_id = object_of(content if isinstance(content, dict) else None, "import").get("id")
        if not base or not isinstance(import_id, str) or not import_id.startswith("imp_"):
            return ""
        parameters = {"company": str(settings.get("company_id", "")), "import": import_id}
        return f"{base}/settings/integrations/logs?{urlencode(parameters)}"


def _enclosed(payload: Payload) -> tuple[str, bytes]:
    """Return content type and body of a payload as they are sent.

    A file goes as a form whose boundary derives from its hash.
    """
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


def _url(settings: Settings, path: str) -> str:
    return str(settings.get("base_url", "")).rstrip("/") + path


def _auth_headers(settings: Settings, secret: str) -> Mapping[str, str]:
    """Return the request headers that authenticate us and name the company."""
    return {
        "Authorization": f"Bearer {secret.strip()}",
        "X-Company-Id": str(settings.get("company_id", "")),
        "Accept": "application/json",
    }


def _now(settings: Settings, http: Http) -> datetime:
    return http.now().astimezone(zone_of(settings))


def _reader(settings: Settings, secret: str, http: Http) -> Get:
    return reader(http, partial(_url, settings), _auth_headers(settings, secret))


def _kept(result: Found, secret: str) -> Found:
    """Return the lookup result with the key masked in its proof, in case the answer echoed the
    key.
    """
    return replace(result, proof=mask(result.proof, secret.strip()))


def look_up(document: OutgoingDocument, key: str, get: Get, now: datetime) -> Found:
    """Look up a document, first by idempotency key, then by number.

    `get` sends a read-only request to a path.
    """
    by_key = _get(get, f"/v1/imports?idempotency_key={quote(key, safe='')}", now, "data")
    if isinstance(by_key, Found):
        return by_key
    for entry in _data(by_key):
        if entry.get("status") in _UNFINISHED:
            words = _UNFINISHED[str(entry["status"])]
            return Found(
                kind="unknown",
                words=words,
                proof=_proof(by_key),
                answered=True,
                key_paused=entry["status"] == "cached",
            )
        result = _in_import(document, str(entry.get("id", "")), get, now)
        if result is not None:
            return result
    if not WAYS[document.document].shown:
        return _not_shown(_proof(by_key))
    return _by_number(document, key, get, now)


def _get(get: Get, path: str, now: datetime, listed: str) -> Heard | Found:
    """Return a read request's answer, or an unknown lookup result if it is unclear.

    An answer without its list is unclear too. To treat it as empty would allow the document to be
    sent again.
    """
    answer = get(path)
    if isinstance(answer, HttpFailure):
        return unclear_lookup(answer)
    heard = hear(answer, now)
    if answer.status == 200 and isinstance((heard.content or {}).get(listed), list):
        return heard
    return unclear_lookup(answer, heard.error.get("message", ""), pause_of(heard))


def _data(heard: Heard) -> list[Mapping[str, Any]]:
    return list_of((heard.content or {}).get("data"))


def _proof(heard: Heard) -> bytes:
    return heard.answer.body[:KEPT_BYTES]


def _in_import(document: OutgoingDocument, import_id: str, get: Get, now: datetime) -> Found | None:
    heard = _get(get, f"/v1/imports/{quote(import_id, safe='')}", now, "documents")
    if isinstance(heard, Found):
        return heard
    for entry in list_of((heard.content or {}).get("documents")):
        if _same_document(document, entry):
            proof = json.dumps({"import": import_id, "document": entry}, default=str).encode()
            return _from_answer(document_answer(entry, heard, document.number), proof)
    return None


def _same_document(document: OutgoingDocument, entry: Mapping[str, Any]) -> bool:
    route = WAYS[document.document]
    party = entry.get(route.party)
    return (
        entry.get(route.number) == document.number
        and isinstance(party, str)
        and party.strip() == document.party.strip()
    )


def _from_answer(answer: Answer, proof: bytes) -> Found | None:
    if answer.kind == "accepted":
        words = "The import of this key took it."
        ref, total = answer.target_ref, answer.total
        return Found(
            kind="equal",
            words=words,
            target_ref=ref,
            proof=proof,
            total=total,
            besides=answer.besides,
        )
    if answer.error_class == "stale_version":
        return Found(
            kind="different", words=answer.words, target_ref=answer.target_ref, proof=proof
        )
    if answer.kind in {"refused", "temporary"}:
        words = f"AiAccount refused it: {answer.words}"
        return Found(kind="absent", words=words, proof=proof, refused=answer)
    return None


def _not_shown(proof: bytes = b"") -> Found:
    """Return the unknown result for a document type that AiAccount never lists.

    It is no proof that the document may be created.
    """
    words = "AiAccount lists no refunds, so it cannot be looked up."
    return Found(kind="unknown", words=words, proof=proof, key_lasts=KEY_LASTS)


def _by_number(document: OutgoingDocument, key: str, get: Get, now: datetime) -> Found:
    heard = _listed(document, get, now)
    if isinstance(heard, Found):
        return heard
    live = [
        entry
        for entry in _data(heard)
        if _same_document(document, entry) and entry.get("status") not in _GONE
    ]
    return _of_live(document, key, live, _proof(heard))


def _listed(document: OutgoingDocument, get: Get, now: datetime) -> Heard | Found:
    route = WAYS[document.document]
    number, party = quote(document.number, safe=""), quote(document.party, safe="")
    return _get(get, f"{route.page}?{route.number}={number}&{route.party}={party}", now, "data")


def _of_live(
    document: OutgoingDocument, key: str, live: Sequence[Mapping[str, Any]], proof: bytes
) -> Found:
    if not live:
        words = f"No document of this number and {WAYS[document.document].party}."
        return Found(kind="absent", words=words, proof=proof)
    ref = str(live[0].get("id", "")) or None
    if len(live) > 1:
        identity = f"this number and {WAYS[document.document].party}"
        words = f"{len(live)} documents of {identity} exist there."
        return Found(kind="different", words=words, target_ref=ref, proof=proof)
    kind, words = _compare(document, key, live[0])
    route = WAYS[document.document]
    total = decimal_of(live[0].get(route.shown[route.amount]))
    return Found(kind=kind, words=words, target_ref=ref, proof=proof, total=total)


def _compare(
    document: OutgoingDocument, key: str, entry: Mapping[str, Any]
) -> tuple[Literal["equal", "different"], str]:
    amount = WAYS[document.document].amount
    stated, currency = entry.get(WAYS[document.document].shown[amount]), entry.get("currency")
    value = decimal_of(stated)
    their_amount = (
        f"{currency} {stated}" if value is None else in_currency(value, str(currency or ""))
    )
    if key and entry.get("idempotency_key") == key:
        return "equal", f"It exists there under our key, with the {amount.lower()} {their_amount}."
    differs = _differences(document, entry)
    if not differs:
        return "equal", f"It exists there with the same {amount.lower()}, {their_amount}."
    if not {amount, "Currency"}.isdisjoint(name for name, _, _ in differs):
        our_amount = in_currency(document.amount, document.currency)
        return "different", f"It exists there with {their_amount}, not {our_amount}."
    words = (f"{name} {their_value}, not {our_value}" for name, our_value, their_value in differs)
    return "different", f"It exists there with {'; '.join(words)}."


def _differences(
    document: OutgoingDocument, entry: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """Return (field, ours, theirs) for each value that AiAccount shows differently from what was
    sent.
    """
    amount = WAYS[document.document].amount
    our_fields = {**document.fields, amount: str(document.amount), "Currency": document.currency}
    pairs = (
        (name, our_fields.get(name, ""), str(entry.get(word, "")))
        for name, word in WAYS[document.document].shown.items()
    )
    return [
        (name, our_value, their_value)
        for name, our_value, their_value in pairs
        if not _equal(our_value, their_value)
    ]


def _equal(our_text: str, their_text: str) -> bool:
    our_number, other = decimal_of(our_text), decimal_of(their_text)
    return our_text == their_text if our_number is None or other is None else our_number == other


def read(document: OutgoingDocument, get: Get, now: datetime) -> Found:
    """Return the document's state in AiAccount, compared with the content that was sent as far as
    it is shown.
    """
    if not WAYS[document.document].shown:
        return _not_shown()
    heard = _listed(document, get, now)
    if isinstance(heard, Found):
        return heard
    entries = [entry for entry in _data(heard) if _same_document(document, entry)]
    live = [entry for entry in entries if entry.get("status") not in _GONE]
    if entries and not live:
        words = f"{document.number} exists there, but it was made void."
        ref = str(entries[0].get("id", "")) or None
        return Found(kind="different", words=words, target_ref=ref, proof=_proof(heard), void=True)
    result = _of_live(document, "", live, _proof(heard))
    if result.kind != "different" or len(live) != 1:
        return result
    differs = (
        Kept(0, name, their_value) for name, _, their_value in _differences(document, live[0])
    )
    return replace(result, differs=tuple(differs))


def columns(schema: DocumentSchema) -> tuple[FieldSchema, ...]:
    """Return the columns of a document type's sheet."""
    return tuple(field for field in (*schema.header, *schema.lines) if field.sent)


def rows_of(schema: DocumentSchema, document: OutgoingDocument) -> Sequence[Mapping[str, str]]:
    """Return the lines of a document as sheet rows; a document all in its header is a single row.

    AiAccount refunds only the invoice's items and has no line for a difference. So the amount of a
    line with 0 pieces is added to its item's line.
    """
    is_one_row = not schema.lines or (schema.one_row and not document.lines)
    if is_one_row or schema.name != "sales_refund":
        return ({},) if is_one_row else document.lines
    lines = [dict(line) for line in document.lines if line.get("Quantity") != "0"]
    for line in document.lines:
        if line.get("Quantity") == "0":
            item = next(
                (candidate for candidate in lines if candidate.get("SKU") == line.get("SKU")), None
            )
            if item is None:
                lines.append(dict(line))
            else:
                item["Amount"] = str(Decimal(item["Amount"]) + Decimal(line["Amount"]))
    return lines


def _other_type(document: OutgoingDocument) -> Answer:
    """Return the refusal of a document whose type differs from the call's other documents."""
    words = f"AiAccount does not take {document.document} here."
    return refused(document, "business_rule", words)


def rows_taken(document: OutgoingDocument) -> int:
    """Return how many sheet rows a document takes."""
    route = WAYS.get(document.document)
    return max(1, len(rows_of(route.schema, document))) if route else 1


def build(
    documents: Sequence[OutgoingDocument],
    refused: Mapping[int, Answer],
    *,
    batch: bool,
    batch_name: str,
) -> Payload:
    """Build the call for these documents, all of one type.

    `refused` maps places to answers for documents that could never be taken. They are left out of
    the call.
    """
    route = WAYS.get(documents[0].document)
    good = [(at, doc) for at, doc in enumerate(documents) if at not in refused]
    numbers = tuple(document.number for document in documents)
    in_file = route is None or (bool(route.imports) and (batch or not route.alone))
    if not (batch and in_file) and len(documents) != 1:
        raise ValueError("a call of its own carries one document")
    if route is None or in_file:
        return _workbook(route, good, numbers, refused, batch_name or documents[0].number)
    return _json(route, good, numbers, refused)


def _fault(schema: DocumentSchema, document: OutgoingDocument) -> Fault | None:
    rows = rows_of(schema, document)
    if not rows:
        return "missing_field", "The document has no lines."
    for field in schema.header:
        if fault := _field_fault(field, document.fields.get(field.name, ""), ""):
            return fault
    line_numbers: set[str] = set()
    for at, line in enumerate(rows, start=1):
        values, where = (line, f" of line {at}") if line else (document.fields, "")
        for field in schema.lines:
            if fault := _field_fault(field, values.get(field.name, ""), where):
                return fault
        number = values.get("LineNo", "")
        if number and number in line_numbers:
            return "bad_value", f"Line No {number} occurs twice."
        line_numbers.add(number)
    return None


def _field_fault(schema: FieldSchema, value: str, where: str) -> Fault | None:
    name = f"{schema.title}{where}"
    if value == "":
        return ("missing_field", f"{name} is blank.") if schema.required else None
    if schema.theirs:
        return "bad_value", f"{name} is written in AiAccount only."
    fault = value_fault(schema, value, name, runs="a workbook")
    if not fault and schema.type == "quantity" and Decimal(value) <= 0:
        return "bad_value", f"{name} is not above 0: {value}."
    return fault


def _workbook(
    route: Way | None,
    good: Good,
    numbers: tuple[str, ...],
    refused: Mapping[int, Answer],
    batch_name: str,
) -> Payload:
    table: list[list[Written]] = []
    rows: dict[int, str] = {}
    positions: dict[int, int] = {}
    if route is not None:
        fields = columns(route.schema)
        table.append([field.title for field in fields])
        for at, document, values in _sheet(route, good):
            table.append([_cell(field, values.get(field.name, "")) for field in fields])
            rows[len(table)] = document.number
            positions[len(table)] = at
    return Payload(
        method="POST",
        path=route.imports if route else "",
        headers={"Prefer": "wait=10"},
        body=write(route.sheet, table) if route and good else b"",
        content_type=XLSX,
        rows=rows,
        numbers=numbers,
        positions=positions,
        refused=refused,
        file_name=f"{_plain(batch_name)}.xlsx",
        form={"source_batch": _plain(batch_name)},
    )


def _sheet(route: Way, good: Good) -> Iterator[tuple[int, OutgoingDocument, Mapping[str, str]]]:
    """Yield the rows of the sheet: place, document, and the document's cells with each line's
    cells.
    """
    for at, document in good:
        for line in rows_of(route.schema, document):
            yield at, document, {**document.fields, **line}


def _cell(schema: FieldSchema, value: str) -> Written:
    if value == "":
        return None
    if schema.type == "date":
        return date.fromisoformat(value)
    return Decimal(value) if schema.type in NUMERIC else value


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:100] or "batch"


def _json(
    route: Way, good: Good, numbers: tuple[str, ...], refused: Mapping[int, Answer]
) -> Payload:
    body = b""
    rows: dict[int, str] = {}
    for _, document in good:
        content = _wire(route.schema.header, document.fields)
        content["lines"] = [
            _wire(route.schema.lines, line) for line in rows_of(route.schema, document)
        ]
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        rows = {
            int(line.get("LineNo", at)): document.number
            for at, line in enumerate(document.lines, start=1)
        }
    return Payload(
        method="POST",
        path=route.page,
        headers={"Prefer": "wait=10"},
        body=body,
        content_type=JSON,
        rows=rows,
        numbers=numbers,
        positions=dict.fromkeys(rows, 0),
        refused=refused,
    )


def _wire(schemas: Sequence[FieldSchema], values: Mapping[str, str]) -> dict[str, object]:
    content: dict[str, object] = {}
    for schema in schemas:
        value = values.get(schema.name, "")
        if not schema.sent or value == "":
            continue
        outer, _, inner = schema.wire.partition(".")
        told_value: object = int(value) if schema.type == "whole" else value
        if inner:
            nested = content.setdefault(outer, {})
            if isinstance(nested, dict):
                nested[inner] = told_value
        else:
            content[outer] = told_value
    return content


TARGET: Target = AiAccount()
