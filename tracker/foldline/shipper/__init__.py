"""How a log gets to a server."""
