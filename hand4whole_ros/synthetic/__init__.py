"""Posed, lit, rendered people with complete ground truth: for evaluation, and as a camera for demonstrations."""
