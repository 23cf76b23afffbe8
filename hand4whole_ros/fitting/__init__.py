"""A kinematic body fitted to image landmarks by damped least squares, in numpy."""
