"""QuickBooks Online, as a target that rules may speak of; no connector posts to it yet."""
