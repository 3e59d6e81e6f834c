"""Measurements that the documents quote.

`make bench` runs each module here that has a `measure`, in a process of its own.
"""
