"""Approvals by a second person and the separation of duties behind them."""
