"""Start the Shopify simulator: `python -m sandbox.simulators.shopify`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from argparse import ArgumentParser

from connectors.transport.http import MachineClock
from sandbox.simulators.base.server import Ledger
from sandbox.simulators.base.shop import life_of, open_shop, shop_options
from sandbox.simulators.shopify.api import BUCKET, FAULTS, ORDERS, Keys, Shopify, ShopifyBooks


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    settings = _parser().parse_args(arguments)
    keys = Keys(secret=settings.secret, token=settings.token)
    shop = Shopify(
        ShopifyBooks(withhold=0, seed=settings.seed),
        Ledger(settings.ledger),
        MachineClock(settings.home),
        to=settings.to,
        life=life_of(settings),
        keys=keys,
        bucket=settings.bucket,
    )
    announcement = {
        "orders": ORDERS,
        "webhooks_to": settings.to,
        "secret": keys.secret,
        "token": keys.token,
    }
    key = f"{keys.secret}:{keys.token}"
    open_shop("shopify", settings, shop, {**announcement, "key": key, "faults": FAULTS})


def _parser() -> ArgumentParser:
    parser = shop_options("shopify", port=8112)
    parser.add_argument("--secret", default="shpss_demo_4Kx9", help="signs the webhooks")
    parser.add_argument("--token", default="shpat_demo_7Qk2", help="who asks for orders")
    words = "calls that may be made at once; two more in each second"
    parser.add_argument("--bucket", type=int, default=BUCKET, help=words)
    return parser


if __name__ == "__main__":
    main()
