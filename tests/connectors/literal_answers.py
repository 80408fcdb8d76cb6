"""What targets answer to a refused write, word by word, with the class that each becomes.

Beside each answer stands the section of the contract sheet that says so, and its mark: V read in
the vendor's own pages, R reported, S an earlier survey or the seeds, A a neighbouring guide, O our
own choice. Nothing here is made by a connector or its stand-in. Here: the answers. Not here: the
test, and AutoCount On The Go (test_aotg_errors.py).
"""

Row = tuple[str, str, int, str, str]
"""Section, mark, HTTP status, body as it travels, class."""


def _of_aiaccount(code: str, message: str = "Not taken", **more: str) -> str:
    told = "".join(f',"{name}":"{value}"' for name, value in more.items())
    return f'{{"error":{{"code":"{code}","message":"{message}","request_id":"req_7"{told}}}}}'


def _line(code: str, column: str, value: str, message: str, **more: str) -> str:
    told = "".join(f',"{name}":"{given}"' for name, given in more.items())
    said = f'"code":"{code}","message":"{message}"'
    line = f'{{"line":1,"column":"{column}",{said},"value":"{value}"{told}}}'
    return f'{{"error":{{{said},"request_id":"req_7"}},"errors":[{line}]}}'


_A = _of_aiaccount
_QUOTA = _A("quota_exceeded", "Plan limit of 100 transactions a month", resets_on="2026-12-01")
AIACCOUNT: list[Row] = [
    ("4", "O", 400, _A("bad_file", "The file cannot be read"), "bad_value"),
    ("4", "O", 400, _A("missing_column", "Column Invoice Date is missing"), "bad_value"),
    ("4", "O", 400, _A("bad_json", "Unexpected end of input"), "bad_value"),
    ("4", "O", 400, _A("idempotency_key_missing", "Idempotency-Key is required"), "bad_value"),
    ("4", "S", 401, _A("invalid_key", "The API key is not valid"), "authorization_failed"),
    ("4", "O", 401, _A("invalid_key"), "authorization_failed"),
    ("4", "O", 401, "{}", "authorization_failed"),
    ("4", "O", 401, "Unauthorized", "authorization_failed"),
    ("4", "S", 403, _A("missing_permission", permission="sales.write"), "authorization_failed"),
    ("2", "A", 403, _A("missing_permission", permission="inventory.write"), "authorization_failed"),
    ("2", "A", 403, _A("missing_permission", permission="einvoice.submit"), "authorization_failed"),
    ("4", "S", 403, _A("key_disabled", "The key was replaced"), "authorization_failed"),
    ("4", "O", 403, "<html>Forbidden</html>", "authorization_failed"),
    ("4", "S", 404, _A("company_not_found", "No company CMP-9"), "authorization_failed"),
    ("4", "O", 404, "", "authorization_failed"),
    ("2", "S", 405, _A("method_not_allowed", "PUT is not allowed"), "business_rule"),
    ("3.6", "O", 409, _A("duplicate", reason="key_reused"), "duplicate"),
    ("4", "O", 409, _A("duplicate", "Already exists", reason="document_exists"), "duplicate"),
    ("4", "O", 409, "", "duplicate"),
    ("4", "O", 413, _A("file_too_large", "At most 5 MiB"), "bad_value"),
    ("4", "O", 413, "<html>Request Entity Too Large</html>", "bad_value"),
    (
        "3.2",
        "S",
        422,
        _line("period_locked", "Invoice Date", "2026-09-29", "Accounting period is locked"),
        "period_locked",
    ),
    ("4", "S", 422, _A("period_locked"), "period_locked"),
    (
        "4",
        "S",
        422,
        _line("unknown_account", "Account Code", "99999", "Not found"),
        "mapping_missing",
    ),
    (
        "3.2",
        "S",
        422,
        _line("unknown_tax_code", "Tax Code", "SR-6", "Not set up"),
        "mapping_missing",
    ),
    (
        "4",
        "S",
        422,
        _line("currency_disabled", "Currency", "USD", "Not enabled"),
        "mapping_missing",
    ),
    ("3.9", "S", 422, _line("unknown_sku", "SKU", "tee", "No such SKU"), "mapping_missing"),
    ("4", "O", 422, _line("missing_field", "Customer", "", "Customer is blank"), "missing_field"),
    ("4", "O", 422, _line("bad_value", "Quantity", "-1", "Above 0 only"), "bad_value"),
    ("4", "O", 422, _line("inconsistent_header", "Currency", "SGD", "Differs"), "bad_value"),
    ("3.3", "O", 422, _line("unknown_invoice", "Invoice Number", "X", "None"), "business_rule"),
    ("3.5", "O", 422, _line("unknown_bill", "Bill Number", "X", "No such bill"), "business_rule"),
    ("3.3", "O", 422, _line("over_payment", "Amount", "200.00", "Too much"), "business_rule"),
    (
        "4",
        "S",
        422,
        _line("einvoice_invalid", "TIN", "C2", "Bad TIN", reason="tin_format"),
        "bad_value",
    ),
    (
        "4",
        "S",
        422,
        _line("einvoice_invalid", "Class", "", "None", reason="classification_missing"),
        "missing_field",
    ),
    (
        "4",
        "S",
        422,
        _line("einvoice_invalid", "Buyer", "", "Above", reason="buyer_incomplete"),
        "missing_field",
    ),
    ("4", "O", 422, _line("einvoice_invalid", "X", "", "New", reason="news"), "bad_value"),
    (
        "4",
        "S",
        429,
        _QUOTA,
        "temporary",
    ),
    ("4", "O", 429, _A("rate_limited", "Slow down"), "temporary"),
    ("4", "O", 429, "", "temporary"),
    ("4", "O", 422, _A("moon_phase_wrong", "Nobody knows this code"), "business_rule"),
    ("4", "O", 422, "{}", "business_rule"),
    ("4", "O", 400, "<html>Bad Request</html>", "business_rule"),
    ("4", "O", 418, _A("teapot", "I am a teapot"), "business_rule"),
    ("4", "O", 402, _A("payment_required", "Pay your plan"), "business_rule"),
    ("4", "O", 500, _A("internal", "Something broke"), "uncertain"),
    ("4", "O", 502, "<html><h1>502 Bad Gateway</h1></html>", "uncertain"),
    ("4", "O", 503, "", "uncertain"),
    ("4", "O", 504, '{"error":{"code":"duplicate"}}', "uncertain"),
]


