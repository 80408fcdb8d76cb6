"""The rules of the house for the targets that are not AiAccount.

Here: rules, key and settings of a company at each. Not here: who posts there (fleet.py).
"""

from tests.support.house import RULES

FIELDS = "    they own Notes"
AUTOCOUNT = (
    RULES.replace("aiaccount.sales_invoice", "autocount.invoice")
    .replace("target aiaccount", "target autocount")
    .replace("AiAccount", "AutoCount")
)
AUTOCOUNT = (
    AUTOCOUNT[: AUTOCOUNT.index(FIELDS)]
    + """    we own   the rest  else review by accounts
    DocNo         = document_number
    DocDate       = ordered_on
    DebtorCode    = "300-W001"
    DebtorName    = customer_name
    DisplayTerm   = "C.O.D."
    Location      = "HQ"
    Ref           = number
    InclusiveTax  = no
    FinalTotal    = total
    each line
        DtlDescription  = line.name
        AccNo           = "500-0000"
        UOM             = "PCS"
        Qty             = line.qty
        UnitPrice       = line.price
        TaxCode         = "NT"
        SubTotal        = round(line.qty * line.price, 0.01)
"""
)
AOTG = (
    RULES[: RULES.index(FIELDS)]
    .replace("aiaccount.sales_invoice", "autocount_aotg.ar_invoice")
    .replace("target aiaccount", "target autocount_aotg")
    .replace("AiAccount", "AutoCount")
    + """    we own   the rest  else review by accounts
    DebtorCode    = "300-W001"
    DocNo         = document_number
    DocDate       = ordered_on
    JournalType   = "SALES"
    RefNo2        = number
    InclusiveTax  = no
    CreditTerm    = "C.O.D."
    NetTotal      = total
    each line
        AccNo        = "500-0000"
        Description  = line.name
        Tax          = "NT"
        Amount       = round(line.qty * line.price, 0.01)
"""
)
QUICKBOOKS = (
    RULES[: RULES.index(FIELDS)]
    .replace("aiaccount.sales_invoice", "quickbooks.invoice")
    .replace("target aiaccount", "target quickbooks")
    .replace("AiAccount", "QuickBooks")
    .replace("per line then sum", "sum then round")
    + """    we own   the rest  else review by accounts
    DocNumber             = document_number
    TxnDate               = ordered_on
    CustomerRef           = "58"
    CurrencyRef           = currency
    GlobalTaxCalculation  = "TaxExcluded"
    PrivateNote           = number
    Total                 = total
    each line
        ItemRef      = "12"
        Description  = line.name
        Qty          = line.qty
        UnitPrice    = line.price
        Amount       = round(line.qty * line.price, 0.01)
        TaxCodeRef   = "3"
"""
)
ELSEWHERE: dict[str, tuple[str, str, dict[str, str]]] = {
    "autocount": (
        AUTOCOUNT,
        "acc_demo_9Tq4Lx",
        {"company_id": "1042", "key_id": "cp-demo", "locked_through": "none"},
    ),
    "autocount_aotg": (
        AOTG,
        "aotg-demo-4Vr8:3DT88-KEDAI-CONTO-H0001-7QK2M",
        {
            "company_id": "3DT88",
            "user_name": "clearpost@kedai.example",
            "locked_through": "none",
        },
    ),
    "quickbooks": (
        QUICKBOOKS,
        "qbo-client-3Rk9:qbo-refresh-5Mx8-0:qbo-access-7Wd2-0:4102444800",
        {"company_id": "9130347", "client_id": "AB-clearpost-app"},
    ),
}
"""The targets that are not AiAccount: the rules, the key and the settings of a company there."""
