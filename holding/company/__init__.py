"""A company's set-up, members and their duties, from first run to going live."""
