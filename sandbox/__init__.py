"""Clearpost sandbox: stand-ins of shops and accounting systems, the connector contract suite, and the demo."""
