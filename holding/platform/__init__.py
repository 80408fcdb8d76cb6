"""What every domain builds on: settings, clock, worker processes, state changes,
events, backups.
"""
