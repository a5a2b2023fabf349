"""The inbox: what other tools say of the user's models, grouped by what is to be done, and every deed that settles it.

`page` puts the parts together, at the `place` that the window keeps for it; `deeds` run beside the window; `reading`
alone reads a payload, of the selected row.
"""
