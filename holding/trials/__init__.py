"""Try rules on stored records without effect: backtests, shadows, draft trials and preflight."""
