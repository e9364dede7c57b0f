"""Kinds of options that commands share.

A flag has its negation beside it, `--video, --no-video`, so that its help holds whichever is the default; what can only
be asked for has none.
"""

from __future__ import annotations

from typing import Annotated

import tyro

Switch = tyro.conf.FlagCreatePairsOff[bool]
"""Something that can be asked for: `--quick`."""
AsJson = Annotated[Switch, tyro.conf.arg(name="json")]
"""`--json`."""
