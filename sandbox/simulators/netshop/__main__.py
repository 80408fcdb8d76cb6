"""Start the NetShop simulator: `python -m sandbox.simulators.netshop`.

It prints its address and keys, and serves until it is killed. The module is short because `-m`
needs it by this name.
"""

from connectors.transport.http import MachineClock
from sandbox.simulators.base.server import Ledger
from sandbox.simulators.base.shop import life_of, open_shop, shop_options
from sandbox.simulators.netshop.api import NetShop, NetShopBooks


def main(arguments: list[str] | None = None) -> None:
    """Start the simulator."""
    parser = shop_options("netshop", port=8115)
    parser.add_argument("--secret", default="ns16-hook-demo-7Qm2", help="signs the webhooks")
    settings = parser.parse_args(arguments)
    shop = NetShop(
        NetShopBooks(withhold=0, seed=settings.seed),
        Ledger(settings.ledger),
        MachineClock(settings.home),
        to=settings.to,
        life=life_of(settings),
        secret=settings.secret,
    )
    announcement = {"webhooks_to": settings.to, "secret": settings.secret, "key": settings.secret}
    open_shop("netshop", settings, shop, {**announcement, "faults": shop.faults})


if __name__ == "__main__":
    main()
