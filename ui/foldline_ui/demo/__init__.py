"""The demo: a sweep of real models, watched as they learn."""

from .show import main

__all__ = ["main"]
