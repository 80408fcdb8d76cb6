"""Connect to QuickBooks Online: build, send, look up, read, test, authorize, and renew."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from typing import Literal
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
    KeyField,
    OutgoingDocument,
    Pace,
    Payload,
    Question,
    Rounding,
    Sent,
    Setting,
    Settings,
    Stands,
    Submitter,
    Target,
    targets,
)
from connectors.contract.schema import DocumentSchema, address_setting
from connectors.contract.targets import (
    Granted,
    Listed,
    ListPage,
    Renewed,
    Returned,
    Revoked,
    UnusableEntry,
)
from connectors.kit import calls
from connectors.kit.calls import (
    Get,
    base_currency_of,
    listed_ids,
    make_not_sent,
    make_sent,
    reader,
    too_many_found,
    unclear_lookup,
)
from connectors.targets.quickbooks import payload, probe, writes
from connectors.targets.quickbooks.documents import POSTED, UNPOSTED
from connectors.targets.quickbooks.payload import (
    ENTITIES,
    SCHEMAS,
    Compared,
    Names,
    amounts_of,
    compare,
    content,
    custom_field,
    is_void,
    told,
    total_in,
)
from connectors.targets.quickbooks.responses import (
    AT_ONCE,
    MOST,
    Each,
    Seen,
    Shown,
    pause_of,
    query,
    text_of,
    told_of,
    with_names,
    with_names_each,
    with_names_on_day,
)
from connectors.transport.http import Http, HttpAnswer, HttpFailure, mask
from connectors.transport.strict_json import loads

REACH = timedelta(days=30)

DAYS = 3

CENT = Decimal("0.01")

NO_SUCH_FILTER = 400  # it is asked for by the total, and then without

MINOR_VERSION = "75"

E_INVOICE = "e_invoice_field"

KNOWN_BY = (
    DuplicateWindow(
        "The id of a request is known for 1 day (our contract; Intuit gives no figure).",
        timedelta(days=1),
    ),
)

FORM = ConnectionForm(
    title="QuickBooks Online",
    gives="Invoices, credit memos, refund receipts, bills and payments",
    needs="An app of your own at developer.intuit.com: client ID and client secret",
    tells=BookFacts(closing_date="reported", by_id=True, known_by=KNOWN_BY),
    e_invoices=EInvoices(
        submitter=Submitter.SERVICE,
        says=(
            "QuickBooks submits none and keeps none: a service of your own submits them.",
            "The service enters since when it is valid in a custom field of the invoice.",
            "With the name of that field, a posted invoice is shown as awaiting its e-Invoice.",
            "Without the field nothing is awaited, and rules that ask for its age hold the record.",
        ),
        field_setting=E_INVOICE,
        awaited=("invoice",),
        types={"invoice": "01", "credit_memo": "02"},
    ),
    settings=(
        address_setting(
            "https://quickbooks.api.intuit.com", "The address of the interface of QuickBooks."
        ),
        Setting(
            name="company_id",
            label="Company ID (realm)",
            hint="Shown in QuickBooks with Ctrl+Alt+?, and by Intuit when the app is authorized.",
            example="4620816365291234560",
            required=True,
        ),
        Setting(
            name="company_name",
            label="Company name in QuickBooks",
            hint="The test compares it, so that no document reaches another company.",
            example="Kedai Contoh Sdn Bhd",
        ),
        Setting(
            name="client_id",
            label="Client ID of the app",
            hint="At developer.intuit.com, under Keys and credentials. It is not a secret.",
            example="ABcd1234",
            required=True,
        ),
        Setting(
            name="token_url",
            label="Address for tokens",
            hint="Leave it blank for Intuit's own, or for that of a stand-in.",
            kind="address",
        ),
        Setting(
            name="authorize_url",
            label="Address of the page where it is allowed",
            hint="Leave it blank for Intuit's own, or for that of a stand-in.",
            kind="address",
        ),
        Setting(
            name="revoke_url",
            label="Address for ending it",
            hint="Leave it blank for Intuit's own, or for that of a stand-in.",
            kind="address",
        ),
        Setting(
            name="minor_version",
            label="Version of the interface",
            hint=f"Leave it blank for {MINOR_VERSION}, the one that Clearpost was tried with.",
            example=MINOR_VERSION,
            kind="whole",
        ),
        Setting(
            name=E_INVOICE,
            label="Custom field for the e-invoice",
            hint="Optional: the field where your service notes since when an e-Invoice is valid. "
            "Every invoice then waits for it.",
        ),
        *targets.SETTINGS,
    ),
    key=KeyField(
        label="Client secret",
        hint="Paste the client secret alone, and connect to QuickBooks on the next page. If "
        "you have a refresh token, paste both, with a colon between them. Kept encrypted, never "
        "shown again.",
        steps=(
            "At developer.intuit.com open your app, Keys and credentials, and copy its secret.",
            "Paste it here and save.",
            "Enter the redirect address that the next page shows under Redirect URIs of the app.",
            "Press Connect to QuickBooks, and choose the company there.",
        ),
    ),
)


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
    changes_reach = REACH
    built_with = (payload.CUSTOM_FIELD, payload.TAX_CODE)
    lists = probe.LISTS
    authorizes = "QuickBooks"

    def rounding(self, settings: Settings) -> Rounding:  # noqa: ARG002 - it has no other way
        """Return `sum_then_round`: QuickBooks calculates tax on the sum of all lines of a rate."""
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
        """Build the call for one document as JSON, or for a batch of new documents."""
        definitions = listed_ids(settings, payload.CUSTOM_FIELD)
        rates = payload.listed_rates(settings)
        company = payload.Company(base_currency_of(settings), definitions, rates)
        return payload.build(documents, batch=batch, action=action, company=company)

    def refusal(
        self, document: OutgoingDocument, settings: Settings, action: Action
    ) -> Answer | None:
        """Return why QuickBooks could never take this document, or None."""
        company = payload.Company(base_currency_of(settings))
        return payload.preflight(document, action, company, listed=False)

    def rows_of(self, document: OutgoingDocument) -> int:  # noqa: ARG002 - it takes no files
        """Return 1, because the size of a batch is counted in documents."""
        return 1

    def send(self, payload: Payload, settings: Settings, secret: str, key: str, http: Http) -> Sent:
        """Make the call, once; `key` is its request id, under which it is done only once."""
        if not payload.path:
            return make_not_sent(payload)

        def post(path: str, body: bytes) -> HttpAnswer | HttpFailure:
            return http.request(
                payload.method,
                _url(settings, path, requestid=key),
                headers={**_auth_headers(secret), "Content-Type": payload.content_type},
                body=body,
                push=True,
            )

        written = writes.write(payload, _reader(settings, secret, http), post)
        return make_sent(written.answers, written.call, partial(_masked, secret=secret))

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
        """Look up in the intended company whether the action has been done."""
        question = Question(document=document, key=key, action=action, standing=standing)
        result = look_up(question, _reader(settings, secret, http))
        return replace(result, proof=_masked(result.proof, secret))

    def look_up_together(
        self, questions: Sequence[Question], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """Look up many documents, with a query for each document type."""
        results = look_up_together(questions, _reader(settings, secret, http))
        return tuple(replace(result, proof=_masked(result.proof, secret)) for result in results)

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """Return, for each document, its state in the intended company."""
        results = read_documents(documents, settings, _reader(settings, secret, http))
        return tuple(replace(result, proof=_masked(result.proof, secret)) for result in results)

    def changed(
        self,
        documents: Collection[str],
        since: datetime,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> frozenset[str] | Found:
        """Return the ids of documents changed since this moment in the intended company, or a
        failed lookup.
        """
        return changed(documents, since, _reader(settings, secret, http))

    def alike(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> tuple[Stands, ...] | Found:
        """Return the intended company's documents with an equal party and total, dated a few days
        around this document.
        """
        return alike(document, _reader(settings, secret, http))

    def unusable_entry(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> UnusableEntry | Found | None:
        """Return the first entry of the document that QuickBooks would refuse, or None."""
        base = base_currency_of(settings)
        return probe.unusable_entry(document, base, _reader(settings, secret, http))

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        return probe.report(settings, secret, _reader(settings, secret, http))

    def list_page(
        self, kind: Listed, after: str, settings: Settings, secret: str, http: Http
    ) -> ListPage | Found:
        """Return a page of the customers, vendors, items or unpaid documents of the intended
        company.
        """
        return probe.list_page(kind, after, _reader(settings, secret, http))

    def app_secret(self, secret: str) -> str:
        """Return the client secret in a stored key."""
        return probe.app_secret(secret)

    def lacks_permission(self, secret: str) -> bool:
        """Check whether a key is only the client secret, so that it cannot call anything yet."""
        return probe.lacks_permission(secret)

    def authorization_address(self, settings: Settings, *, state: str, back: str) -> str:
        """Return the address of Intuit's authorization page for this app."""
        return probe.address(settings, state=state, back=back)

    def returned(self, query: Mapping[str, str]) -> Returned:
        """Return the code, company or error in the query with which Intuit's page redirects the
        browser.
        """
        return probe.returned(query)

    def exchange(
        self, settings: Settings, secret: str, *, code: str, back: str, http: Http
    ) -> Granted:
        """Exchange the authorization code for the company's refresh token."""
        return probe.exchange(settings, secret, code=code, back=back, http=http)

    def revoke(self, settings: Settings, secret: str, http: Http) -> Revoked:
        """End the refresh token at Intuit."""
        return probe.revoke(settings, secret, http)

    def is_due(self, secret: str, now: datetime) -> bool:
        """Check whether the access token is missing or expires within the next minutes."""
        return probe.is_due(secret, now)

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Check whether a refused access token may have expired: it was not issued just now."""
        return probe.may_be_over(secret, now)

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Exchange the refresh token for the next pair of tokens."""
        return probe.renew(settings, secret, http)


