"""``python -m devhost up``: what ``dev.py up`` runs."""

import sys

from devhost.up import main

if __name__ == "__main__":
    if sys.argv[1:2] != ["up"]:
        sys.exit("usage: python -m devhost up [options]")
    sys.exit(main(sys.argv[2:]))
