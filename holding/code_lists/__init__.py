"""Clearpost holding.code_lists: lists of a target's parties and items from files people give in."""
