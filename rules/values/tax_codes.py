"""What the tax office (LHDN) says of the codes in an e-Invoice: tax numbers and classifications.

Here: the tables as they were read on READ_ON, is_tin, tin_advice, class_advice. Not here: what a
rule does with a wrong code, and the tax office's own look-up of a number, which is never asked.

Sources: the FAQ of the MyInvois SDK on tax identification numbers (letters, digits, the closing 0,
at most 14 characters, IG in place of OG and SG) and the SDK's page of classification codes (001 to
027, and 044 in its release notes; 028 to 043 and 045 as several public tables agree). Of the four
general numbers, 020 and 030 stand in the SDK's validation rules, 010 and 040 in public guides.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

READ_ON = date(2026, 11, 20)
"""The day on which these tables were compared with their sources."""

CANCEL_WINDOW = timedelta(hours=72)
"""So long after it was marked valid its issuer may cancel an e-Invoice; then a note corrects it
(the FAQ of the MyInvois SDK). Rules may be stricter, and name their own window.
"""

CANCEL_MARGIN = timedelta(hours=1)
"""The end of that window that is no longer counted on: a call may wait, and clocks differ."""

PERSONS = ("IG",)
PERSONS_BEFORE = ("OG", "SG")
OTHERS = ("C", "CS", "D", "F", "FA", "PT", "TA", "TC", "TN", "TR", "TP", "J", "LE")
LONGEST_TIN = 14

GENERAL_TINS = {
    "EI00000000010": "the general public, or a Malaysian buyer who gives no number",
    "EI00000000020": "a foreign buyer without a number",
    "EI00000000030": "a foreign supplier in a self-billed document",
    "EI00000000040": "the government, a local authority or an exempt body",
}

CLASSES = {
    "001": "breastfeeding equipment",
    "002": "child care, kindergarten",
    "003": "computer, smartphone, tablet",
    "004": "consolidated e-Invoice",
    "005": "construction materials",
    "006": "disbursement",
    "007": "donation",
    "008": "e-commerce, to the buyer",
    "009": "e-commerce, self-billed",
    "010": "education fees",
    "011": "consignment, consignor",
    "012": "consignment, consignee",
    "013": "gym membership",
    "014": "insurance, education and medical",
    "015": "insurance, takaful or life",
    "016": "interest and financing",
    "017": "internet",
    "018": "land and building",
    "019": "learning disability",
    "020": "medical examination, vaccination",
    "021": "medical, serious disease",
    "022": "others",
    "023": "petroleum operations",
    "024": "private retirement scheme",
    "025": "motor vehicle",
    "026": "books, journals, newspapers",
    "027": "reimbursement",
    "028": "rental of a motor vehicle",
    "029": "charging of an electric vehicle",
    "030": "repair and maintenance",
    "031": "research and development",
    "032": "foreign income",
    "033": "self-billed, betting and gaming",
    "034": "self-billed, import of goods",
    "035": "self-billed, import of services",
    "036": "self-billed, others",
    "037": "self-billed, money to agents, dealers, distributors",
    "038": "sports equipment and fees",
    "039": "equipment for a disabled person",
    "040": "voluntary provident fund",
    "041": "dental",
    "042": "fertility",
    "043": "nursing and day care",
    "044": "vouchers, gift cards, loyalty points",
    "045": "self-billed, other than money to agents, dealers, distributors",
}

_PERSON = re.compile(rf"(?:{'|'.join(PERSONS)})[0-9]{{1,12}}")
_OTHER = re.compile(rf"(?:{'|'.join(OTHERS)})[1-9][0-9]*0")
_PARTS = re.compile(r"([A-Z]+)([0-9]+)")


def is_tin(text: str) -> bool:
    """Whether a text has the form of a Malaysian tax identification number.

    >>> is_tin("C25845632020"), is_tin("CS0123450"), is_tin("EI00000000010")
    (True, False, True)
    """
    if text in GENERAL_TINS:
        return True
    fits = _PERSON.fullmatch(text) or _OTHER.fullmatch(text)
    return bool(fits) and len(text) <= LONGEST_TIN


def tin_advice(text: str) -> str:
    """What is wrong with a tax number and what may be meant; it proposes, and changes nothing.

    >>> tin_advice("C25845632021")
    'it ends in 0; perhaps C258456320210'
    """
    steps = []
    wanted = re.sub(r"[\s-]", "", text).upper()
    if wanted != text:
        steps.append("capitals without spaces and hyphens")
    parts = _PARTS.fullmatch(wanted)
    if parts is None:
        return "; ".join([*steps, "letters, then digits"])
    prefix, digits = parts[1], parts[2]
    if prefix in PERSONS_BEFORE:
        steps.append(f"{PERSONS[0]} stands in place of {prefix}")
        prefix = PERSONS[0]
    if prefix not in (*PERSONS, *OTHERS):
        return "; ".join([*steps, f"no tax number begins with {prefix}"])
    if prefix in OTHERS:
        if digits.startswith("0"):
            steps.append("no zero behind the letters")
            digits = digits.lstrip("0")
        if not digits.endswith("0"):
            steps.append("it ends in 0")
            digits += "0"
    wanted = prefix + digits
    if len(wanted) > LONGEST_TIN:
        steps.append(f"{LONGEST_TIN} characters at most")
    return "; ".join([*steps, f"perhaps {wanted}"] if is_tin(wanted) else steps)


def class_advice(text: str) -> str:
    """What may be meant by a text that is no classification code, or nothing.

    >>> class_advice(" 22"), class_advice("046")
    ('perhaps 022', '')
    """
    digits = "".join(text.split())
    padded = digits.zfill(3)
    return f"perhaps {padded}" if digits.isdecimal() and padded in CLASSES else ""
