"""Errors that reach a user as one message, never as a traceback."""

from __future__ import annotations


class UserError(Exception):
    """The user's input or environment prevents the work; the message holds place, value and cure.

    The command line prints the message and exits with `exit_code`.
    """

    exit_code = 1


class UsageError(UserError):
    """The command or a settings file is wrong; nothing was tried."""

    exit_code = 2


class NotAtHandError(UserError):
    """A file is not on this machine and could not be downloaded."""

    def __init__(self, message: str, cause: str) -> None:
        """Store the cause, for a message about several missing files."""
        super().__init__(message)
        self.cause = cause
