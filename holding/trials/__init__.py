"""Clearpost holding.trials: rules tried on what is stored, without effect: replays and shadows."""
