"""The page on a model."""

import pytest
import yaml
from support.networks import SMALL, SMALL_SEPARATORS

from stemtree.model_page import model_page, takes_query
from stemtree.networks.registry import NetworkSettings

CARD = {
    "hierarchy": "pair", "tree": {"a": {}, "b": {"c": {}}}, "root": "", "licence": "MIT",
    "network": {"kind": "folded_conv"}, "relation": {"kind": "tree"},
    "metrics": {"mine": {"b/c": {"si_sdr_improvement": 3.1, "chunks": 2}}}, "licences": {"sounds": {"kit": "CC0"}},
}  # fmt: skip


def test_what_the_hub_reads_and_what_people_read() -> None:
    _, about, page = model_page(CARD, "me/pair", "hf:me/pair").split("---\n", 2)
    assert yaml.safe_load(about)["license"] == "mit" and yaml.safe_load(about)["library_name"] == "stemtree"
    for part in ("# me/pair", "├── a\n└── b\n    └── c", "--splitter hf:me/pair", "| b/c | 3.1 | 2 |", "| kit | CC0 |"):
        assert part in page
    assert "license" not in model_page(CARD | {"licence": ""}, "pair")
    asked = model_page(CARD | {"network": {"kind": "component_query"}}, "pair", "runs/query")
    assert "stemtree query song.wav --like example.wav --model runs/query\n" in asked
    noted = model_page(CARD | {"training": {"note": "It was stopped early."}}, "pair")
    assert "\n\nIt was stopped early.\n\n## Licences" in noted
    positioned = "Its masks of stereo songs follow where in the stereo image the parts lie."
    assert positioned in model_page(CARD | {"follows_position": True}, "pair") and positioned not in noted


@pytest.mark.parametrize("settings", [*SMALL.values(), *SMALL_SEPARATORS.values()], ids=lambda settings: settings.kind)
def test_names_of_networks_say_whether_they_take_queries(settings: NetworkSettings) -> None:
    assert takes_query(settings.kind) == settings.takes_query


def test_figures_of_a_run_and_of_a_test() -> None:
    validation = {
        "bass": {"si_sdr_improvement": 1.5, "examples": 3},
        "drums": {"si_sdr_improvement": None, "examples": 0},
    }
    page = model_page({**CARD, "metrics": {"validation": validation}}, "mine")
    assert "| node | SI-SDR improvement in dB | examples |" in page and "| bass | 1.5 | 3 |\n| drums |  | 0 |" in page
