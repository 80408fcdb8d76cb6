"""Start the WooCommerce simulator: `python -m sandbox.simulators.woocommerce`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from argparse import ArgumentParser

from connectors.transport.http import MachineClock
from sandbox.simulators.base.server import Ledger
from sandbox.simulators.base.shop import life_of, open_shop, shop_options
from sandbox.simulators.woocommerce.api import FAULTS, ORDERS, Keys, WooBooks, WooCommerce


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    settings = _parser().parse_args(arguments)
    keys = Keys(
        hook=settings.secret, consumer=settings.consumer_key, secret=settings.consumer_secret
    )
    shop = WooCommerce(
        WooBooks(withhold=0, seed=settings.seed),
        Ledger(settings.ledger),
        MachineClock(settings.home),
        to=settings.to,
        life=life_of(settings),
        keys=keys,
        a_minute=settings.calls_a_minute,
    )
    key = f"{keys.hook}:{keys.consumer}:{keys.secret}"
    announcement = {"orders": ORDERS, "webhooks_to": settings.to, "secret": keys.hook, "key": key}
    open_shop("woocommerce", settings, shop, {**announcement, "faults": FAULTS})


def _parser() -> ArgumentParser:
    parser = shop_options("woocommerce", port=8111)
    parser.add_argument("--secret", default="woo-hook-demo-4Kd8", help="signs the webhooks")
    parser.add_argument("--consumer-key", default="ck_demo_3b7f", help="who asks for orders")
    words = "the secret of who asks"
    parser.add_argument("--consumer-secret", default="cs_demo_9x2q", help=words)
    words = "questions that are answered in a minute; 0: as many as come"
    parser.add_argument("--calls-a-minute", type=int, default=0, help=words)
    return parser


if __name__ == "__main__":
    main()
