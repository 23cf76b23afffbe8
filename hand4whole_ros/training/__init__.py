"""Training of the open model, two experts and CHAM, on people that this package draws; `published`: of full-size CHAM."""
