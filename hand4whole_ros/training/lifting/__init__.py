"""Training of the network that lifts landmarks to a body (networks.lifting)."""
