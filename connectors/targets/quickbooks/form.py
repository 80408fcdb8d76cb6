"""What is asked of the person who connects QuickBooks Online.

Here: settings and key with the words beside each field. Not here: the calls (connector.py).
"""

from datetime import timedelta

from connectors.contract import (
    BookFacts,
    ConnectionForm,
    DuplicateWindow,
    EInvoices,
    KeyField,
    Setting,
    Submitter,
    master_lists,
)
from connectors.contract import declared_settings as declared

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
    tells=BookFacts(closing_date="told", by_id=True, known_by=KNOWN_BY),
    e_invoices=EInvoices(
        submitter=Submitter.SERVICE,
        says=(
            "QuickBooks submits none and keeps none: a service of your own submits them.",
            "The service notes since when one is valid in a custom field of the invoice.",
            "With the name of that field, a posted invoice is shown as awaiting its e-Invoice.",
            "Without the field nothing is awaited, and rules that ask for its age hold the record.",
        ),
        field_setting=E_INVOICE,
        awaited=("invoice",),
        types={"invoice": "01", "credit_memo": "02"},
    ),
    settings=(
        declared.address(
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
            hint="Leave it blank for Intuit's own.",
            kind="address",
        ),
        Setting(
            name="authorize_url",
            label="Address of the page where it is allowed",
            hint="Leave it blank for Intuit's own.",
            kind="address",
        ),
        Setting(
            name="revoke_url",
            label="Address for ending it",
            hint="Leave it blank for Intuit's own.",
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
        *master_lists.SETTINGS,
    ),
    key=KeyField(
        label="Client secret",
        hint="Paste the client secret alone, and connect to QuickBooks on the next page. Who has a "
        "refresh token pastes both, with a colon between them. Kept encrypted, never shown again.",
        steps=(
            "At developer.intuit.com open your app, Keys and credentials, and copy its secret.",
            "Paste it here and save.",
            "Enter the redirect address that the next page shows under Redirect URIs of the app.",
            "Press Connect to QuickBooks, and choose the company there.",
        ),
    ),
)
