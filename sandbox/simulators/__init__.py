"""Clearpost sandbox.simulators: stand-ins of outside systems, each its own process."""

from connectors.transport.http import folders

__path__ = [*__path__, *folders("simulators")]
