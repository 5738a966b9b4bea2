import pytest
from support.midi import SOUNDFONT

from stemtree.errors import OptionError
from stemtree.rendering.settings import RenderSettings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": -1}, "the seed -1 cannot be: give 0 or more"),
        ({"split": "trian"}, "no split 'trian'; did you mean train"),
        ({"split": "0:0:0"}, "no split '0:0:0'"),
        ({"split": "8:1"}, "no split '8:1'"),
        ({"takes": 0}, "0 takes"),
        ({"container": "mp3"}, "stems cannot be 'mp3'"),
        ({"sample_rate": 100}, "sample rate of 100 Hz"),
        ({"redraw_bass": True}, "basses alone cannot be redrawn: give --redraw too"),
        ({"excerpt": -1}, "an excerpt of -1 s cannot be: give more than 0"),
        ({"soundfonts": ()}, "no soundfont to render with"),
    ],
)
def test_impossible_settings(options: dict, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        RenderSettings(**{"soundfonts": (SOUNDFONT,), **options})
