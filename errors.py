"""Errors that a person reads as one line."""


class RequestError(ValueError):
    """The request itself is wrong: one line that says what was wrong, what was expected, and what came."""
