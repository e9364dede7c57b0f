"""`python -m rgsd` is the same program as `rgsd`."""

import sys

from rgsd.cli.main import main

sys.exit(main())
