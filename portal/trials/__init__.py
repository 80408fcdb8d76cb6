"""The pages that test a rule change on stored records: backtests, shadows and replays."""

from portal.trials import backtests

BLUEPRINTS = (
    backtests.backtest_pages,
    backtests.trial_pages,
)
