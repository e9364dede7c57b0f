"""The program `rgsd`, which `python -m rgsd` is too.

Until a command has begun nothing can be lost, and an interrupt amid an import would show a traceback of somebody else's
code: until then Ctrl-C ends the program without a word. `rgsd.cli.main` takes it over.
"""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from rgsd.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
