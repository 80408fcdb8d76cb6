"""Start the Shopee simulator: `python -m sandbox.simulators.shopee`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from argparse import ArgumentParser
from datetime import timedelta

from connectors.transport.http import MachineClock
from sandbox.simulators.base.market import FAULTS, App
from sandbox.simulators.base.server import Ledger
from sandbox.simulators.base.shop import life_of, open_shop, shop_options
from sandbox.simulators.shopee.api import ORDER_LIST, SHOP_ID, Shopee, ShopeeBooks


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    settings = _parser().parse_args(arguments)
    lasts = timedelta(minutes=settings.token_minutes)
    app = App(number=settings.partner_id, secret=settings.secret, lasts=lasts)
    shop = Shopee(
        ShopeeBooks(withhold=0, seed=settings.seed),
        Ledger(settings.ledger),
        MachineClock(settings.home),
        to=settings.to,
        life=life_of(settings),
        app=app,
        per_minute=settings.per_minute,
    )
    ids = {"partner_id": app.number, "shop_id": str(SHOP_ID)}
    announcement = {"orders": ORDER_LIST, "webhooks_to": settings.to, **ids}
    key = f"{app.secret}:{shop.refresh}"
    open_shop("shopee", settings, shop, {**announcement, "key": key, "faults": FAULTS})


def _parser() -> ArgumentParser:
    parser = shop_options("shopee", port=8113)
    parser.add_argument("--partner-id", default="2001234", help="the number of the app that asks")
    words = "the partner key of the app: it signs webhooks and questions"
    parser.add_argument("--secret", default="shpk_demo_3Lw8", help=words)
    words = "how many minutes an access token is good for"
    parser.add_argument("--token-minutes", type=int, default=240, help=words)
    words = "how many questions are answered in a minute"
    parser.add_argument("--per-minute", type=int, default=600, help=words)
    return parser


if __name__ == "__main__":
    main()
