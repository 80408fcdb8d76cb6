"""Clearpost bench: what `clearpost bench` measures. It is not part of the wheel."""
