"""`hand4whole doctor`: installed and missing parts, and the commands to run."""