def _url(settings: Settings, path: str, **more: str) -> str:
    realm = quote(str(settings.get("company_id", "")).strip(), safe="")
    version = str(settings.get("minor_version") or MINOR_VERSION)
    query = urlencode({"minorversion": version, **more})
    root = f"{str(settings.get('base_url', '')).rstrip('/')}/v3/company/{realm}"
    return f"{root}{path}{'&' if '?' in path else '?'}{query}"


def _auth_headers(secret: str) -> dict[str, str]:
    """Return the request headers that authenticate us with the key's access token."""
    grant = calls.grant_of(secret)
    access = grant.access if grant else ""
    return {"Authorization": f"Bearer {access}", "Accept": "application/json"}


def _reader(settings: Settings, secret: str, http: Http) -> Get:
    return reader(http, partial(_url, settings), _auth_headers(secret))


def _masked(content: bytes, secret: str) -> bytes:
    grant = calls.grant_of(secret)
    for part in (grant.access, grant.refresh, grant.secret) if grant else ():
        content = mask(content, part)
    return content


def read_documents(
    documents: Sequence[OutgoingDocument], settings: Settings, get: Get
) -> tuple[Found, ...]:
    """Return each document's state in QuickBooks, compared with the content that was sent.

    One query is made for each type.
    """
    readings: dict[str, Each] = {}
    for name in sorted({document.document for document in documents}):
        numbers = [document.number for document in documents if document.document == name]
        readings[name] = with_names_each(name, numbers, get)
    results: list[Found] = []
    for document in documents:
        reading = readings[document.document][document.number]
        if isinstance(reading, Found) and reading.status == NO_SUCH_FILTER:
            reading = with_names_on_day(document, get)
        results.append(
            reading if isinstance(reading, Found) else _beside(document, *reading, settings)
        )
    return tuple(results)


