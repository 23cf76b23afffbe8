"""The command `hand4whole`: arguments, one-line errors, exit codes."""
