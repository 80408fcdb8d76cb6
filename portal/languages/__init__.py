"""Pages in the language of their reader.

Here: which language that is, its catalogue, and how templates and the product's own English texts
become messages of it. Not here: any text, and what a page shows.
"""
