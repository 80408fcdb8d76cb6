"""Clearpost sandbox.simulators: stand-ins of the outside, as processes of their own."""

from connectors.transport.http import folders

__path__ = [*__path__, *folders("simulators")]
