"""What ends the work of a command."""


class WorkFailed(RuntimeError):
    """The work cannot go on; the message is the one line to show."""
