"""The command line: ``python -m nn --help``."""

import sys

from nn.cli import main

if __name__ == "__main__":
    sys.exit(main())