def _beside(document: OutgoingDocument, reading: Seen, names: Names, settings: Settings) -> Found:
    remote_documents = reading.documents
    since = _validated(remote_documents[0], settings) if len(remote_documents) == 1 else None
    return beside(document, reading, names, since)


def _validated(remote_document: Shown, settings: Settings) -> datetime | None:
    """Return since when the document's e-invoice is valid, from the custom field in which the
    company records it. None if unset or unreadable.
    """
    name = str(settings.get(E_INVOICE, "")).strip()
    try:
        moment = datetime.fromisoformat(custom_field(remote_document, name)) if name else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment is not None and moment.tzinfo else None


def changed(documents: Collection[str], since: datetime, get: Get) -> frozenset[str] | Found:
    """Return the ids of all documents of these types that were changed or deleted since, or a
    failed lookup.
    """
    entities = sorted({ENTITIES[name].name for name in documents})
    moment = quote(since.astimezone(UTC).isoformat(timespec="seconds"), safe="")
    answer = get(f"/cdc?entities={','.join(entities)}&changedSince={moment}")
    if isinstance(answer, HttpFailure):
        return unclear_lookup(answer)
    ids = _ids(loads(answer.body), entities) if answer.status == HTTPStatus.OK else None
    if ids is not None:
        return ids
    fault = told_of(answer.body)
    return unclear_lookup(answer, fault.words if fault else "", pause_of(answer))


