"""`hand4whole demo`: a played camera, the node, and pictures of what came of it."""