def _of_autocount(status: int, message: str) -> str:
    return f'{{"statusCode":{status},"message":"{message}"}}'


_C = _of_autocount
_NOT_EXISTS = [
    ("V", "Debtor (DebtorKey = 300-X999) not exists"),
    ("V", "Product (ProductKey = TEE) not exists"),
    ("V", "Account (AccountKey = 500-9999) not exists"),
    ("V", "TaxCode (TaxCodeKey = SR-6) not exists"),
    ("R", "CreditTerm (CreditTermKey = COD) not exists"),
    ("V", "Location (LocationKey = hq) not exists"),
    ("O", "SalesAgent (SalesAgentKey = ALI) not exists"),
    ("O", "Creditor (CreditorKey = 400-X001) not exists"),
    ("O", "PaymentMethod (PaymentMethodKey = FPX) NOT EXISTS"),
]
_REQUIRED = ["DebtorName", "DocDate", "CreditTerm", "SalesLocation", "AccNo", "DebtorCode"]
_LONG = [("DocNo", 20), ("Unit", 8), ("Description", 80), ("Ref", 40), ("DebtorName", 100)]
AUTOCOUNT: list[Row] = [
    *(("5", mark, 400, _C(400, told), "mapping_missing") for mark, told in _NOT_EXISTS),
    *(("5", "S", 400, _C(400, f"{name} is required."), "missing_field") for name in _REQUIRED),
    *(
        ("5", "O", 400, _C(400, f"{name} exceeds maximum length of {most}."), "bad_value")
        for name, most in _LONG
    ),
    ("5", "O", 400, _C(400, "Document No. NS-1 already exists."), "duplicate"),
    ("5", "O", 400, _C(400, "DOCUMENT NO. NS-1 ALREADY EXISTS"), "duplicate"),
    (
        "5",
        "O",
        400,
        _C(400, "Document date is not within the range of fiscal year."),
        "period_locked",
    ),
    ("5", "O", 400, _C(400, "Transaction date 30/09/2026 is locked."), "period_locked"),
    ("5", "O", 400, _C(400, "The linked document OR-000123 is locked."), "period_locked"),
    (
        "1",
        "R",
        400,
        _C(400, "Error converting value 49.50 to type System.Decimal. Path details[0]"),
        "bad_value",
    ),
    ("4.1", "O", 400, _C(400, "Invoice has been knocked off."), "business_rule"),
    ("4.1", "O", 400, _C(400, "Invoice is already voided."), "business_rule"),
    ("4.4", "O", 400, _C(400, "Receipt (ReceiptKey = OR-9) not exists"), "mapping_missing"),
    ("4.4", "O", 400, _C(400, "Knock off amounts are not balanced."), "business_rule"),
    ("5", "V", 401, _C(401, "401 Unauthorized."), "authorization_failed"),
    ("5", "V", 401, "", "authorization_failed"),
    ("5", "O", 403, _C(403, "403 Forbidden."), "authorization_failed"),
    ("5", "O", 403, "<html>Forbidden</html>", "authorization_failed"),
    ("5", "O", 404, _C(404, "404 Not Found."), "authorization_failed"),
    ("5", "O", 404, "<html>No such page</html>", "authorization_failed"),
    ("5", "O", 404, _C(404, "Invoice (InvoiceKey = NS-1) not exists"), "authorization_failed"),
    ("1", "O", 429, _C(429, "Too many requests."), "temporary"),
    ("1", "O", 429, "", "temporary"),
    ("5", "O", 400, _C(400, "Credit limit exceeded for debtor 300-W001."), "business_rule"),
    ("5", "O", 400, _C(400, "The account book is being upgraded."), "business_rule"),
    ("5", "O", 400, _C(400, "Object reference not set to an instance."), "business_rule"),
    ("5", "O", 400, _C(400, ""), "business_rule"),
    ("5", "O", 400, "", "business_rule"),
    ("5", "O", 400, '{"statusCode":400,"message":["a","list"]}', "business_rule"),
    ("5", "O", 405, _C(405, "Method not allowed."), "business_rule"),
    ("5", "O", 422, _C(422, "Quantity must be positive."), "business_rule"),
    ("5", "S", 500, _C(500, "Debtor (DebtorKey = X) not exists"), "uncertain"),
    ("5", "S", 502, "<html>Bad Gateway</html>", "uncertain"),
    ("5", "S", 503, "", "uncertain"),
    ("5", "S", 504, "", "uncertain"),
    ("5", "O", 408, "", "uncertain"),
]


