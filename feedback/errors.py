"""The one exception that feedback code raises for bad input from outside the program."""


class FeedbackInputError(ValueError):
    """A checkpoint or parameter that cannot be used; the message is one line: what, found, expected."""
