import pickle

import torch

from stemtree.evaluation.estimators.base import Batch
from stemtree.evaluation.estimators.pipeline import Pipeline


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
