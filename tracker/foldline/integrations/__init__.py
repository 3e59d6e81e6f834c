"""Callbacks that write a framework's training into a run.

Each module needs its framework and nothing else, and none is imported with `foldline`. What they
log, and what was tested with which versions: docs/integrations.md.
"""
