"""What moves: MuJoCo models with the facts that learning and measuring need."""

from rgsd.bodies.body import Body, FallRule, FeatureScales
from rgsd.bodies.state import BodyState

__all__ = ["Body", "BodyState", "FallRule", "FeatureScales"]
