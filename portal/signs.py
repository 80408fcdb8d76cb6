"""How a currency is written before an amount.

Here: sign. Not here: amounts as people read them (filters.py).
"""

_SIGNS = {"MYR": "RM"}


def sign(currency: str | None) -> str:
    """RM for MYR, else the code itself."""
    return _SIGNS.get(currency or "MYR", currency or "MYR")
