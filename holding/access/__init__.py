"""Clearpost holding.access: who acts, and what they may; four eyes are in approvals."""
