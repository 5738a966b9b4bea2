"""MedleyDB (Bittner et al. 2014, 2016), and MS21, which has the same layout."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemtree.corpora.layout import Layout, check_file_name, optional_text, read_metadata, required
from stemtree.corpora.track import AudioFile, ListedStem, Listing
from stemtree.folders import files_below

_METADATA = "_METADATA.yaml"


@dataclass(frozen=True)
class MedleyDb(Layout):
    """``<Song>/{<Song>_METADATA.yaml, <Song>_MIX.wav, <Song>_STEMS/}``.

    MedleyDB itself is distributed with all metadata in a folder ``Metadata`` beside ``Audio``; both layouts are read.
    Its mixtures are mastered, so stems do not add up to them. The keys ``split`` and ``adds_up`` are optional; songs
    made by `stemtree.curation` have them.
    """

    hierarchy: str = "medleydb"
    adds_up: bool = False

    def song_paths(self, root: Path) -> Iterable[Path]:
        """All metadata files, and the missing ones of song folders that hold a folder of stems."""
        files = list(files_below(root))
        found = {_song_folder(file): file for file in files if file.name.endswith(_METADATA)}
        for song in (file.parents[1] for file in files if found and file.match("*STEMS/*")):
            found.setdefault(song, song / f"{song.name}{_METADATA}")
        return sorted(found.values())

    def read_song(self, path: Path) -> Listing:
        """See `Layout.read_song`."""
        song, folder = path.name.removesuffix(_METADATA), _song_folder(path)
        data = read_metadata(path)
        stem_folder = folder / check_file_name(required(data, "stem_dir", path), path)
        stems = [
            ListedStem(
                str(name),
                _labels(stem, path),
                AudioFile(stem_folder / check_file_name(required(stem, "filename", path), path)),
                leaks=_leaks(stem, data),
            )
            for name, stem in sorted(required(data, "stems", path, dict).items())
        ]
        return Listing(
            song,
            optional_text(data, "split", path),
            stems,
            AudioFile(folder / check_file_name(required(data, "mix_filename", path), path)),
            adds_up=data.get("adds_up") is True or None,
            description=data,
        )


def _song_folder(metadata: Path) -> Path:
    """The folder that holds the audio of a song."""
    song = metadata.name.removesuffix(_METADATA)
    return metadata.parent if metadata.parent.name == song else metadata.parent.parent / "Audio" / song


def _labels(stem: dict[str, Any], path: Path) -> tuple[str, ...]:
    """The instrument names; for a melody, ``<name> (melody)`` first: only this marks lead vocals (thesis, note 3)."""
    instrument = required(stem, "instrument", path, str | list)
    names = [str(name) for name in (instrument if isinstance(instrument, list) else [instrument])]
    melody = [f"{name} (melody)" for name in names] if stem.get("component") == "melody" else []
    return (*melody, *names)


def _leaks(stem: dict[str, Any], song: dict[str, Any]) -> tuple[str, ...]:
    """The labels of what leaks into a stem's raw tracks, where `stemtree.curation` has measured it."""
    raw, measured = stem.get("raw"), song.get("bleed")
    if not isinstance(raw, dict) or not isinstance(measured, dict):
        return ()
    tracks = [measured.get(track.get("original")) for track in raw.values() if isinstance(track, dict)]
    leaks = [track for track in tracks if isinstance(track, dict) and track.get("leaks") is True]
    return tuple(sorted({str(leak.get("from_label")) for leak in leaks}))


LAYOUTS: dict[str, Layout] = {"medleydb": MedleyDb(), "ms21": MedleyDb(hierarchy="ms21")}
