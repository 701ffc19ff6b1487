"""``python -m linksim``."""

from linksim.cli import main

if __name__ == "__main__":
    main()
