"""`hand4whole demo`: a played camera, the node, and images of the results."""
