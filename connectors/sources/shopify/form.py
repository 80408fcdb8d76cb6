"""What a person is asked who connects a Shopify shop.

Here: settings and key, with their words. Not here: what is done with them (connector.py, pages.py).
"""

from typing import Final

from connectors.contract import ConnectionForm, KeyField
from connectors.contract import declared_settings as declared
from connectors.sources.shopify.payout_pages import ASKED_FOR, SETTING

FORM: Final = ConnectionForm(
    title="Shopify",
    gives="Orders with their fulfilments and refunds, by signed webhook or from a JSON file, and "
    "payouts, by asking",
    needs="Access to the settings of the shop, or to the app that sends its webhooks",
    settings=(
        declared.address(
            "https://your-shop.myshopify.com",
            "The address of the shop at Shopify. Blank: its orders are not asked for.",
            required=False,
        ),
        declared.Setting(
            name=SETTING,
            label="Payouts",
            hint="Whether the payouts of Shopify Payments are asked for as well. Blank: no.",
            kind="choice",
            choices={ASKED_FOR: "Yes", "no": "No"},
            unset="Not set: no",
        ),
    ),
    key=KeyField(
        label="Client secret and access token",
        hint="The secret signs each webhook. To have the orders asked for as well, add a colon and "
        "the access token. An app of several shops signs all of theirs alike: give each its own.",
        steps=(
            "In Shopify go to Settings > Apps > Develop apps and make an app for Clearpost.",
            "Allow it to read orders: read_orders, and read_all_orders for those of past months.",
            "For payouts, allow it to read them as well: read_shopify_payments_payouts.",
            "Let it send the webhooks below in the format JSON to the address of this connection.",
            "Enter its client secret, a colon, and its Admin API access token.",
        ),
    ),
)
