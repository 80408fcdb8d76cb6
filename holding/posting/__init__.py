"""Push of postings to targets: claim, check, send, and store the result."""
