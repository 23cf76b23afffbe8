"""Training: of the open model, two experts and CHAM on people that this package draws; of full-size CHAM, published/."""
