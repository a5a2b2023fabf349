"""What narrows the library down: search field, facets, saved filters, chips, and the page for "nothing matches"."""
