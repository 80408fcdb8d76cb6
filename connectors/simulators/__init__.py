"""Clearpost connectors.simulators: stand-ins of the outside, as processes of their own."""
