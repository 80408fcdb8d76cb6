"""Intake: take records from systems that have no connector of their own."""
