"""What the settings of any connection say of its books: their time zone and their own currency.

Here: reading them. Not here: where they come from when the connection says nothing: its company
(holding/connections/own_settings.py).
"""

from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import Settings

ZONE: Final = "zone"
BASE_CURRENCY: Final = "base_currency"


def zone_of(settings: Settings) -> ZoneInfo:
    """The time zone of moments and days that name none; UTC where nothing says it."""
    return ZoneInfo(str(settings.get(ZONE) or "UTC"))


def base_currency_of(settings: Settings) -> str:
    """The currency in which the books are kept; blank where nothing says it."""
    return str(settings.get(BASE_CURRENCY) or "")
