"""The library table: the order of the rows, the rows that are looked at, and what narrows them down."""
