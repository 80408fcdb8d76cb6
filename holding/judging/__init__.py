"""Clearpost judging: from due records to stored decisions.

Here: claim, gather, plan, finish, one file each; holding/evaluation.py runs them in order. Not
here: what the rules say (rules).
"""
