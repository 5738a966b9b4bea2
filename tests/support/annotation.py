"""Sessions made up here, and a classifier that is fitted to them quickly."""

from stemtree.curation.annotation.classifier.file_names import Vocabulary
from stemtree.curation.annotation.classifier.fit import FitSettings

SMALL = Vocabulary(
    {"spellings": {"overhead": [], "bass": []}, "compounds": {}, "labels": {"Bagpipe": ["bagpipes"], "Loop": ["loop"]}}
)
QUICK = FitSettings(networks=1, steps=25, dimensions=8, units=12)


def sessions(count: int) -> tuple[list[tuple[str, str]], list[str]]:
    """A bass is a synthesizer's where there are loops; words that no vocabulary has mean one label each."""
    rows, labels = [], []
    for number in range(count):
        song = f"Artist {number} - Song"
        electronic = number % 2
        for file, label in (
            ("01_Loop.wav" if electronic else "01_Overheads.wav", "Loop" if electronic else "Drum_Overheads"),
            ("02_Bass.wav", "Synth_Bass" if electronic else "Electric_Bass"),
            ("03_Zwirbel.wav", "Gong"),
        ):
            rows.append((song, file))
            labels.append(label)
    return rows, labels
