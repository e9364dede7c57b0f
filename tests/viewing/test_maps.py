import io

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from PIL import Image

from rgsd.viewing.maps import latent_map, reward_landscape, root_paths
from rgsd.viewing.theme import png_bytes


def drawn(figure: Figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png_bytes(figure, dpi=40))).convert("RGB"))


def test_the_latent_map_keeps_directions_that_lie_in_a_plane_at_their_length_and_angle() -> None:
    z = np.zeros((3, 6))
    z[0, 4] = 1.0
    z[1, 1] = 1.0
    z[2, 4], z[2, 1] = 0.6, 0.8
    figure = latent_map(["a", "b", "c"], ["g", "g", "h"], z, [np.array([0.9, 1.0])] * 3)
    labels = [text for text in figure.axes[0].texts if isinstance(text, Annotation)]
    points = np.array([label.xy for label in labels])  # what the clips' labels point at
    assert points @ points.T == pytest.approx(z @ z.T, abs=1e-6)
    assert drawn(figure).std() > 5


def test_root_paths_draw_forward_upward_and_grey_out_falls() -> None:
    ahead, left = np.array([[0, 0], [1.0, 0]]), np.array([[0, 0], [0, 1.0]])
    figure = root_paths(np.stack([ahead, left]), {"walk": ahead}, {"walk": "walk"}, np.array([False, True]))
    bundle = next(c for c in figure.axes[0].collections if isinstance(c, LineCollection))
    up, sideways = bundle.get_segments()
    assert up[-1] == pytest.approx([0, 1])
    assert sideways[-1] == pytest.approx([-1, 0])
    assert np.asarray(bundle.get_colors())[1, :3] == pytest.approx([0.6, 0.6, 0.6])
    assert "2 random skills (1 fell" in figure.axes[0].get_title(loc="left")
    assert drawn(figure).std() > 5


def test_the_landscape_draws_every_perturbation_with_its_mean() -> None:
    sizes, cosines = np.array([0.0, 0.1]), np.array([[1.0, 0.8], [0.4, 0.2]])
    speeds = {1.5: np.array([0.2, 0.4]), 0.0: np.array([-0.5, 0.1])}
    figure = reward_landscape(
        ["a", "b"], ["g", "h"], np.eye(2), [np.ones(5), np.ones(9)], speeds, {"joints (rad)": (sizes, cosines)}
    )
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    bars, joints = figure.axes[titles.index("speed")], figure.axes[titles.index("perturbed joints")]
    assert [bar.get_height() for bar in bars.patches if isinstance(bar, Rectangle)] == pytest.approx(
        [-0.2, 0.3]
    )  # 0x before 1.5x
    assert np.asarray(joints.lines[-1].get_ydata()) == pytest.approx([0.9, 0.3])
    assert joints.get_ylim()[0] < -0.5  # one scale for all panels
    assert drawn(figure).std() > 5
