"""Published weights and body model files: finding, fetching, checking and safely reading them."""


class CheckpointError(ValueError):
    """A file cannot be used. One line names it, the problem and the remedy."""


class MissingFileError(CheckpointError):
    """A file is missing. One line names it, where it was searched and its source."""
