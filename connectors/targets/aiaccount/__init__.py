"""AiAccount, as a target of sales invoices."""
