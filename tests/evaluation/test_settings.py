import json
from dataclasses import replace

import pytest

from stemtree.errors import OptionError
from stemtree.evaluation.settings import EvaluationSettings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 12.0}, "windows of 12.0 s do not fit into chunks of 10.0 s"),
        ({"window": 0.0}, "windows of 0.0 s do not fit"),
        ({"quiet": 0.0}, "'quiet' is 0.0 dB"),
    ],
)
def test_settings_that_cannot_be(change: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        replace(EvaluationSettings(), **change)


def test_names_in_files_of_rows() -> None:
    """Files of today name the length of windows ``frame``."""
    assert json.loads(json.dumps(EvaluationSettings().as_dict())) == {
        "chunking": {"duration": 10.0, "hop": 10.0, "threshold": -30.0},
        "root": "",
        "sample": None,
        "seed": 0,
        "mono": True,
        "quiet": -30.0,
        "frame": 1.0,
        "bss": True,
    }