def _ids(content: object, entities: Sequence[str]) -> frozenset[str] | None:
    """Return the ids in a change-data answer.

    None if it lacks a part for an entity or may be cut off.
    """
    first = content.get("CDCResponse") if isinstance(content, dict) else None
    response = first[0] if isinstance(first, list) and len(first) == 1 else None
    parts = response.get("QueryResponse") if isinstance(response, dict) else None
    if not isinstance(parts, list) or len(parts) != len(entities):
        return None
    ids: set[str] = set()
    for part in parts:
        for entity in entities if isinstance(part, dict) else ():
            entries = part.get(entity, [])
            if not isinstance(entries, list) or len(entries) >= MOST:
                return None
            ids |= {str(entry.get("Id")) if isinstance(entry, dict) else "" for entry in entries}
    is_complete = all(isinstance(part, dict) for part in parts) and not ids & {"", "None"}
    return frozenset(ids) if is_complete else None


def alike(document: OutgoingDocument, get: Get) -> tuple[Stands, ...] | Found:
    """Return live documents with an equal party, total and currency, dated a few days around.

    Our own document may be among these.
    """
    schema = SCHEMAS.get(document.document)
    if schema is None:
        return ()
    day = date.fromisoformat(document.fields[schema.date_field])
    entity, around = ENTITIES[schema.name].name, _around(schema, document, day)
    reading = query(entity, f"{around} and {_about(document.amount)}", get)
    if isinstance(reading, Found) and reading.status == NO_SUCH_FILTER:
        reading = query(entity, around, get)
    if isinstance(reading, Found):
        return reading
    if not reading.whole:
        return too_many_found(len(reading.documents), document, day)
    candidates = [
        told(schema, remote_document, {})
        for remote_document in reading.documents
        if not is_void(remote_document)
    ]
    currencies = {document.currency, ""}
    return tuple(
        candidate
        for candidate in candidates
        if candidate.amount == document.amount
        and (candidate.currency in currencies or not document.currency)
    )


def _around(schema: DocumentSchema, document: OutgoingDocument, day: date) -> str:
    """Return the query condition for documents of the party, dated a few days around."""
    first, last = ((day + timedelta(days=by)).isoformat() for by in (-DAYS, DAYS))
    party = next(f.wire.split(".")[0] for f in schema.header if f.name == schema.party_field)
    return f"{party} = {text_of(document.party)} and TxnDate >= '{first}' and TxnDate <= '{last}'"


def _about(amount: Decimal) -> str:
    """Return the query condition for totals within a cent, so that fewer documents are read.

    The caller compares the exact total.
    """
    return f"TotalAmt >= '{amount - CENT:f}' and TotalAmt <= '{amount + CENT:f}'"


def look_up(question: Question, get: Get) -> Found:
    """Look up a document once. `get` sends a read-only request to a path below the company."""
    document = question.document
    if document.document not in SCHEMAS:
        words = f"The connection to QuickBooks knows no {document.document}."
        return Found(kind="unknown", words=words)
    result = with_names(document.document, [document.number], get)
    if isinstance(result, Found) and result.status == NO_SUCH_FILTER:
        result = _on_days(question, get)
    return result if isinstance(result, Found) else _lookup_result(question, *result)


def _on_days(question: Question, get: Get) -> tuple[Seen, Names] | Found:
    """Search a document on the day of the content last sent, and where it is not there, on the day
    of a change whose answer may be lost.
    """
    result = with_names_on_day(question.standing or question.document, get)
    if question.standing is None or isinstance(result, Found) or result[0].documents:
        return result
    return with_names_on_day(question.document, get)


def _lookup_result(question: Question, reading: Seen, names: Names) -> Found:
    """Compare the document that exists under our number with ours, and return the result."""
    document, action = question.document, question.action
    if not reading.documents:
        words = f"No {document.number} exists there."
        return Found(kind="absent", words=words, proof=reading.proof)
    chosen = _chosen(document, action, reading.documents, names)
    if chosen is None:
        return _several(document, reading)
    if is_void(chosen):
        return _of_void(action, document.number, chosen, reading)
    compared = against(document, chosen, names)
    if action != "void" and not compared.differs:
        words = f"It exists there as it was sent, under {document.number}."
        return Found(
            kind="equal",
            words=words,
            target_ref=_id(chosen),
            proof=reading.proof,
            total=total_in(chosen),
        )
    if action != "create":
        return _change_not_made(document, question.standing, chosen, reading, names)
    words = f"Something else exists there under {document.number}: {compared.words}."
    return _different(document, words, chosen, reading, compared, names)


