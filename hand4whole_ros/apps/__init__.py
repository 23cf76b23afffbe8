"""Implementations of the commands. `cli` parses their arguments."""
