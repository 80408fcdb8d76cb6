"""What every page stands on: the request, its database, who may, forms, and how things look."""
