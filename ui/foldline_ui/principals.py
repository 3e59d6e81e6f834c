"""Who asks, in which role, and how far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foldline_views.reach import EVERYTHING, Reach

__all__ = ["LOCAL", "MAY", "ROLES", "Principal", "Role", "Scope", "TokenScope"]

Scope = Literal["open", "any", "read", "ingest", "write", "admin"]
"""What a route asks of a caller: nothing, to be somebody, or a right."""

TokenScope = Literal["ingest", "read", "write", "admin"]
"""What a token is made for."""

Role = Literal["shipper", "viewer", "member", "admin"]

ROLES: dict[TokenScope, Role] = {
    "ingest": "shipper",
    "read": "viewer",
    "write": "member",
    "admin": "admin",
}
MAY: dict[Role, tuple[Scope, ...]] = {
    "shipper": ("ingest",),
    "viewer": ("read",),
    "member": ("read", "ingest", "write"),
    "admin": ("read", "ingest", "write", "admin"),
}


@dataclass(frozen=True)
class Principal:
    """Somebody who asks; the rights of the role hold within the reach, and nowhere else."""

    role: Role
    reach: Reach
    name: str  # of the token
    token: str = ""  # its id, "" for whoever owns the store
    expires_at: float | None = None  # unix seconds

    def may(self, scope: Scope) -> bool:
        """Say whether the role has a right."""
        return scope in {"open", "any"} or scope in MAY[self.role]


# Whoever reaches a server that only this machine reaches.
LOCAL = Principal("admin", EVERYTHING, "local")
