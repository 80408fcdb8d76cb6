"""Clearpost pushing: one effect in the target for each posting, or a visible doubt.

Here: claim, intent, answer and look-up of a push, one file each. Not here: when it happens
(workers) and batches that people ask for (holding/runs.py).
"""
