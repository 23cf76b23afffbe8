"""Errors that end the work of a command."""


class WorkFailed(RuntimeError):
    """The work cannot continue; the message is one line for the user."""
