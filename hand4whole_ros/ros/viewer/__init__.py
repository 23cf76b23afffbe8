"""The viewer as a node of its own: results of the node hand4whole on a page for a browser."""
