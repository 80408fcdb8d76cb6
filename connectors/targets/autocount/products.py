"""How AutoCount counts a product: it has one unit, and no conversion.

Here: reading products by their codes. Not here: sending (payload.py), the test (probe.py).
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from connectors.kit.calling import Get
from connectors.kit.contract import ItemSetup
from connectors.kit.http import HttpFailure
from connectors.kit.strictjson import loads

AT_ONCE = 10


def units(codes: Sequence[str], get: Get) -> Mapping[str, ItemSetup]:
    """Those that were found; nobody is asked any more once AutoCount is away."""
    found = {}
    for code in codes:
        answer = get(f"/product?productCode={quote(code, safe='')}")
        if isinstance(answer, HttpFailure):
            break
        content = loads(answer.body) if answer.status == 200 else None
        product = content.get("product") if isinstance(content, dict) else None
        if not isinstance(product, dict) or product.get("productCode") != code:
            continue
        unit = product.get("unit")
        if isinstance(unit, str) and unit.strip():
            found[code] = ItemSetup(unit.strip())
    return found
