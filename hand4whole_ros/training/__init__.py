"""Training of the open model, two experts and CHAM, on people drawn here; `published`: of full-size CHAM."""
