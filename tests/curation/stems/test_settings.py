import dataclasses

import pytest

from stemtree.curation.stems.settings import StemSettings
from stemtree.errors import OptionError


@pytest.mark.parametrize("bad", [{"sample_rate": 100}, {"width": "pcm32"}, {"automix": True, "stereo": False}])
def test_settings_that_cannot_be(bad: dict) -> None:
    with pytest.raises(OptionError):
        dataclasses.replace(StemSettings(), **bad)
