"""Sign-in, people, roles and what each person or token may do."""
