"""Posed, lit, rendered people of whom everything is known: for measuring, and for a camera without one."""
