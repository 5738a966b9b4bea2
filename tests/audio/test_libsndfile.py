from pathlib import Path

import numpy as np
import soundfile

from stemtree.audio import open_source


def test_codecs_that_cannot_seek(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "gsm.wav", np.zeros(8000), 8000, "GSM610")
    assert sum(block.shape[1] for block in open_source(tmp_path / "gsm.wav").blocks(1000)) >= 8000
