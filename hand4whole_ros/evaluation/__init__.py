"""Errors of estimates: the field's error measures and the tables made of them."""
