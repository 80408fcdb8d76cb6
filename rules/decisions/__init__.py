"""Judge one record under all its routes and decide what happens to each posting."""
