"""Clearpost holding.rule_changes: a change of the rules from its draft until it is in force."""
