"""Clearpost holding.preflight: what could fail, from what is stored, before anything is sent."""
