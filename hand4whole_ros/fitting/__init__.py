"""A body fitted to image landmarks: lifted to 3D by a network, then refined by damped least squares, in numpy."""
