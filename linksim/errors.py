"""The one exception that the engine raises for bad input from outside the program."""


class InputError(ValueError):
    """A scenario, file or option that cannot be used; the message is one line: where, found, expected."""
