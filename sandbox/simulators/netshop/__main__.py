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
    given = parser.parse_args(arguments)
    shop = NetShop(
        NetShopBooks(withhold=0, seed=given.seed),
        Ledger(given.ledger),
        MachineClock(given.home),
        to=given.to,
        life=life_of(given),
        secret=given.secret,
    )
    told = {"webhooks_to": given.to, "secret": given.secret, "key": given.secret}
    open_shop("netshop", given, shop, {**told, "faults": shop.faults})


if __name__ == "__main__":
    main()
