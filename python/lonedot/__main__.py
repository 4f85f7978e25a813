"""`python -m lonedot`: the same as the command `lonedot`."""

import sys

from lonedot.cli import main

if __name__ == "__main__":
    sys.exit(main())
