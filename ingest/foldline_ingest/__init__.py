"""Foldline's log reader and fold worker."""
