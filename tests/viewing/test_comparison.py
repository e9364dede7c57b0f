import numpy as np
from matplotlib.collections import LineCollection

from rgsd.evaluation.headlines import over_seeds
from rgsd.viewing.comparison import comparison_chart, comparison_table

METRICS = ("mean.skill", "training.samples")
VARIANTS = {
    "on": {"mean.skill": over_seeds([0.5, None, 0.7]), "training.samples": over_seeds([1.2e6])},
    "off": {"mean.skill": over_seeds([1.0, 2.0, 3.0, 4.0, 5.0]), "training.samples": over_seeds([])},
}


def test_the_table_shows_few_seeds_as_points_and_five_as_an_interval() -> None:
    assert comparison_table(VARIANTS, METRICS).splitlines() == [
        "| variant | mean.skill | training.samples |",
        "|---|---|---|",
        "| on | 0.6 (0.5, –, 0.7) | 1.20M |",
        "| off | 3 [1.04, 4.96] | – |",
    ]


def test_the_chart_has_a_point_for_every_seed_and_an_interval_where_there_is_one() -> None:
    chart = comparison_chart(VARIANTS, METRICS)
    skill = chart.axes[0]
    assert [label.get_text() for label in skill.get_yticklabels()] == ["on", "off"]
    seeds = [line for line in skill.lines if line.get_label() == "seed"]
    assert [np.size(line.get_xdata()) for line in seeds] == [3, 5]
    (interval,) = [c for c in skill.collections if isinstance(c, LineCollection)]
    (segment,) = interval.get_segments()
    assert [round(float(x), 2) for x, _ in segment] == [1.04, 4.96]
    assert [float(y) for _, y in segment] == [1.0, 1.0]
