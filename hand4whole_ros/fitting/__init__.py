"""A body fitted to image landmarks: lifted into space by a network, then by damped least squares, in numpy."""
