"""Clearpost sandbox.simulators: simulators of outside systems, each its own process."""

from connectors.transport.http import connector_folders

__path__ = [*__path__, *connector_folders("simulators")]
