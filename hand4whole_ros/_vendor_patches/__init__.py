"""Changes to other people's libraries, one file each, with the reason and the versions they were tested with."""
