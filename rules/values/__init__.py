"""Provide numbers, types, unknown values and their texts, independent of any rule set."""
