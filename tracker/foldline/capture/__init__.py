"""What is logged of a run without being asked."""

from __future__ import annotations
