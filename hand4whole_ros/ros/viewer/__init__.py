"""The viewer as a node of its own: what the node hand4whole publishes, on a page for a browser."""
