"""Pictures: a triangle rasteriser, the overlay on a camera picture, sheets and videos."""
