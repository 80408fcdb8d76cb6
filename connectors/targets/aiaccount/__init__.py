"""AiAccount as a target of invoices and receipts, bills and payments."""
