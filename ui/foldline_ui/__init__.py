"""Foldline's server, command line and demo."""
