"""Run the policy that lies beside this file: `python run.py [CLIP [SECONDS]]`; without a clip, a random skill.

Needs mujoco, numpy and onnxruntime, nothing else. Prints where the root is, second by second.
"""

import json
import sys
from pathlib import Path

import mujoco
import numpy as np
import onnxruntime

folder = Path(__file__).parent
policy = onnxruntime.InferenceSession(folder / "actor.onnx")
about = {key: json.loads(text) for key, text in policy.get_modelmeta().custom_metadata_map.items()}
model = mujoco.MjModel.from_xml_path(str(folder / "body.xml"))
data = mujoco.MjData(model)


def observe() -> np.ndarray:
    """(1, D) entries in the order of about["observation"]."""
    for update in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_comVel):  # a step leaves these one behind
        update(model, data)
    place, axes = data.xpos[1:], data.xmat[1:].reshape(-1, 3, 3).transpose(0, 2, 1)
    angular, at_center = np.split(data.cvel[1:], 2, axis=1)
    linear = at_center + np.cross(angular, place - data.subtree_com[1])  # of each body's own origin
    vectors = np.concatenate([place[1:] - place[0], axes[:, [0, 2]].reshape(-1, 3), linear, angular])
    cos, sin = axes[0, 0, :2] / np.linalg.norm(axes[0, 0, :2])  # heading: where the root's x axis points
    clock = [data.time] if about["observation"][-1]["kind"] == "clock" else []
    entries = [place[0, 2]], (vectors @ [[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]).ravel(), clock
    return np.concatenate(entries)[None].astype(np.float32)


drawn = np.random.default_rng().normal(size=about["latent_dim"])  # any unit vector is a skill
z = about["clip_latents"][sys.argv[1]] if len(sys.argv) > 1 else drawn / np.linalg.norm(drawn)
mujoco.mj_resetDataKeyframe(model, data, 0)  # the standing pose
for step in range(round(float(sys.argv[2] if len(sys.argv) > 2 else 4) * about["control_hz"])):
    action = policy.run(["action"], {"observation": observe(), "z": np.array([z], np.float32)})[0][0]
    data.ctrl[:] = np.array(about["action_center"]) + np.array(about["action_scale"]) * action
    mujoco.mj_step(model, data, about["physics_steps_per_control"])
    if (step + 1) % round(about["control_hz"]) == 0:
        print(f"{data.time:6.2f} s  root at {data.qpos[0]:.6f} {data.qpos[1]:.6f} {data.qpos[2]:.6f} m")
