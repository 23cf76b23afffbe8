"""Rendering: a triangle rasteriser, the overlay on a camera image, contact sheets and videos."""
