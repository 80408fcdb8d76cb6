"""Start the Lazada simulator: `python -m sandbox.simulators.lazada`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from argparse import ArgumentParser
from datetime import timedelta

from connectors.transport.http import MachineClock
from sandbox.simulators.base.market import FAULTS, App
from sandbox.simulators.base.server import Ledger
from sandbox.simulators.base.shop import life_of, open_shop, shop_options
from sandbox.simulators.lazada.api import LIST, Lazada
from sandbox.simulators.lazada.finance import LazadaBooks


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    settings = _parser().parse_args(arguments)
    lasts = timedelta(minutes=settings.token_minutes)
    app = App(number=settings.app_key, secret=settings.secret, lasts=lasts)
    shop = Lazada(
        LazadaBooks(withhold=0, seed=settings.seed),
        Ledger(settings.ledger),
        MachineClock(settings.home),
        to=settings.to,
        life=life_of(settings),
        app=app,
        per_minute=settings.per_minute,
    )
    announcement = {"orders": LIST, "webhooks_to": settings.to, "app_key": app.number}
    key = f"{app.secret}:{shop.refresh}"
    open_shop("lazada", settings, shop, {**announcement, "key": key, "faults": FAULTS})


def _parser() -> ArgumentParser:
    parser = shop_options("lazada", port=8114)
    parser.add_argument("--app-key", default="123456", help="the number of the app that asks")
    words = "the app secret of the app: it signs webhooks and questions"
    parser.add_argument("--secret", default="lzd_demo_6Tn5", help=words)
    words = "how many minutes an access token is good for"
    parser.add_argument("--token-minutes", type=int, default=10080, help=words)
    words = "how many questions are answered in a minute"
    parser.add_argument("--per-minute", type=int, default=600, help=words)
    return parser


if __name__ == "__main__":
    main()
