"""The version of Foldline."""

VERSION = "0.1.0"
