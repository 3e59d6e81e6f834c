"""Foldline: experiment tracking that folds events into lines."""
