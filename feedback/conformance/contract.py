"""What a check is, and what it raises."""

from collections.abc import Callable

from feedback.conformance.candidate import Candidate

Check = Callable[[Candidate], None]


class ContractError(AssertionError):
    """A compressor breaks a rule of the contract; the message is one line."""


def demand(fulfilled: bool, message: str) -> None:
    """Passes what is fulfilled.

    Raises:
        ContractError: with that message, if it is not.
    """
    if not fulfilled:
        raise ContractError(message)
