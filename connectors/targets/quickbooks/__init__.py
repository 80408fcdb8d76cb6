"""QuickBooks Online as a target."""
