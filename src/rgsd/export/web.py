"""A policy as a page: a static folder that any file server serves and that runs in the visitor's browser alone."""

from __future__ import annotations

import gzip
import json
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np

from rgsd.export.description import describe
from rgsd.export.mjcf import to_mjcf
from rgsd.export.npm import MUJOCO, ONNXRUNTIME, THREE, take
from rgsd.export.onnx_graphs import write_onnx
from rgsd.learning.checkpoint import write_atomically
from rgsd.learning.skill_policy import SkillPolicy

_LIBRARIES = (
    (MUJOCO, {"mujoco.js": "mujoco.js", "mujoco.wasm": "mujoco.wasm.gz"}),
    (
        ONNXRUNTIME,
        {
            "dist/ort.wasm.bundle.min.mjs": "ort.wasm.bundle.min.mjs",
            "dist/ort-wasm-simd-threaded.wasm": "ort.wasm.gz",
        },
    ),
    (
        THREE,
        {
            "build/three.module.js": "three.module.js",
            "build/three.core.js": "three.core.js",
            "examples/jsm/controls/OrbitControls.js": "OrbitControls.js",
        },
    ),
)
"""What each package gives to the page: path in it, and name in `lib/`. A name in .gz is compressed."""


def write_page(policy: SkillPolicy, folder: Path, title: str) -> int:
    """Write the page into a folder; returns its size, bytes.

    Args:
        policy: a policy of latents.
        folder: made where it is not there; files of an earlier page are replaced.
        title: what the page calls it.

    Raises:
        UsageError: a policy or a body that cannot be exported, or no way to fetch the libraries.
    """
    about = describe(policy) | {
        "title": title,
        "has_encoder": policy.encoder is not None,
        "sphere_axes": sphere_axes(policy).tolist(),
    }
    contents = {"policy.json": json.dumps(about).encode(), "body.xml": to_mjcf(policy.body).encode()}
    page = resources.files("rgsd.export") / "page"
    contents |= {file.name: file.read_bytes() for file in page.iterdir()} | _libraries()
    graphs = write_onnx(policy, folder)
    for name, content in contents.items():
        write_atomically(folder / name, partial(Path.write_bytes, data=content))
    return sum(len(content) for content in contents.values()) + sum(file.stat().st_size for file in graphs)


def _libraries() -> dict[str, bytes]:
    """The files of `lib/`, with a note of whose they are."""
    contents, notice = {}, ""
    for package, names in _LIBRARIES:
        notice += f"{package.name} {package.version}, licensed under {package.license}: {', '.join(names)}\n"
        for name, content in zip(names.values(), take(package, tuple(names)), strict=True):
            contents[f"lib/{name}"] = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
    return contents | {"lib/NOTICE.txt": notice.encode()}


def sphere_axes(policy: SkillPolicy) -> np.ndarray:
    """(3, d) orthonormal axes of the latent space that the page shows: the clips' three principal ones, filled up with
    coordinates; where d is 2, the third is zero.
    """
    latents = [z.numpy() for z in policy.clip_latents.values()]
    principal = np.linalg.svd(np.stack(latents))[2] if latents else np.eye(policy.latent_dim)
    axes = np.zeros((3, policy.latent_dim))
    axes[: min(3, policy.latent_dim)] = principal[:3]
    return axes
