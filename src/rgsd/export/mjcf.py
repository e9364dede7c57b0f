"""A body as one MJCF file that any MuJoCo reads: what was compiled, number by number, nothing left to be derived.

Masses, inertias and frames are those of the compiled model, printed so that they are read back bit for bit. Meshes
stand in the file itself. Looks come down to a colour a geom.
"""

from __future__ import annotations

from xml.etree import ElementTree

import mujoco
import numpy as np

from rgsd.bodies.body import Body
from rgsd.errors import UsageError

_OPTIONS = (
    "timestep", "gravity", "wind", "magnetic", "density", "viscosity", "impratio", "tolerance", "ls_tolerance",
    "iterations", "ls_iterations", "noslip_iterations", "ccd_iterations",
)  # fmt: skip
_CHOICES = {"integrator": mujoco.mjtIntegrator, "solver": mujoco.mjtSolver, "cone": mujoco.mjtCone}
_HINGE = ("range", "stiffness", "margin")
_DOF = ("armature", "frictionloss")
_GEOM = (
    "pos", "quat", "contype", "conaffinity", "condim", "group", "priority", "friction", "solmix", "solref", "solimp",
    "margin", "gap",
)  # fmt: skip
_UNKNOWN = {
    "neq": "equality constraints", "ntendon": "tendons", "npair": "contact pairs", "nhfield": "height fields",
    "nflex": "flexible parts", "nplugin": "plugins", "nmocap": "mocap bodies",
}  # fmt: skip
_MATERIAL_FREE = -1


def to_mjcf(body: Body) -> str:
    """The text of an MJCF file whose keyframe `home` is the standing pose, with the targets of action 0.

    Raises:
        UsageError: the model has parts that cannot be written.
    """
    model = body.model
    for count, what in _UNKNOWN.items():
        if getattr(model, count):
            raise UsageError(f"body '{body.name}' has {what}, which the export does not know; remove them")
    root = ElementTree.Element("mujoco", model=body.name)
    ElementTree.SubElement(root, "compiler", angle="radian", autolimits="false", inertiafromgeom="false")
    _add_options(root, model)
    _add_meshes(root, model)
    world = ElementTree.SubElement(root, "worldbody")
    parents = {0: world}
    for index in range(model.nbody):
        if index:
            parents[index] = _add_body(parents[model.body_parentid[index]], model, index)
        for geom in np.flatnonzero(model.geom_bodyid == index):
            _add_geom(parents[index], model, int(geom))
    _add_exclusions(root, model)
    _add_actuators(root, model)
    keys = ElementTree.SubElement(root, "keyframe")
    ElementTree.SubElement(keys, "key", name="home", qpos=_text(body.standing_qpos), ctrl=_text(body.action_center))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _text(value: object) -> str:
    """Numbers as MJCF has them, each in the fewest digits that are read back as it."""
    return " ".join(repr(float(x)) if np.asarray(value).dtype.kind == "f" else str(int(x)) for x in np.ravel(value))


def _add_options(root: ElementTree.Element, model: mujoco.MjModel) -> None:
    given = {name: _text(getattr(model.opt, name)) for name in _OPTIONS}
    chosen = {name: _word(kind, getattr(model.opt, name)) for name, kind in _CHOICES.items()}
    jacobian = _word(mujoco.mjtJacobian, model.opt.jacobian)
    option = ElementTree.SubElement(root, "option", given | chosen, jacobian=jacobian)
    flags = {}
    for kind, bits, state in (
        (mujoco.mjtDisableBit, model.opt.disableflags, "disable"),
        (mujoco.mjtEnableBit, model.opt.enableflags, "enable"),
    ):
        for name, bit in kind.__members__.items():
            if not name.startswith("mjN") and bits & bit.value:
                flags[name.split("_")[1].lower()] = state
    if flags:
        ElementTree.SubElement(option, "flag", flags)


def _word(kind: type, value: int) -> str:
    """The word by which MJCF calls a constant of MuJoCo's."""
    word = kind(value).name.split("_")[1]
    return {"EULER": "Euler", "NEWTON": "Newton", "RK4": "RK4", "PGS": "PGS", "CG": "CG"}.get(word, word.lower())


def _add_meshes(root: ElementTree.Element, model: mujoco.MjModel) -> None:
    if model.nmesh == 0:
        return
    assets = ElementTree.SubElement(root, "asset")
    for index in range(model.nmesh):
        vertices = slice(model.mesh_vertadr[index], model.mesh_vertadr[index] + model.mesh_vertnum[index])
        faces = slice(model.mesh_faceadr[index], model.mesh_faceadr[index] + model.mesh_facenum[index])
        ElementTree.SubElement(
            assets, "mesh", name=f"mesh{index}", vertex=_text(model.mesh_vert[vertices]),
            face=_text(model.mesh_face[faces]), inertia="shell",
        )  # fmt: skip


