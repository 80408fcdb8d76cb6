"""Clearpost invariants: what must be true of a company's books at any moment.

Here: reads only, each file a few of I1 to I15; holding/invariants/check.py has them all. Not here:
repairs; a breach names its records, and a person decides.
"""
