"""Clearpost workers: when things happen."""
