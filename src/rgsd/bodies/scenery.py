"""Shared scenery: the ground that every body stands on, the light and the sky that every video shows."""

from __future__ import annotations

import mujoco

GROUND = "ground"
"""Name of the ground plane's geom; it touches every geom whose conaffinity holds bit 1."""

_TILE = 1.0  # m, side of one checker square: a stride can be read off the ground
_FRAMEBUFFER = (1280, 960)  # pixels, the largest video


def add_scenery(spec: mujoco.MjSpec) -> None:
    """Give a model its ground, light and sky, and the visual settings of all videos.

    Adds to the world a plane geom named `ground` (contype 1, conaffinity 1, friction 1.0) at height 0, a sun
    that follows the model, and a daylight sky. Call it once, before compilation.
    """
    _add_sky(spec)
    _add_ground(spec)
    _add_light(spec)


def _add_sky(spec: mujoco.MjSpec) -> None:
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.72, 0.82, 0.92],
        rgb2=[0.93, 0.95, 0.96],
        width=256,
        height=1536,
    )


def _add_ground(spec: mujoco.MjSpec) -> None:
    spec.add_texture(
        name="checker",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        mark=mujoco.mjtMark.mjMARK_EDGE,
        rgb1=[0.80, 0.82, 0.84],
        rgb2=[0.75, 0.77, 0.80],
        markrgb=[0.68, 0.70, 0.73],
        width=512,
        height=512,
    )
    material = spec.add_material(name="ground", specular=0.1, shininess=0.1)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "checker"
    material.texrepeat = [0.5 / _TILE, 0.5 / _TILE]  # the texture holds two squares a side
    material.texuniform = True
    spec.worldbody.add_geom(
        name=GROUND,
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 0.05],  # boundless; the last figure is the spacing of its render grid
        material="ground",
        contype=1,
        conaffinity=1,
        friction=[1.0, 0.005, 0.0001],
    )


def _add_light(spec: mujoco.MjSpec) -> None:
    spec.worldbody.add_light(
        name="sun",
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM,
        pos=[-1.5, -2.0, 5.0],
        dir=[0.3, 0.4, -1.0],
        diffuse=[0.65, 0.64, 0.62],
        specular=[0.25, 0.25, 0.25],
        castshadow=True,
    )
    spec.visual.headlight.ambient = [0.38, 0.39, 0.40]
    spec.visual.headlight.diffuse = [0.28, 0.28, 0.28]
    spec.visual.headlight.specular = [0.05, 0.05, 0.05]
    spec.visual.rgba.haze = [0.90, 0.93, 0.95, 1.0]
    spec.visual.quality.shadowsize = 4096
    spec.visual.quality.offsamples = 4
    # clip planes and the shadow map are sized in extents; one length for all bodies, as with a small body's own
    # extent the ground leaves the shadow map within sight and speckles
    spec.stat.extent = 2.0
    spec.visual.map.znear = 0.01
    spec.visual.map.zfar = 40.0
    # `global` is a word of the language, so the bindings call the section global_
    spec.visual.global_.offwidth, spec.visual.global_.offheight = _FRAMEBUFFER
