"""`clearpost bench`: what this machine does, measured in one run, told as one line of JSON.

Here: the parts, of which some may be chosen. Not here: the shop that is run (shop_bench.py), rules
and orders against rivals (rule_bench.py, order_bench.py), the editor (editor_bench.py), backtests
(backtest_bench.py), pages of a large company (page_bench.py), the trail's cost (trail_bench.py),
a second worker (scale_bench.py), bringing orders in (intake_bench.py).
"""

from collections.abc import Callable

import click

from portal.bench import backtest_bench, shop_bench, trail_bench
from portal.terminal.command_frame import say, tell

MOST_SCALED = 10_000
PARTS = (
    "orders",
    "judging",
    "rules",
    "checks",
    "editor",
    "backtest",
    "pages",
    "trail",
    "scale",
    "intake",
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line.")
@click.option(
    "--part",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    help="Measure this alone; may be given again.",
)
@click.option(
    "--records",
    type=click.IntRange(100),
    default=100_000,
    show_default=True,
    help="Orders to be checked, on each database.",
)
@click.option(
    "--webhooks",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Orders sent one by one, each until it is posted.",
)
@click.option(
    "--postgresql",
    default="",
    envvar="CLEARPOST_BENCH_POSTGRESQL",
    help="URL of a server where a database may be made and dropped, to be measured as well.",
)
@click.option(
    "--rule-records",
    type=click.IntRange(100),
    default=1000,
    show_default=True,
    help="Invoices for the thirty rules.",
)
@click.option(
    "--backtest-records",
    type=click.IntRange(1000),
    default=1_000_000,
    show_default=True,
    help="Stored records of the backtest; fewer are scaled to a million.",
)
@click.option(
    "--page-records",
    type=click.IntRange(1000),
    default=1_000_000,
    show_default=True,
    help="Records of the company whose pages are read; a tenth of them are held.",
)
@click.option(
    "--workbook-rows",
    type=click.IntRange(1),
    default=50_000,
    show_default=True,
    help="Rows of the workbook that is uploaded, an order each.",
)
def bench(
    parts: tuple[str, ...],
    records: int,
    webhooks: int,
    postgresql: str,
    rule_records: int,
    backtest_records: int,
    page_records: int,
    workbook_rows: int,
    *,
    as_json: bool,
) -> None:
    """Measure judging, posting, rules and backtests on this machine."""
    measure: dict[str, Callable[[], dict[str, object]]] = {
        "orders": _orders,  # first: what a process made before costs caches, and a worker is new
        "judging": lambda: _judging(records, webhooks, postgresql),
        "rules": lambda: _rules(rule_records),
        "checks": _checks,
        "editor": _editor,
        "backtest": lambda: _backtest(backtest_records),
        "pages": lambda: _pages(page_records, postgresql),
        "trail": trail_bench.measured,
        "scale": lambda: _scale(records, postgresql),
        "intake": lambda: _intake(workbook_rows),
    }
    result = {k: v for part in parts or PARTS for k, v in measure[part]().items()}
    if as_json:
        tell(result)
    else:
        for name, value in result.items():
            click.echo(f"{name:<34} {value}")


def _scale(records: int, server: str) -> dict[str, object]:
    from portal.backtest.parallel_run import usable_processes
    from portal.bench import scale_bench

    return scale_bench.measured(min(records, MOST_SCALED), server, usable_processes())


def _intake(rows: int) -> dict[str, object]:
    from portal.bench import intake_bench

    return intake_bench.measured(rows)


def _rules(records: int) -> dict[str, object]:
    from portal.bench import rule_bench as bench_rules

    return bench_rules.measured(say, records)


def _checks() -> dict[str, object]:
    from portal.bench import rule_bench as bench_rules

    return bench_rules.grown(say)


def _backtest(records: int) -> dict[str, object]:
    say(f"A backtest of {records:,} stored records …")
    return backtest_bench.measured(records)


def _editor() -> dict[str, object]:
    say("An editor with a rule file of a thousand lines, and one of a thousand checks …")
    from portal.bench import editor_bench  # it loads the database

    return editor_bench.measured()


def _pages(records: int, server: str) -> dict[str, object]:
    from portal.bench import page_bench  # it loads the database

    return page_bench.measured(records, records // 10, server)


def _orders() -> dict[str, object]:
    from portal.bench import order_bench  # it loads the database

    return order_bench.measured()


def _judging(records: int, webhooks: int, server: str) -> dict[str, object]:
    say("A shop, from webhook to posting and from due to stored …")
    return shop_bench.measured(records, webhooks, server)


COMMANDS = (bench,)
