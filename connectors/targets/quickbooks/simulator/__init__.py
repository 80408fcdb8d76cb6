"""QuickBooks Online's stand-in: its own process, refusing what QuickBooks refuses."""
