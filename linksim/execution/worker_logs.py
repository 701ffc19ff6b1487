"""What worker processes log, handled by the loggers of the process that started them."""

import logging
from dataclasses import dataclass
from logging.handlers import QueueHandler, QueueListener
from multiprocessing.context import BaseContext
from typing import Any

from linksim.logs import LOGGERS


@dataclass(frozen=True)
class LogSender:
    """What a worker process is given, to send its log lines.

    Attributes:
        queue: to the process that started it.
        level: lines below are not sent, as nobody would see them.
    """

    queue: Any
    level: int

    def install(self) -> None:
        """Sends what this process logs from here on, in place of what its loggers did with it."""
        for name in LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers = [QueueHandler(self.queue)]
            logger.setLevel(self.level)
            logger.propagate = False


class WorkerLogs:
    """Handles what the processes of one pool log.

    Every pool has a queue of its own: a process that was killed while it wrote blocks the others, and who reads.
    """

    def __init__(self, context: BaseContext) -> None:
        self._queue: Any = context.Queue()
        self._listener = QueueListener(self._queue, _OwnLoggers())
        self._listener.start()
        self.sender = LogSender(self._queue, current_level())

    def close(self) -> None:
        """Handles what is left; after the processes have ended by themselves."""
        self._listener.stop()
        self._queue.close()

    def abandon(self) -> None:
        """Waits for nothing; after a process was killed. The thread that reads ends with the program."""
        self._queue.cancel_join_thread()


def current_level() -> int:
    """The lowest level that this process's loggers take."""
    return min(logging.getLogger(name).getEffectiveLevel() for name in LOGGERS)


class _OwnLoggers(logging.Handler):
    """Hands records to this process's logger of the same name."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).handle(record)
