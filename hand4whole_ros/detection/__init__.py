"""Finding people and hands in images."""


class DetectorUnavailable(RuntimeError):
    """A detector cannot be made here. The message says what is missing and what to run."""
