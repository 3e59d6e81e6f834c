"""Runs that other trackers logged, brought into a store."""
