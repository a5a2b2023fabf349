"""The library as cards: the same models, in the same order and with the same selection as the table."""
