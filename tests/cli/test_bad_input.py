"""Bad input: one sentence on stderr that names the file and the remedy, exit code 1, and nothing left behind."""

import resource
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from support.query_models import make_query_model

from stemtree.separation import separator
from stemtree.separation.splitters import spleeter_weights


def _cut(name: str) -> Callable[[Path, Path], Path]:
    def make(folder: Path, wav: Path) -> Path:
        path = folder / name
        audio, rate = soundfile.read(wav)
        soundfile.write(path, audio, rate)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        return path

    return make


def _header(data_size: int) -> Callable[[Path, Path], Path]:
    def make(folder: Path, wav: Path) -> Path:
        content = wav.read_bytes()
        at = content.index(b"data") + 4
        (folder / "lie.wav").write_bytes(content[:at] + struct.pack("<I", data_size) + content[at + 4 :])
        return folder / "lie.wav"

    return make


def _samples(*, name: str = "made.wav", shape: tuple[int, int] = (100, 2), rate: int = 44100, value: float = 0.1):
    def make(folder: Path, wav: Path) -> Path:
        audio = np.full(shape, 0.1)
        audio[shape[0] // 2 :] = value
        soundfile.write(folder / name, audio, rate, "FLOAT")
        return folder / name

    return make


def _bytes(name: str, content: bytes) -> Callable[[Path, Path], Path]:
    def make(folder: Path, wav: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


def _cut_mp4(folder: Path, wav: Path) -> Path:
    """With the index in front, as for streaming: the header is whole and announces all of it."""
    path = folder / "cut.m4a"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("aac", rate=44100, layout="stereo")
        for start in range(0, 441000, 1024):
            frame = av.AudioFrame.from_ndarray(np.full((2, 1024), 0.1 * (start % 3), np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    return path


def _cut_ogg_flac(folder: Path, wav: Path) -> Path:
    with av.open(str(folder / "cut.oga"), "w", format="ogg") as container:
        stream = container.add_stream("flac", rate=44100, layout="stereo")
        noise = np.random.default_rng(0).integers(-3000, 3000, (1, 8192)).astype(np.int16)
        for start in range(0, 30 * 4096, 4096):
            frame = av.AudioFrame.from_ndarray(noise, "s16", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 44100, start, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    path = folder / "cut.oga"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    return path


def _folder(folder: Path, wav: Path) -> Path:
    (folder / "nothing").mkdir()
    return folder / "nothing"


INPUTS = {
    "missing": (lambda folder, wav: folder / "none.wav", "No such file or directory; check the path"),
    "folder without audio": (_folder, "holds no audio files: name another"),
    "pattern without match": (lambda folder, wav: folder / "*.xyz", "no file matches .*: check the pattern"),
    "empty": (_bytes("empty.wav", b""), "is an empty file: get a whole copy"),
    "text": (_bytes("text.wav", b"this is not audio\n" * 50), "cannot be read as audio .*: check"),
    "text as mp3": (_bytes("text.mp3", b"this is not audio\n" * 50), "cannot be read as audio .*: check"),
    "cut wav": (_cut("cut.wav"), "cut off: it announces .* get a whole copy"),
    "cut aiff": (_cut("cut.aiff"), "cut off: it announces .* get a whole copy"),
    "cut flac": (_cut("cut.flac"), "(damaged after|cut off).*get a whole copy"),
    "cut mp3": (_cut("cut.mp3"), "cut off: it announces 44100 samples and holds .* get a whole copy"),
    "cut ogg": (_cut("cut.ogg"), "cut off: its last Ogg page is not whole; get a whole copy"),
    "cut m4a": (_cut_mp4, "(damaged after|cut off).*get a whole copy"),
    "cut rf64": (_cut("cut.rf64"), "cut off: it announces .* get a whole copy"),
    "cut w64": (_cut("cut.w64"), "cut off: it announces .* get a whole copy"),
    "cut flac in ogg": (_cut_ogg_flac, "cut off: its last Ogg page is not whole; get a whole copy"),
    "far beyond full scale": (_samples(value=1e20), "holds a sample of 1e.20, where full scale is 1: scale it down"),
    "header announces too much": (_header(2**31 - 2), "cut off: it announces .* get a whole copy"),
    "header announces too little": (_header(4000), "wrong header: it announces 1000 samples, but more data follows"),
    "no samples": (_samples(shape=(0, 2)), "holds no samples: give audio"),
    "nan": (_samples(value=np.nan), "holds NaN or infinity at sample 50: repair it"),
    "infinity": (_samples(value=-np.inf), "holds NaN or infinity at sample 50: repair it"),
    "three channels": (_samples(shape=(100, 3)), "has 3 channels: mix it down"),
    "4 kHz": (_samples(rate=4000), "sample rate of 4000 Hz: resample it"),
    "384 kHz": (_samples(rate=384000), "sample rate of 384000 Hz: resample it"),
}


def _assert_one_sentence(outcome, *parts: str) -> None:
    import re

    assert outcome.code == 1
    assert outcome.out == ""
    assert re.fullmatch(r"stemtree: [^\n]+\n", outcome.err), outcome.err
    assert "Traceback" not in outcome.err
    for part in parts:
        assert re.search(part, outcome.err), outcome.err


@pytest.mark.parametrize("kind", INPUTS)
def test_input(kind: str, cli, wav: Path, tmp_path: Path) -> None:
    make, message = INPUTS[kind]
    folder = tmp_path / "in"
    folder.mkdir()
    path = make(folder, wav)
    _assert_one_sentence(cli("separate", path, "-o", tmp_path / "out"), message, path.name.replace("*", r"\*"))
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hierarchy", "ms12"), "no hierarchy 'ms12'; did you mean ms21"),
        (("--hierarchy", "none.yaml"), "cannot read the hierarchy file 'none.yaml': No such file"),
        (("--node", "vocalist"), "no node 'vocalist'; did you mean vocal"),
        (("--leaves", "--node", "bass"), "--node and --leaves both say what is written: leave one of them out"),
        (("--without", "bass", "--node", "bass"), "--node and --without both say what is written: give them in two"),
        (("--without", "bass", "--active-only"), "--without writes one file.* and --active-only is about nodes: give"),
        (
            ("--without", "bass", "--page"),
            "a page shows nodes, and --without writes none: give --page in a run",
        ),
        (("--without", "vocals", "--without", "karaoke"), "without vocals and karaoke nothing is left of the song"),
        (("--without", "theremin"), "has no node 'theremin'"),
        (("--format", "wma"), "no output format 'wma'; did you mean wav"),
        (("--subtype", "pcm32"), "no subtype 'pcm32'; did you mean pcm"),
        (("--format", "mp3", "--subtype", "pcm16"), "mp3 is lossy and has no subtype 'pcm16'"),
        (("--node", "electr"), "'electr' may be .*electronic_keyboards' or .*electric_guitar' .* more of the path"),
        (("--node", "vocal/lead_vocal"), "splits 'vocal' .* into lead_vocal, backing_vocal: .* only for 'vocal'"),
        (("--hierarchy", "moisesdb", "--node", "tuba"), "makes 'bass/tuba' .*: name 'bass', which holds it"),
        (("--hierarchy", "HERE/kazoo.yaml"), "makes 'kazoo' of hierarchy 'kazoo': leave it out"),
        (("--hierarchy", "HERE/unknown.yaml"), "splits the mixture of hierarchy 'unknown' .* choose another hierarchy"),
        (("--splitter", "demix"), "no splitter 'demix': give spleeter, demucs"),
        (("--page", "--depth", "0"), "depth 0: keep at least 1"),
        (("--device", "gpu"), "there is no device 'gpu': give auto, cpu, cuda, cuda:N or mps"),
        (("--node", ""), "the mixture itself is no node to separate"),
        (("--depth", "0"), "depth 0: keep at least 1"),
        (("--filename", "../{track}_{stem}.{ext}"), "leads out of the output folder: begin with a field"),
        (("--filename", "{song}/{stem}.{ext}"), "have no field '.song.': give .track., "),
        (("--filename", "{track}.{ext}"), "'vocal' and 'accompaniment' .* would all be 'song.wav': add {path}"),
        (("--filename", "{track}_{stem}.{ext}", "--page"), "a page lies in the song's own folder: begin --filename"),
        (("--filename", "{track}/{path}.{ext}", "--flat"), "--flat and --filename both say where files lie"),
        (("--filename", "{track}/{path}.wav", "--format", "flac"), "does not end as flac files do: let it end with"),
        (("--two-stems", "theremin"), "has no node 'theremin'"),
        (("--two-stems", "vocals", "--node", "bass"), "--node and --two-stems both say what is written"),
        (("--two-stems", "vocals", "--sum", "bass+drums"), "--two-stems and --sum both say what is written"),
        (("--sum", "drums+"), "'drums.' is no sum of nodes: write names with . between them, such as drums.bass"),
        (("--sum", "vocals+instrumental"), "'vocals.instrumental' is the whole song: name fewer nodes"),
        (("--sum", "drums+bass", "--leaves"), "--sum writes files that need not be nodes, and --leaves is about nodes"),
        (("--sum", "drums+bass", "--page"), "a page shows nodes, and --sum writes other stems: give --page in a run"),
        (("--mp3-bitrate", "128"), "--mp3-bitrate is for mp3, not wav: leave it out, or choose the format mp3"),
        (("-o", "abc://bucket/stems"), "'abc://bucket/stems' is in no storage that is known: give s3://, gs:// or"),
        (("-o", "s3://bucket/stems", "--filename", "{stem}.{ext}"), "each song has a folder of its own: begin --filen"),
        (("--format", "mp3", "--mp3-bitrate", "129"), "mp3 has no bit rate of 129 kbit/s: give one of 32, 40"),
    ],
)
def test_option(options: tuple[str, ...], message: str, cli, wav: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "kazoo.yaml").write_text("tree: {vocals: , kazoo: }")
    (tmp_path / "unknown.yaml").write_text("tree: {a: , b: }")
    monkeypatch.setattr(separator.Separator, "__init__", lambda *_, **__: pytest.fail("weights would be loaded"))
    options = tuple(option.replace("HERE", str(tmp_path)) for option in options)
    _assert_one_sentence(cli("separate", wav, "-o", tmp_path / "out", *options), message)
    assert not (tmp_path / "out").exists()


def test_a_song_that_is_not_there_is_said_before_anything_is_loaded(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(separator.Separator, "__init__", lambda *_, **__: pytest.fail("weights would be loaded"))
    outcome = cli("separate", tmp_path / "none.wav", "-o", tmp_path / "out")
    _assert_one_sentence(outcome, "cannot read '.*none.wav': No such file or directory; check the path")
    outcome = cli("query", tmp_path / "none.wav", "--like", tmp_path / "no.wav", "--model", tmp_path)
    _assert_one_sentence(outcome, "cannot read '.*no.wav': No such file")
    outcome = cli("query", tmp_path / "none.wav", "--like", __file__, "--model", tmp_path)
    _assert_one_sentence(outcome, "cannot read the model .*: No such file")


def test_a_device_that_is_not_there(cli, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    message = "there is no device 'cuda:3', torch finds no GPU with CUDA: give auto or cpu"
    _assert_one_sentence(cli("separate", wav, "--device", "cuda:3", "-o", tmp_path / "out"), message)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_queried(cli, wav: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("stemtree.separation.preview.QUERY_MODEL", tmp_path)
    for words, message in (
        ((), "nothing says what to look for: give --like EXAMPLE, or --from 0:12-0:18"),
        (("--from", "12"), "'12' is no stretch of time: write it as 0:12-0:18"),
        (("--from", "18-12"), "no sound lasts from 18 s to 12 s"),
        (("--from", "0-1", wav), "--from takes a stretch of one song: give one"),
        (("--from", "0-1"), "no model for queries is installed: train one with"),
        (("--like", wav), "no model for queries is installed: train one with"),
    ):
        _assert_one_sentence(cli("query", wav, *words, "-o", tmp_path / "out"), message)
    outcome = cli("query", wav.parent / "*.wav", "--from", "0-1", "-o", tmp_path / "out")
    _assert_one_sentence(outcome, "--from takes a stretch of one song: give one")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_examples_that_cannot_be_queried(cli, wav: Path, tmp_path: Path, monkeypatch) -> None:
    """Said before weights are loaded, where names tell."""
    monkeypatch.setattr("stemtree.model.load_model", lambda _: pytest.fail("weights would be loaded"))
    model = make_query_model(tmp_path / "model", ["accompaniment/bass", "accompaniment/drums"])
    for names, options, message in (
        ((), (), "the folder '.*' holds no recordings: put an example of each instrument into it"),
        (("Bass.wav", "bass.flac"), (), "'Bass.wav' and 'bass.flac' are examples of 'accompaniment/bass': keep one"),
        (("theremin.wav",), (), "nobody knows the instrument of the example 'theremin.wav': hierarchy 'musdb18'"),
        (("vocals.wav",), (), "the model has not learned the instrument of the example 'vocals.wav'"),
        (("bass.wav",), ("--from", "0-1"), "is a folder of examples: a stretch"),
        (("bass.wav",), ("--level", "1"), "make a whole tree: leave out the level"),
        (("bass.wav",), ("--present", "3"), "an instrument 3 dB above the song cannot be"),
    ):
        folder = tmp_path / "-".join(("like", *names, *options))
        folder.mkdir()
        for name in names:
            shutil.copyfile(wav, folder / name)
        words = ("--like", folder, "--model", model, *options)
        _assert_one_sentence(cli("query", wav, *words, "-o", tmp_path / "out"), message)
    outcome = cli("query", wav, "--like", wav, "--model", model, "--present", "-9", "-o", tmp_path / "out")
    _assert_one_sentence(outcome, "--present says which instruments of a folder of examples are there: give one")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [("--b\udcffad\x1b[31m",), ("separate", "a.wav", "--b\udcffad\x1b[31m"), ("b\udcffad\x1b[31m",)]
)
def test_what_is_no_text_in_options_is_printed_as_escapes(cli, arguments: tuple[str, ...]) -> None:
    outcome = cli(*arguments)
    assert outcome.code == 2
    assert r"b\xffad\x1b[31m" in outcome.err and outcome.err.isprintable() is False
    assert all(line.isprintable() for line in outcome.err.splitlines())
    assert outcome.err.startswith("Usage: stemtree")


def test_a_command_without_arguments_says_what_is_missing(cli) -> None:
    outcome = cli("separate")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (2, "Error: Missing argument 'FILE...'.")


def test_output_folder_is_a_file(cli, wav: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    _assert_one_sentence(cli("separate", wav, "-o", tmp_path / "out"), "cannot write to .*out.* choose another folder")


def test_output_folder_with_too_long_a_name(cli, wav: Path, tmp_path: Path) -> None:
    outcome = cli("separate", wav, "-o", tmp_path / ("x" * 300))
    _assert_one_sentence(outcome, r"cannot write to '.*x.*' \(File name too long\): choose another folder")


@pytest.mark.skipif(not Path("/sys/kernel").exists(), reason="needs a folder that not even root may write to")
def test_output_folder_is_unwritable(cli, wav: Path) -> None:
    _assert_one_sentence(cli("separate", wav, "-o", "/sys/stems"), "cannot write to '/sys/stems' .*choose another")


@pytest.mark.usefixtures("shipped_query_model")
@pytest.mark.parametrize("words", [("separate",), ("query", "--from", "0-0:00.5")])
def test_no_room(words: tuple[str, ...], cli, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    for folder in ("out", "new/out"):
        outcome = cli(*words, wav, "-o", tmp_path / folder)
        _assert_one_sentence(outcome, r"song.wav.* take [\d.]+ MB .*make room or choose")
        assert [file.name for file in tmp_path.iterdir()] == ["song.wav"]
    (tmp_path / "mine").mkdir()
    assert cli(*words, wav, "-o", tmp_path / "mine").code == 1 and (tmp_path / "mine").is_dir()


@contextmanager
def full_disk() -> Iterator[None]:
    """A limit on file size makes the same system call fail as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    "words",
    [
        ("corpus", "index", "slakh", "--kind", "slakh", "-o", "new/folder/index.parquet"),
        ("corpus", "resample", "slakh", "--kind", "slakh", "--rate", "16000", "-o", "new/copy"),
        ("mean-mask", "--corpus", "slakh", "--kind", "slakh", "-o", "new/mean.safetensors"),
        ("evaluate", "mixture", "--corpus", "slakh", "--kind", "slakh", "--write-chunks", "new/chunks.csv"),
        ("evaluate", "mixture", "--corpus", "slakh", "--kind", "slakh", "-o", "new/rows.parquet"),
        ("curate", "stats", "slakh:slakh", "-o", "new/figures"),
        ("train", "run.yaml", "-o", "new/run"),
    ],
)
@pytest.mark.usefixtures("slakh", "config")
def test_a_full_disk_gets_no_folders(words: tuple[str, ...], cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    with full_disk():
        outcome = cli(*words)
    _assert_one_sentence(outcome, r"'new/.*\(.*File too large.*\): (make room or choose|give) another")
    assert set(tmp_path.iterdir()) == before


def test_the_disk_runs_full_on_the_way(wav: Path, tmp_path: Path) -> None:
    """A limit on file size makes the same system call fail as a full disk does."""
    containers = ("wav", "flac", "ogg", "mp3", "m4a")
    script = f"""
import sys
from stemtree.cli import main
for container in {containers}:
    sys.argv = ["stemtree", "separate", {str(wav)!r}, "-o", {str(tmp_path / "out")!r}, "--format", container]
    try:
        main()
    except SystemExit as stop:
        print(container, stop.code)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)),
    )
    assert outcome.stdout.splitlines() == [f"{container} 1" for container in containers], outcome.stderr
    sentences = outcome.stderr.splitlines()
    assert len(sentences) == len(containers), outcome.stderr
    for sentence in sentences:
        assert sentence.startswith("stemtree: ") and "make room or choose another folder" in sentence
    assert not (tmp_path / "out").exists()


def test_tampered_weights(cli, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = dict.fromkeys(spleeter_weights.CHECKPOINTS, "0" * 64)  # as if the files were not the published ones
    monkeypatch.setattr(spleeter_weights, "CHECKPOINTS", digests)
    _assert_one_sentence(cli("separate", wav, "-o", tmp_path / "out"), "testcheckpoint0.ckpt' are not the published")
    assert not (tmp_path / "out").exists()


def test_libraries_do_not_write_to_stderr_themselves(wav: Path, tmp_path: Path) -> None:
    path = _cut("cut.mp3")(tmp_path, wav)
    command = [sys.executable, "-c", "from stemtree.cli import main; main()", "separate", path, "-o", tmp_path / "out"]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.returncode == 1
    assert outcome.stderr.startswith("stemtree: ") and outcome.stderr.count("\n") == 1, outcome.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on memory that other systems do not keep")
@pytest.mark.parametrize("kilobytes", [100_000, 450_000, 800_000])
def test_little_memory(kilobytes: int, wav: Path, tmp_path: Path) -> None:
    """Too little for numpy, for torch, and for the weights."""
    limit = kilobytes * 1024
    outcome = subprocess.run(
        [sys.executable, "-c", "from stemtree.cli import main; main()", "separate", wav, "-o", tmp_path / "out"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    if outcome.returncode == 0 and kilobytes > 700_000:
        pytest.skip("that much is enough here")
    assert outcome.returncode == 1
    assert outcome.stderr.endswith("memory runs out: close other programs, or let this one have more\n"), outcome.stderr
    assert outcome.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_whatever_a_library_raises(cli, wav: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = separator.walk

    def fail_once(*arguments: object) -> object:
        monkeypatch.setattr(separator, "walk", walk)
        raise KeyError("x")

    monkeypatch.setattr(separator, "walk", fail_once)
    shutil.copy(wav, tmp_path / "other.wav")
    outcome = cli("separate", wav, tmp_path / "other.wav", "-o", tmp_path / "out", "--depth", 1)
    assert outcome.code == 1
    first, last = outcome.err.splitlines()
    assert first.startswith(f"stemtree: '{wav}' could not be separated: KeyError: 'x'; please report this")
    assert last == f"stemtree: 1 of 2 failed: {wav}"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["other"]
