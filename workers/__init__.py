"""Clearpost workers: the jobs, and the loop that decides when they run."""

import gc

# Loading the modules makes many objects that stay: looking for cycles among them after every 700
# is a third of a start.
gc.set_threshold(50_000)
