"""The pages of a company from its set-up to going live: first company, checklist, cutover."""
