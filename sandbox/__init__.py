"""Clearpost sandbox: simulators of outside systems, the connector test suite, and the demo."""