def _of_quickbooks(code: str, message: str, detail: str = "", kind: str = "ValidationFault") -> str:
    error = f'{{"Message":"{message}","Detail":"{detail}","code":"{code}","element":""}}'
    return f'{{"Fault":{{"Error":[{error}],"type":"{kind}"}},"time":"2026-11-20T02:00:06-08:00"}}'


def _at_the_gate(code: str, message: str, detail: str = "") -> str:
    error = f'{{"message":"{message}","detail":"{detail}","code":"{code}","element":null}}'
    fault = f'{{"error":[{error}],"type":"AUTHENTICATION"}}'
    return f'{{"warnings":null,"intuitObject":null,"fault":{fault},"report":null}}'


_Q, _G = _of_quickbooks, _at_the_gate
_EXPIRED = "message=AuthenticationFailed; errorCode=003200; statusCode=401"
_HELD = "DocNumber=NS-1 is assigned to TxnType=Invoice with TxnId=145"
QUICKBOOKS: list[Row] = [
    ("4", "V", 401, _G("3200", _EXPIRED, "Token expired: 7"), "authorization_failed"),
    ("4", "V", 401, _G("003200", _EXPIRED), "authorization_failed"),
    ("4", "V", 401, "", "authorization_failed"),
    ("4", "V", 403, _G("3201", "AuthorizationFailure"), "authorization_failed"),
    ("4", "V", 403, _G("003201", "AuthorizationFailure"), "authorization_failed"),
    ("4", "V", 401, _G("120", "AuthorizationFailure"), "authorization_failed"),
    ("4", "V", 403, _G("3100", "ApplicationAuthorizationFailed"), "authorization_failed"),
    ("4", "V", 403, "<html>Forbidden</html>", "authorization_failed"),
    ("4", "V", 400, _Q("610", "Object Not Found", "Made inactive"), "mapping_missing"),
    ("4", "V", 400, _Q("610", "Objet introuvable"), "mapping_missing"),
    ("4", "V", 400, _Q("2500", "Invalid Reference Id", "Names element id 58"), "mapping_missing"),
    ("4", "V", 400, _Q("2500", "Id de référence non valide"), "mapping_missing"),
    ("4", "V", 400, _Q("2020", "Required Param Missing", "Line is missing"), "missing_field"),
    ("4", "V", 400, _Q("2020", "Paramètre obligatoire manquant"), "missing_field"),
    ("4", "V", 400, _Q("2050", "String Length", "Min:0 Max:21 supported"), "bad_value"),
    ("4", "V", 400, _Q("2170", "Invalid Enumeration", "TaxIncl"), "bad_value"),
    ("4", "V", 400, _Q("2010", "Request has invalid property", "Foo"), "bad_value"),
    (
        "4",
        "V",
        400,
        _Q("6070", "Amount calculation incorrect", "Amount is not equal to UnitPrice * Qty"),
        "bad_value",
    ),
    (
        "3.3",
        "V",
        400,
        _Q("5010", "Stale Object Error", "You and user were working"),
        "stale_version",
    ),
    ("4", "V", 400, _Q("5010", "Erreur d’objet périmé"), "stale_version"),
    ("4", "V", 400, _Q("6000", "A business validation error has occurred", "x"), "business_rule"),
    ("4", "V", 400, _Q("6000", "Erreur de validation"), "business_rule"),
    ("4", "V", 400, _Q("6140", "Duplicate Document Number Error", "No holder named"), "duplicate"),
    ("4", "V", 400, _Q("6140", "Numéro de document en double", _HELD), "duplicate"),
    ("4", "V", 400, _Q("6240", "Duplicate Name Exists Error", "Another customer"), "duplicate"),
    ("4", "V", 400, _Q("6210", "Account Period Closed", "Before 2026-09-30"), "period_locked"),
    ("4", "V", 400, _Q("6210", "Période comptable fermée"), "period_locked"),
    ("4", "V", 400, _Q("6210", "Duplicate Document Number Error", _HELD), "duplicate"),
    ("4", "V", 400, _Q("6190", "Invalid Company Status", "Ended"), "authorization_failed"),
    ("4", "V", 400, _Q("6540", "Deposited Transaction cannot be changed"), "business_rule"),
    ("4", "V", 429, _G("3001", "message=ThrottleExceeded; errorCode=003001"), "temporary"),
    ("4", "V", 429, _G("003001", "message=ThrottleExceeded"), "temporary"),
    ("4", "V", 429, "", "temporary"),
    ("4", "V", 429, "<html>Too many</html>", "temporary"),
    ("4", "O", 400, _Q("9999", "News", "Nobody knows this code"), "business_rule"),
    ("4", "O", 400, _Q("", "No code at all"), "business_rule"),
    ("4", "O", 400, '{"Fault":{"Error":[],"type":"ValidationFault"}}', "business_rule"),
    ("4", "O", 400, '{"Fault":"text"}', "business_rule"),
    ("4", "O", 400, "", "business_rule"),
    ("4", "O", 404, "<html>Not found</html>", "business_rule"),
    ("4", "O", 422, "{}", "business_rule"),
    ("4", "V", 500, _Q("10000", "An application error has occurred"), "uncertain"),
    ("4", "V", 503, "", "uncertain"),
    ("4", "V", 504, "<html>Gateway Timeout</html>", "uncertain"),
    ("4", "O", 502, _Q("6140", "Duplicate Document Number Error", _HELD), "uncertain"),
    ("4", "O", 408, "", "uncertain"),
]
EXCEL: list[tuple[str, str, str, str]] = [
    ("6", "O", "Debtor code 300-X999 not found", "mapping_missing"),
    ("6", "O", "Creditor code 400-X001 not found", "mapping_missing"),
    ("6", "O", "Item code TEE not found", "mapping_missing"),
    ("6", "O", "UOM CTN not found for item TEE-BLK-M", "mapping_missing"),
    ("6", "O", "Tax code SR-6 not found", "mapping_missing"),
    ("6", "O", "Credit term COD does not exist", "mapping_missing"),
    ("6", "O", "Location hq doesn't exist", "mapping_missing"),
    ("6", "O", "No such account 500-9999", "mapping_missing"),
    ("6", "O", "Invalid debtor code", "mapping_missing"),
    ("6", "O", "INVALID ACCOUNT CODE: 999", "mapping_missing"),
    ("6", "O", "Unknown sales agent ALI", "mapping_missing"),
    ("6", "O", "Unknown currency USD", "mapping_missing"),
    ("2.2", "V", "Payment method FPX not found", "mapping_missing"),
    ("1", "V", "Mandatory field DebtorCode is empty", "missing_field"),
    ("6", "O", "DisplayTerm is mandatory", "missing_field"),
    ("6", "O", "DocDate is required", "missing_field"),
    ("6", "O", "DtlDescription is required.", "missing_field"),
    ("6", "O", "CurrencyRate is missing", "missing_field"),
    ("6", "O", "UOM must not be empty", "missing_field"),
    ("6", "O", "Qty can't be empty", "missing_field"),
    ("6", "O", "AccNo cannot be empty", "missing_field"),
    ("6", "O", "Item code is blank", "missing_field"),
    ("6", "V", "Transaction date 30/09/2026 is locked", "period_locked"),
    (
        "6",
        "V",
        "Transaction date 30/09/2026 is locked, you can unlock it from Tools > Manage Fiscal Year.",
        "period_locked",
    ),
    ("6", "O", "The date lies in a closed period", "period_locked"),
    ("6", "O", "Document date is not within the range of fiscal year", "period_locked"),
    ("6", "O", "This account book has a lock on October 2026", "period_locked"),
    ("6", "V", "Linked document OR-000123 is locked", "period_locked"),
    ("6", "O", "DocNo NS-1 already exists", "duplicate"),
    ("6", "O", "Document number already used", "duplicate"),
    ("6", "O", "Duplicate document number NS-1", "duplicate"),
    ("6", "O", "Cannot insert duplicate key row", "duplicate"),
    ("2.1", "O", "DebtorName is too long", "bad_value"),
    ("2.1", "O", "Description exceeds 80 characters", "bad_value"),
    ("2.1", "O", "Qty is not a number", "bad_value"),
    ("2.1", "O", "DocDate is not a date", "bad_value"),
    ("2.1", "O", "Invalid discount text", "bad_value"),
    ("2.1", "O", "Wrong format of InclusiveTax", "bad_value"),
    ("6", "O", "Credit limit of the debtor is reached", "business_rule"),
    ("2.2", "V", "Net total must be above 0", "business_rule"),
    ("2.2", "V", "Knock-off date is before the payment date", "business_rule"),
    ("6", "O", "The row was left out by the user", "business_rule"),
    ("6", "O", "", "business_rule"),
]
