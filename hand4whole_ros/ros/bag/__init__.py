"""Bags, read and written."""
