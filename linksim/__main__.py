"""``python -m linksim``, and the command ``linksim``."""

import sys

from linksim.execution.interruption import leave, watch_interrupts


def main() -> None:
    """Runs the command line; Ctrl-C during its imports is one line, as it is later."""
    watch_interrupts()
    try:
        from linksim.cli.main import main as command_line

        command_line()
    except KeyboardInterrupt:
        print("linksim: stopped", file=sys.stderr)
        leave()
    except SystemExit as end:
        if isinstance(end.code, int):
            leave(end.code)
        raise


if __name__ == "__main__":
    main()
