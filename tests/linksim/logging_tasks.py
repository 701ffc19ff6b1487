"""Tasks that log, for worker processes."""

import logging


def log(name: str) -> None:
    logging.getLogger("feedback.something").warning("%s: it is so", name)
    logging.getLogger("linksim.something").info("%s: %s", name, "\x1b[31mred")
    logging.getLogger("linksim.something").debug("%s: nobody asked", name)
