"""Published weights and body model files: finding, fetching, checking and safely reading them."""


class CheckpointError(ValueError):
    """A file cannot be used. One line names it, what is wrong with it and what to do."""


class MissingFileError(CheckpointError):
    """A file is not there. One line names it, where it was searched and its source."""
