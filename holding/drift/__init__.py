"""The drift watch: what is posted is read in its target on a plan, and what differs is found."""
