"""What is imitated: clips of a body, their library, and how foreign files become clips."""

from rgsd.motions.importing import import_motions, load_motions
from rgsd.motions.library import MotionLibrary
from rgsd.motions.motion import Motion, MotionError

__all__ = ["Motion", "MotionError", "MotionLibrary", "import_motions", "load_motions"]
