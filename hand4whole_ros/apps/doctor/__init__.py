"""`hand4whole doctor`: what is installed, what is missing, and what to run."""
