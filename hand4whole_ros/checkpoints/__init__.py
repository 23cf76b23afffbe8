"""Published weights and body model files: finding, fetching, checking and safely reading them."""


class CheckpointError(ValueError):
    """A file cannot be used. One line says which, what is wrong with it and what to do."""


class MissingFileError(CheckpointError):
    """A file is not there. One line says which, where it was looked for and where it comes from."""
