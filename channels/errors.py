"""The one exception that channel code raises for bad input from outside the program."""


class ChannelInputError(ValueError):
    """A file or parameter that cannot be used; the message is one line: what, found, expected."""
