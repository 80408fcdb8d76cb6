"""Help pages: what each hold, state, pill, check, role and finding means, and what to do."""
