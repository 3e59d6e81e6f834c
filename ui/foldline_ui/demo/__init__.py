"""The demo: a sweep of real models."""

from .show import main

__all__ = ["main"]
