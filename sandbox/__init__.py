"""Clearpost sandbox: stand-ins of outside systems, the connector test suite, and the demo."""
