"""What `clearpost bench` measures rules with: a set of thirty, its records, and its rivals.

Here: invoices.rules, the invoices, the same rules by hand and for another engine, the generated set
of a thousand. Not here: the command (portal/cli/bench.py), the clock (portal/bench/rules.py).
"""
