"""`python -m pear_ros.cli` is the `pear` command."""

import sys

from pear_ros.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
