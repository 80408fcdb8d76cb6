"""Where the shops of these tests are, unless a test says otherwise."""

from zoneinfo import ZoneInfo

SHOP_ZONE = ZoneInfo("Asia/Kuala_Lumpur")
BOOKS = {"zone": "Asia/Kuala_Lumpur", "base_currency": "MYR"}
"""What a connection hands its connector of the books of a company there."""
LISTED = {"listed": {"custom_field": {"1": {"name": "SalesRep"}}}}
"""What it hands a connector that builds documents from what the target listed."""
