"""What all pages share: the request, its database session, permissions, forms and filters."""
