"""Motions made by a gait planner: the references that need no data."""

from rgsd.motions.synthesis.gait import Course, Gait
from rgsd.motions.synthesis.medley import Medley
from rgsd.motions.synthesis.quadruped import held_out_quadruped, medley_quadruped, synthesize, synthesize_quadruped

__all__ = [
    "Course",
    "Gait",
    "Medley",
    "held_out_quadruped",
    "medley_quadruped",
    "synthesize",
    "synthesize_quadruped",
]
