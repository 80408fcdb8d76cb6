"""Clearpost holding.posting: one posting on its way to a target; when is said in runs."""
