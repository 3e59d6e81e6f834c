"""Foldline's materialized views."""
