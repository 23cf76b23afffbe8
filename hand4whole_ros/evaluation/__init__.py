"""How far estimates are from the truth: the field's error measures and the tables made of them."""
