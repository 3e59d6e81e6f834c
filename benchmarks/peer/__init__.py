"""Each peer, written to by its own Python.

These modules run in the peers' own virtual environments, where nothing of Foldline is installed, so
they import the standard library, numpy and their peer alone. They print one JSON object.
"""
