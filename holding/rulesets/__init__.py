"""Clearpost holding.rulesets: rules that come into force; compiling is in programs."""
