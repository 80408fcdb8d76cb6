"""The commands `backtest` and `preflight`: two rule sets judge records stored in files."""
