"""The networks of Hand4Whole++, one a file, written from the papers and from facts measured on the authors' code."""
