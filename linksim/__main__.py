"""``python -m linksim``, and the command ``linksim``."""

import sys

_INTERRUPTED = 130


def main() -> None:
    """Runs the command line; Ctrl-C during its imports is one line, as it is later."""
    try:
        from linksim.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        print("linksim: stopped", file=sys.stderr)
        sys.exit(_INTERRUPTED)


if __name__ == "__main__":
    main()
