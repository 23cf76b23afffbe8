"""Pickles of weights, read without running what they name."""
