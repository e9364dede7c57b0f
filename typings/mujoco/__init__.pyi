# MuJoCo's wheel holds compiled modules without type stubs, so pyright sees no MjModel there at all. To it, every name
# of mujoco is Any: our own signatures are checked, MuJoCo's are not.
from typing import Any

def __getattr__(name: str) -> Any: ...
