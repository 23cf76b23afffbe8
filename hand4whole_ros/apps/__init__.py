"""What commands do. `cli` parses their arguments."""
