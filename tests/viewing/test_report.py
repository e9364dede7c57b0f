import json
import shutil
from collections.abc import Sequence
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from rgsd.motions.clip_sets import get_clip_set
from rgsd.viewing.page import EN_DASH, Row, heat_table, shown, table
from rgsd.viewing.report import write_report
from rgsd.viewing.run_folder import RunFolder

CLIPS = ("walk_forward", "walk_back", "turn_left")
ACCAD20 = tuple(clip.name for clip in get_clip_set("accad20"))
VOID = {"meta", "img", "br", "link", "input", "hr", "source"}


class Page(HTMLParser):
    """Checks that elements nest, and gathers text and sources."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.cells: list[str] = []
        self.bold: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self.open:
            self.cells.append(data)
            if self.open[-1] == "b":
                self.bold.append(data)


@pytest.fixture
def filmed(run_dir: Path) -> Path:
    (run_dir / "evaluation" / "showreel.mp4").write_bytes(b"a film")
    return run_dir


def test_a_report_holds_the_numbers_and_needs_nothing_else(filmed: Path) -> None:
    path = write_report(RunFolder(filmed))
    html = path.read_text()
    page = Page(html)
    assert page.open == []
    assert path == filmed / "evaluation" / "report.html"
    kinds = sorted(source.split(",")[0] for source in page.sources)
    assert kinds == ["data:image/png;base64"] * 6 + ["data:video/mp4;base64"]
    assert "1.2" in page.cells  # 1.2345 cm
    assert "0.014" in page.cells
    assert EN_DASH in page.cells  # turn ratio
    assert "0.66" in page.cells  # foot lift
    assert "0.25 [0.09, 0.53]" in page.cells  # fall rate of random latents
    assert "56<" in html.replace("\n", "")  # direction coverage 0.5625 on a card
    assert "trot &lt;fast&gt;" in html
    assert "trot <fast>" not in html
    assert "<dt>seed</dt><dd>41</dd>" in html
    assert page.bold.count("0.93") == 0  # path ratio: a mean of ratios may be near to one by cancelling
    names = {p.stem for p in (filmed / "evaluation" / "plots").glob("*.png")}
    assert names == {"scores", "errors", "paths", "latents", "landscape", "curves"}


@pytest.mark.parametrize(
    ("asked", "clips", "shown"),
    [
        ({"motions": "synthetic", "clip_set": "auto"}, CLIPS, "planned gaits"),
        (
            {"motions": "embedded", "clip_set": "auto"},
            ACCAD20,
            "embedded motions: the tracker&#x27;s performance of ACCAD, not the imported clips",
        ),
        ({"motions": "/data/my <motions>", "clip_set": "auto"}, CLIPS, "my &lt;motions&gt;"),
        ({"motions": "/data/ACCAD", "clip_set": "all"}, ACCAD20, "accad20 of ACCAD"),
        ({"motions": "/data/ACCAD", "clip_set": "accad20"}, ACCAD20[1:], "accad20 of ACCAD"),  # one was not there
    ],
)
def test_the_header_says_what_was_trained_on_what(
    run_dir: Path, asked: dict[str, str], clips: Sequence[str], shown: str
) -> None:
    trained = {"method": "rgsd", "preset": "gpu", "num_envs": 4096, "settings": {"kappa": 1.0, "reward": "cosine"}}
    (run_dir / "config.yaml").write_text(yaml.safe_dump(trained | asked))
    (run_dir / "policy" / "policy.json").write_text(json.dumps({"method": "rgsd", "clips": list(clips)}))
    shutil.rmtree(run_dir / "evaluation")
    html = write_report(RunFolder(run_dir)).read_text()
    # 30 iterations of 1,000 samples, the last logged at 58 s
    facts = {"method": "RGSD", "preset": "gpu", "motions": shown, "clips": len(clips), "environments": 4096}
    facts |= {"reward": "cosine", "samples": "0.03 M", "training": "1.0 min"}
    for name, value in facts.items():
        assert f"<dt>{name}</dt><dd>{value}</dd>" in html


def test_what_is_missing_is_left_out_with_a_sentence(run_dir: Path) -> None:
    shutil.rmtree(run_dir / "evaluation")
    (run_dir / "config.yaml").unlink()
    (run_dir / "metrics.jsonl").unlink()
    html = write_report(RunFolder(run_dir)).read_text()
    page = Page(html)
    assert page.open == []
    assert [source[:9] for source in page.sources] == ["data:imag"]  # the landscape
    for sentence in ("No film was made", "was not evaluated yet", "No metrics were logged"):
        assert sentence in html
    (run_dir / "landscape.json").unlink()
    assert "No reward landscape yet" in write_report(RunFolder(run_dir)).read_text()


def test_an_empty_folder_still_makes_a_report(tmp_path: Path) -> None:
    assert Page(write_report(RunFolder(tmp_path)).read_text()).sources == []


def test_numbers_are_shown_with_their_decimals_and_nulls_as_a_dash() -> None:
    assert [shown(v) for v in (1.005, None, float("nan"), 3, "<b>")] == ["1.00", EN_DASH, EN_DASH, "3", "&lt;b&gt;"]
    assert shown(-0.5, 1) == "\N{MINUS SIGN}0.5"


def test_tables_escape_names_and_tint_by_fraction() -> None:
    assert "<td>a &amp; b</td><td>1</td>" in table([("clip", ""), ("n", "cm")], [Row("a & b", ["1"])])
    heat = heat_table(["a", "b"], [[0.0, 1.0], [None, 0.5]])
    assert "0.75" in heat.split("1.00")[0]  # a fraction of 1 is drawn at 0.75 opacity
    assert EN_DASH in heat


def test_a_quick_look_says_what_it_left_out(run_dir: Path) -> None:
    file = run_dir / "evaluation" / "evaluation.json"
    fewer = {"rollouts_per_clip": 4, "rollouts_per_switch": 0}
    assert "A quick look" not in write_report(RunFolder(run_dir)).read_text()
    file.write_text(json.dumps({**json.loads(file.read_text()), "below_protocol": fewer}))
    html = write_report(RunFolder(run_dir)).read_text()
    assert "A quick look, with fewer rollouts than the protocol's: 4 a clip, no switching." in unescape(html)


def test_what_was_measured_on_performances_says_so(run_dir: Path) -> None:
    file = run_dir / "evaluation" / "evaluation.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "performed_by": ["tracker <1>"]}))
    html = write_report(RunFolder(run_dir)).read_text()
    assert "not on the clips that it followed" in html
    assert "Performed by tracker &lt;1&gt;." in html


def test_a_report_goes_where_it_is_told_to(run_dir: Path, tmp_path: Path) -> None:
    """The run's folder may be read-only: what is measured lies elsewhere, what was trained is still read there."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(run_dir / "evaluation", elsewhere / "evaluation")
    shutil.rmtree(run_dir / "evaluation")
    report = write_report(RunFolder(run_dir, elsewhere))
    assert report == elsewhere / "evaluation" / "report.html"
    assert not (run_dir / "evaluation").exists()
    assert "walk_forward" in report.read_text()
    assert "Everything that training logged" in report.read_text()