def _add_body(parent: ElementTree.Element, model: mujoco.MjModel, index: int) -> ElementTree.Element:
    part = ElementTree.SubElement(
        parent, "body", name=model.body(index).name, pos=_text(model.body_pos[index]),
        quat=_text(model.body_quat[index]), gravcomp=_text(model.body_gravcomp[index]),
    )  # fmt: skip
    ElementTree.SubElement(
        part, "inertial", mass=_text(model.body_mass[index]), pos=_text(model.body_ipos[index]),
        quat=_text(model.body_iquat[index]), diaginertia=_text(model.body_inertia[index]),
    )  # fmt: skip
    for joint in np.flatnonzero(model.jnt_bodyid == index):
        _add_joint(part, model, int(joint))
    return part


def _add_joint(part: ElementTree.Element, model: mujoco.MjModel, joint: int) -> None:
    name = model.joint(joint).name
    if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE:
        ElementTree.SubElement(part, "freejoint", name=name)
        return
    dof, place = model.jnt_dofadr[joint], model.jnt_qposadr[joint]
    given = {word: _text(getattr(model, f"jnt_{word}")[joint]) for word in _HINGE}
    given |= {word: _text(getattr(model, f"dof_{word}")[dof]) for word in _DOF}
    ElementTree.SubElement(
        part, "joint", given, name=name, type="hinge", pos=_text(model.jnt_pos[joint]),
        axis=_text(model.jnt_axis[joint]), limited=_truth(model.jnt_limited[joint]), damping=_damping(model, dof),
        ref=_text(model.qpos0[place]), springref=_text(model.qpos_spring[place]),
        solreflimit=_text(model.jnt_solref[joint]), solimplimit=_text(model.jnt_solimp[joint]),
        solreffriction=_text(model.dof_solref[dof]), solimpfriction=_text(model.dof_solimp[dof]),
        actuatorfrclimited=_truth(model.jnt_actfrclimited[joint]),
        actuatorfrcrange=_text(model.jnt_actfrcrange[joint]),
    )  # fmt: skip


def _damping(model: mujoco.MjModel, dof: int) -> str:
    """One number, which older versions of MuJoCo read too, where there are no higher powers of the velocity."""
    powers = model.dof_dampingpoly[dof]
    return _text([model.dof_damping[dof], *powers] if np.any(powers) else model.dof_damping[dof])


def _add_geom(part: ElementTree.Element, model: mujoco.MjModel, geom: int) -> None:
    kind = mujoco.mjtGeom(int(model.geom_type[geom]))
    given = {word: _text(getattr(model, f"geom_{word}")[geom]) for word in _GEOM}
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        given["mesh"] = f"mesh{model.geom_dataid[geom]}"
    else:
        given["size"] = _text(model.geom_size[geom])
    if name := model.geom(geom).name:
        given["name"] = name
    material = model.geom_matid[geom]
    color = model.geom_rgba[geom] if material == _MATERIAL_FREE else model.mat_rgba[material]
    ElementTree.SubElement(part, "geom", given, type=_word(mujoco.mjtGeom, int(kind)), rgba=_text(color))


def _add_exclusions(root: ElementTree.Element, model: mujoco.MjModel) -> None:
    if model.nexclude == 0:
        return
    contact = ElementTree.SubElement(root, "contact")
    for signature in model.exclude_signature:
        first, second = divmod(int(signature), 1 << 16)  # MuJoCo's encoding of a pair
        ElementTree.SubElement(contact, "exclude", body1=model.body(first).name, body2=model.body(second).name)


def _add_actuators(root: ElementTree.Element, model: mujoco.MjModel) -> None:
    actuators = ElementTree.SubElement(root, "actuator")
    for index in range(model.nu):
        ElementTree.SubElement(
            actuators, "general", name=model.actuator(index).name, joint=model.joint(index + 1).name, dyntype="none",
            gaintype="fixed", biastype="affine", gear=_text(model.actuator_gear[index]),
            gainprm=_text(model.actuator_gainprm[index]), biasprm=_text(model.actuator_biasprm[index]),
            ctrllimited=_truth(model.actuator_ctrllimited[index]), ctrlrange=_text(model.actuator_ctrlrange[index]),
            forcelimited=_truth(model.actuator_forcelimited[index]), forcerange=_text(model.actuator_forcerange[index]),
        )  # fmt: skip


def _truth(flag: object) -> str:
    return "true" if flag else "false"
