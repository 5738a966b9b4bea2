import pickle

import pytest
import torch

from stemtree.errors import SplitterError
from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.pipeline import Pipeline
from stemtree.hierarchy import Hierarchy, Node, load


def test_estimates_are_the_stems_of_a_separation() -> None:
    pipeline = Pipeline()
    assert {"vocal", "accompaniment", "accompaniment/bass"} <= set(pipeline.nodes)
    mixture = torch.randn(1, 1, 22050, generator=torch.Generator().manual_seed(0)) / 10
    batch = Batch(mixture, torch.zeros(1, len(pipeline.nodes), 1, 22050), 44100, "song", (0,))
    estimates = dict(zip(pipeline.nodes, pipeline.estimate(batch)[0], strict=True))
    torch.testing.assert_close(estimates["vocal"] + estimates["accompaniment"], mixture[0], atol=1e-5, rtol=0)
    assert pickle.loads(pickle.dumps(pipeline)).provenance() == pipeline.provenance()


def test_the_splitter_is_in_the_name() -> None:
    assert (Pipeline().name, Pipeline("spleeter").name) == ("separate", "separate:spleeter")


def test_the_nodes_of_another_hierarchy_are_sums_of_what_is_served() -> None:
    musdb = load("musdb18")
    pipeline = pickle.loads(pickle.dumps(Pipeline(hierarchy=musdb)))
    assert pipeline.nodes == musdb.paths
    mixture = torch.randn(1, 1, 8820, generator=torch.Generator().manual_seed(0)) / 10
    batch = Batch(mixture, torch.zeros(1, len(pipeline.nodes), 1, 8820), 44100, "song", (0,))
    estimates = dict(zip(pipeline.nodes, pipeline.estimate(batch)[0], strict=True))
    leaves = torch.stack([estimates[leaf] for leaf in musdb.leaves()])
    torch.testing.assert_close(leaves.sum(dim=0), mixture[0], atol=1e-5, rtol=0)
    slakh = load("slakh")
    assert all(node in slakh for node in Pipeline(hierarchy=slakh).nodes)  # the rest of the song is no node of it


def test_a_hierarchy_that_nothing_serves() -> None:
    drinks = Hierarchy("drinks", Node("mixture", (Node("tea"), Node("coffee"))))
    with pytest.raises(
        SplitterError, match=r"splits the mixture of hierarchy .drinks. into tea, coffee: give a splitter"
    ):
        Pipeline(hierarchy=drinks)