def _chosen(
    document: OutgoingDocument, action: Action, remote_documents: Sequence[Shown], names: Names
) -> Shown | None:
    """Return the document meant by a lookup.

    Among several with the number, it is the only live one with our content; else None.
    """
    if len(remote_documents) == 1:
        return remote_documents[0]
    if action != "create":
        return None
    equal_documents = [
        candidate
        for candidate in remote_documents
        if not is_void(candidate) and not against(document, candidate, names).differs
    ]
    return equal_documents[0] if len(equal_documents) == 1 else None


def _several(document: OutgoingDocument, reading: Seen) -> Found:
    words = f"{len(reading.documents)} documents exist there under {document.number}."
    return Found(kind="different", words=words, proof=reading.proof)


def _of_void(action: Action, number: str, remote_document: Shown, reading: Seen) -> Found:
    ref = _id(remote_document)
    if action == "void":
        words = f"{number} is void there."
        return Found(kind="equal", words=words, target_ref=ref, proof=reading.proof)
    words = f"{number} exists there, but it was made void."
    return Found(kind="different", words=words, target_ref=ref, proof=reading.proof, void=True)


def _id(remote_document: Shown) -> str | None:
    return str(remote_document.get("Id") or "") or None


def _change_not_made(
    document: OutgoingDocument,
    standing: OutgoingDocument | None,
    remote_document: Shown,
    reading: Seen,
    names: Names,
) -> Found:
    """Return the lookup result if QuickBooks does not show our update or void of a document.

    `absent`: the document is as we sent it before (`standing`), so the update or void may be sent.
    `different`: it was changed in QuickBooks, or its former content is unknown.
    """
    number = document.number
    if standing is None:
        words = f"{number} exists there, and what was sent before is not known."
        return Found(
            kind="different", words=words, target_ref=_id(remote_document), proof=reading.proof
        )
    before = against(standing, remote_document, names)
    if before.differs:
        words = f"{number} was changed in QuickBooks: {before.words}."
        return _different(standing, words, remote_document, reading, before, names)
    words = f"{number} exists there as it was sent before."
    return Found(kind="absent", words=words, target_ref=_id(remote_document), proof=reading.proof)


def _different(
    document: OutgoingDocument,
    words: str,
    remote_document: Shown,
    reading: Seen,
    compared: Compared,
    names: Names,
) -> Found:
    return Found(
        kind="different",
        words=words,
        target_ref=_id(remote_document),
        proof=reading.proof,
        differs=compared.differs,
        stands=told(SCHEMAS[document.document], remote_document, names),
        total=total_in(remote_document),
    )


def look_up_together(questions: Sequence[Question], get: Get) -> tuple[Found, ...]:
    """Look up many documents, with a query for each document type."""
    numbers: dict[str, list[str]] = defaultdict(list)
    for question in questions:
        numbers[question.document.document].append(question.document.number)
    readings = {
        name: with_names_each(name, type_numbers, get)
        for name, type_numbers in numbers.items()
        if name in SCHEMAS
    }
    return tuple(_told_of(question, readings, get) for question in questions)


def _told_of(question: Question, readings: Mapping[str, Each], get: Get) -> Found:
    document = question.document
    if document.document not in readings:
        return look_up(question, get)
    result = readings[document.document][document.number]
    if isinstance(result, Found) and result.status == NO_SUCH_FILTER:
        return look_up(question, get)
    return result if isinstance(result, Found) else _lookup_result(question, *result)


def beside(
    document: OutgoingDocument, reading: Seen, names: Names, validated: datetime | None
) -> Found:
    """Return the result of comparing QuickBooks' documents under this number with the content last
    sent.
    """
    number = document.number
    if not reading.documents:
        return Found(kind="absent", words=f"No {number} exists there.", proof=reading.proof)
    chosen = _chosen(document, "create", reading.documents, names)
    if chosen is None:
        return _several(document, reading)
    if is_void(chosen):
        result = _of_void("create", number, chosen, reading)
        return replace(result, e_invoice_at=validated)
    compared = against(document, chosen, names)
    if compared.differs:
        words = f"{number} was changed in QuickBooks: {compared.words}."
        result = _different(document, words, chosen, reading, compared, names)
        return replace(result, e_invoice_at=validated)
    return Found(
        kind="equal",
        words=f"{number} exists there as it was sent.",
        target_ref=_id(chosen),
        proof=reading.proof,
        e_invoice_at=validated,
        total=total_in(chosen),
    )


def against(document: OutgoingDocument, remote_document: Shown, names: Names) -> Compared:
    """Compare one of our documents with a document in QuickBooks."""
    schema = SCHEMAS[document.document]
    return compare(
        schema, content(document, blanks=True), amounts_of(document), remote_document, names
    )


TARGET: Target = QuickBooks()
