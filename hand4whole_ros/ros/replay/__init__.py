"""`hand4whole replay`: a bag or a video into a new bag."""
