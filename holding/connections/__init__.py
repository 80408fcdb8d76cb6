"""Clearpost holding.connections: targets and sources as they are; nothing is sent."""
