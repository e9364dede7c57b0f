import pytest
import torch

from rgsd.viewing.play.sphere_map import SphereMap


def test_the_clips_principal_axes_come_first_and_others_can_be_chosen() -> None:
    # clips in the plane of components 2 and 5: the first two axes span it
    clips = {
        "a": torch.eye(6)[1],
        "b": torch.eye(6)[4],
        "c": torch.nn.functional.normalize(torch.eye(6)[1] + torch.eye(6)[4], dim=0),
    }
    sphere = SphereMap(clips, 6)
    assert next(iter(sphere.choices)) == "principal axes 1-3"
    torch.testing.assert_close(sphere.axes.T @ sphere.axes, torch.eye(3), atol=1e-5, rtol=0)
    for z in clips.values():
        assert sphere.fraction(z) == pytest.approx(1.0, abs=1e-5)
        assert float(sphere.place(z)[2]) == pytest.approx(0.0, abs=1e-5)
    sphere.choose("components 2-4")
    torch.testing.assert_close(sphere.place(torch.arange(6.0)), torch.tensor([1.0, 2.0, 3.0]))


def test_a_click_keeps_the_rest_and_the_fraction() -> None:
    sphere = SphereMap({}, 5)  # components 1-3
    z = torch.tensor([0.6, 0.0, 0.0, 0.8, 0.0])
    moved = sphere.towards(z, torch.tensor([0.0, 0.0, 1.0]))
    torch.testing.assert_close(moved, torch.tensor([0.0, 0.0, 0.6, 0.8, 0.0]))
    torch.testing.assert_close(sphere.with_fraction(z, 0.8), torch.tensor([0.8, 0.0, 0.0, 0.6, 0.0]))
    whole = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
    assert torch.equal(sphere.with_fraction(whole, 0.5), whole)  # it has no direction beside the axes to go to


def test_a_circle_of_latents_is_a_flat_sphere() -> None:
    sphere = SphereMap({}, 2)
    torch.testing.assert_close(sphere.place(torch.tensor([0.6, 0.8])), torch.tensor([0.6, 0.8, 0.0]))
    torch.testing.assert_close(
        sphere.towards(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0, 4.0])), torch.tensor([0.0, 1.0])
    )


def test_a_click_means_the_near_side_or_the_clip_whose_mark_it_hits() -> None:
    sphere = SphereMap({"north": torch.eye(3)[2]}, 3)
    sphere.choose("components 1-3")
    eye, ahead = torch.tensor([5.0, 0.0, 0.0]), torch.tensor([-1.0, 0.0, 0.0])
    hit = sphere.pick(eye, ahead)
    assert isinstance(hit, torch.Tensor)
    torch.testing.assert_close(hit, torch.tensor([1.0, 0.0, 0.0]))
    # 0.6 above the middle the near side is 0.8 out
    hit = sphere.pick(eye + torch.tensor([0.0, 0.0, 0.6]), ahead)
    assert isinstance(hit, torch.Tensor)
    torch.testing.assert_close(hit, torch.tensor([0.8, 0.0, 0.6]))
    assert sphere.pick(eye + torch.tensor([0.0, 0.0, 0.95]), ahead) == "north"
    assert sphere.pick(eye + torch.tensor([0.0, 1.1, 0.0]), ahead) is None
    assert sphere.pick(eye, -ahead) is None
