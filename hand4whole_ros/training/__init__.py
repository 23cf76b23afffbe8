"""Training of the open model, two experts and CHAM, on drawn people; `published`: of full-size CHAM."""
