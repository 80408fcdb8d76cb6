"""Measure this machine with `clearpost bench`; this package is not part of the wheel."""
