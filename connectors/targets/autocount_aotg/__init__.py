"""AutoCount On The Go: A/R invoices through a cloud relay to the account book on a desktop."""
