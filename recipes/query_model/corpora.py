"""The corpora of `make.py`: those that are given, and those that it renders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pretty_midi

from stemtree.errors import StemtreeError
from stemtree.rendering.sfz import check_sfz

Runner = Callable[..., object]
"""Runs `stemtree` with some words."""

HERE = Path(__file__).parent
OWN = "own"
"""Name of the corpus whose songs have the instruments that they were written for."""

COMPOSED = "bands"
"""Name of a corpus of songs that were composed, with their own instruments."""

OTHERS = ("redrawn", "real", "again", "again_plain", "effects", "doubled", "plain", "mixed", "low", "modelled")
"""Names of corpora whose songs have other instruments."""

FONTS = ("sf2/FluidR3_GM.sf2", "sf3/MuseScore_General.sf3", "sf2/sf_GMbank.sf2")
"""Soundfonts whose licences let weights be given away, beneath the folder of Debian's packages."""

PLAYED = {
    "acoustic_grand_piano": ("Acoustic Grand Piano", "Bright Acoustic Piano"),
    "bright_acoustic_piano": ("Acoustic Grand Piano", "Bright Acoustic Piano", "Honky-tonk Piano"),
    "electric_grand_piano": ("Electric Grand Piano",),
    "electric_piano_1": ("Electric Piano 1", "Electric Piano 2"),
    "acoustic_guitar_steel": ("Acoustic Guitar (nylon)", "Acoustic Guitar (steel)"),
    "electric_guitar_strat": ("Electric Guitar (jazz)", "Electric Guitar (clean)", "Electric Guitar (muted)"),
    "alto_sax": ("Soprano Sax", "Alto Sax", "Tenor Sax"),
    "tremolo_strings": ("Tremolo Strings", "String Ensemble 1", "String Ensemble 2"),
    "pizzicato_strings": ("Pizzicato Strings",),
}
"""Which programs of General MIDI recorded instruments play."""


@dataclass(frozen=True)
class Size:
    """How much is rendered, trained and measured.

    Parameters
    ----------
    takes : int
        Of each song with redrawn instruments; twice as many with its own.
    songs : int or None
        How many songs of Freedoom and of openmsx are used; None for all.
    excerpt, held_excerpt : float
        Seconds of a take.
    judged : int
        Songs, and tens of chunks, on which the finished model is measured.
    options : tuple of str
        Of `stemtree corpus render`.
    settings : tuple of str
        Laid over the configuration ``query``.
    """

    takes: int = 2
    songs: int | None = None
    excerpt: float = 12
    held_excerpt: float = 16
    judged: int = 16
    options: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


SIZES = {
    "small": Size(),
    "tiny": Size(
        takes=1,
        songs=2,
        excerpt=4,
        held_excerpt=6,
        judged=2,
        options=("--rate", "8000", "--mono"),
        settings=(
            "targets=[bass/bass/electric_basses, percussion/percussion/drums]",
            "channels=1",
            "stft={window: 512, hop: 128, sample_rate: 8000}",
            "chunking={duration: 2, hop: 1}",
            "network={kind: component_query, widths: [4, 8], squeeze: 2, units: 4, components: 5}",
        ),
    ),
}


@dataclass(frozen=True)
class Corpora:
    """Corpora that are there or made here.

    Parameters
    ----------
    freedoom : pathlib.Path
        MIDI files.
    data : pathlib.Path
        Where corpora lie that are made here.
    given : pathlib.Path, optional
        Corpora that are there.
    instruments : pathlib.Path, optional
        Recorded instruments in SFZ.
    sounds, openmsx : pathlib.Path
        Folders of Debian's soundfonts and of openttd-openmsx.
    size : Size
        How much of everything.
    run : callable
        Runs `stemtree`.
    """

    freedoom: Path
    data: Path
    given: Path | None
    instruments: Path | None
    sounds: Path
    openmsx: Path
    size: Size
    run: Runner

    def folder(self, name: str) -> Path:
        """A corpus by its name, of those that are there or of those made here."""
        return self.given / name if self.given and self._is_given(name) else self.data / name

    @property
    def training(self) -> tuple[Path, ...]:
        """Those that are learned from."""
        return tuple(folder for folder in map(self.folder, (OWN, COMPOSED, *OTHERS)) if folder.is_dir())

    def render(self) -> None:
        """Make the corpora that are not there; songs that were rendered before are left."""
        train = self._freedoom_songs()
        fonts, drums = self._soundfonts()
        if not any(map(self._is_given, (OWN, COMPOSED, *OTHERS))):
            short, takes = ("--split", "train", "--excerpt", self.size.excerpt), self.size.takes
            self._render(train, "own", *short, *fonts, *drums, "--effects", "--takes", 2 * takes)
            varied = ("--redraw", "--double", "--vary", "--effects")
            self._render(train, "redrawn", *short, *fonts, *drums, *varied, "--takes", takes, "--seed", 1)
        if not self._is_given("openmsx"):
            unseen = Path(pretty_midi.__file__).with_name("TimGM6mb.sf2")
            songs = sorted(self.openmsx.glob("*.mid"))[: self.size.songs]
            whole = ("--split", "test", "--excerpt", 2 * self.size.held_excerpt, "--soundfont", unseen)
            self._render(songs, "openmsx", *whole)

    def _is_given(self, name: str) -> bool:
        return self.given is not None and (self.given / name).is_dir()

    def _freedoom_songs(self) -> list[Path]:
        """Songs to learn from, without those that recipes/freedoom.sh holds out."""
        left_out = {"d_introa.mid", "dummy.mid", *(HERE.parent / "freedoom_held_out.txt").read_text("utf-8").split()}
        return [song for song in sorted(self.freedoom.glob("*.mid")) if song.name not in left_out][: self.size.songs]

    def _soundfonts(self) -> tuple[list[object], list[object]]:
        """Options of `stemtree corpus render` for all sounds that are there, and for drum kits."""
        fonts = [self.sounds / name for name in FONTS if (self.sounds / name).is_file()]
        if missing := [name for name in FONTS if self.sounds / name not in fonts]:
            print(f"rendered without {', '.join(missing)}: not in '{self.sounds}'", flush=True)
        named, kits = [*map(str, fonts)], list[Path]()
        if self.instruments:
            for name, programs in PLAYED.items():
                file = self.instruments / name / f"{name}.sfz"
                named += [f"{program}={file}" for program in programs] if is_whole(file) else []
            kits = [*fonts, *filter(is_whole, self.instruments.glob("standard_kit/*.sfz"))]
        sounds: list[object] = [word for font in named for word in ("--soundfont", font)]
        return sounds, [word for kit in kits for word in ("--drums", kit)]

    def _render(self, songs: Sequence[Path], name: str, *options: object) -> None:
        """Render a corpus; silent excerpts and broken files are reported and left out."""
        common = ("--hierarchy", "slakh", "--skip-bad", *self.size.options)
        self.run("corpus", "render", *songs, "-o", self.data / name, *options, *common)
        if not (self.data / name).is_dir():
            raise SystemExit(f"'{self.data / name}' was not rendered: see above")


def is_whole(instrument: Path) -> bool:
    """Whether an SFZ instrument is there with all its samples; says what is missing."""
    try:
        check_sfz(instrument)
    except StemtreeError as error:
        print(f"left out: {error}", flush=True)
        return False
    return True
