"""Measure what a Ray cluster costs, and what survives the death of its parts.

    OMP_NUM_THREADS=1 python benchmarks/cost/cluster.py overhead | speed | deaths | storage [--songs N] [--seconds S]

Each starts a cluster of several raylets on this machine, one core each; results are compared byte for byte with those
of one process. `overhead`: tracks with nothing to do. `speed`: the same songs by 1, 2 and 4 workers of a cluster and by
as many processes, in turn. `deaths`: a worker, a node and the driver are killed in the middle. `storage`: songs and
stems lie in a bucket whose server (moto's) is away for 30 s. They need the extra `dev`.
"""

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "OMP_NUM_THREADS": "1"}

import psutil
from ray.cluster_utils import Cluster
from separation import write_song

from stemtree.cluster import map_tracks, on_cluster

STEMTREE = str(Path(sys.executable).with_name("stemtree"))
NODES = 4
OPTIONS = ("--depth", "1", "--format", "flac", "--json")


@contextmanager
def cluster(nodes: int, cores: int = 1) -> Iterator[Cluster]:
    """So many raylets of so many cores each."""
    settings = {"num_cpus": cores, "object_store_memory": 80 << 20, "include_dashboard": False}
    started = Cluster(initialize_head=True, head_node_args=settings)
    try:
        for _ in range(nodes - 1):
            started.add_node(**settings)
        started.wait_for_nodes()
        yield started
    finally:
        started.shutdown()


def family() -> list[psutil.Process]:
    """The process and all that it and its children have started."""
    beneath: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["ppid"]):
        beneath.setdefault(process.info["ppid"], []).append(process)
    found = [psutil.Process()]
    for process in found:
        found += beneath.get(process.pid, ())
    return found


@contextmanager
def counting() -> Iterator[Callable[[], float]]:
    """Count the CPU seconds of all processes beneath this one; raylets do not add up those of workers that end."""
    begun = {process: sum(process.cpu_times()[:2]) for process in family()[1:]}
    found, ended = dict(begun), threading.Event()

    def watch() -> None:
        while not ended.wait(0.3):
            for process in family()[1:]:
                with suppress(psutil.NoSuchProcess):
                    found[process] = sum(process.cpu_times()[:2])

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield lambda: sum(found.values()) - sum(begun.values())
    finally:
        ended.set()
        watching.join()


def command(songs: Sequence[object], output: object, *options: object) -> list[str]:
    return [STEMTREE, "separate", *map(str, songs), "-o", str(output), *OPTIONS, *map(str, options)]


def statuses(lines: str) -> dict[str, list[str]]:
    """What the lines of ``--json`` say of each song."""
    found: dict[str, list[str]] = {}
    for line in lines.splitlines():
        if not line.startswith("{"):
            print(f"  no line of JSON: {line}")
            continue
        row = json.loads(line)
        found.setdefault(Path(row["song"]).name, []).append(row["status"])
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def compare(folder: Path, one: Path, songs: Sequence[Path]) -> str:
    """Whether a folder holds what one process makes: nothing else, and nothing less."""
    here, there = contents(one), contents(folder)
    assert len([name for name in here if name.endswith("tree.json")]) == len(songs)
    missing, more = here.keys() - there.keys(), there.keys() - here.keys()
    differ = [name for name in here.keys() & there.keys() if here[name] != there[name]]
    hidden = {name for name in more if any(part.startswith(".") for part in Path(name).parts)}
    return (
        f"{len(there)} files: {len(missing)} missing, {len(differ)} differ, {len(more - hidden)} too many, "
        f"{len(hidden)} hidden left"
    )


def nothing(number: int) -> int:
    return number


def measure_overhead() -> None:
    with cluster(NODES) as nodes, on_cluster(nodes.address):
        for count in (100, 1000, 10_000):  # the first starts the workers
            clock, cpu = time.perf_counter(), time.process_time()
            assert [job for job, _ in map_tracks(nothing, range(count))] == list(range(count))
            clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
            print(f"{count} tracks: {1e3 * clock / count:.2f} ms each, {1e3 * cpu / count:.2f} of it CPU of the driver")


def measure_speed(songs: Sequence[Path], place: Path, runs: int, numbers: Sequence[int]) -> None:
    with cluster(NODES) as nodes:
        for workers in numbers:
            measured: dict[str, list[tuple[float, float]]] = {"processes": [], "Ray": []}
            for number in range(runs):
                for kind, taken in measured.items():  # in turn: what else the machine does changes slowly
                    options = ("--cluster", nodes.address) if kind == "Ray" else ()
                    arguments = command(songs, place / f"{kind}_{workers}_{number}", "-j", workers, *options)
                    clock = time.perf_counter()
                    with counting() as cpu_seconds:
                        subprocess.run(arguments, check=True, capture_output=True)
                    taken.append((time.perf_counter() - clock, cpu_seconds()))
                    print("{}, {} at once: {:.1f} s, {:.1f} CPU s".format(kind, workers, *taken[-1]), flush=True)
            for number, what in enumerate(("clock", "CPU")):
                one, many = (statistics.median(pair[number] for pair in taken) for taken in measured.values())
                print(f"{workers} at once: Ray takes {many / one:.3f} of the processes' {what} seconds", flush=True)
    first, *others = sorted(place.glob("*_*_*"))
    for folder in others:
        print(f"{folder.name} beside {first.name}: {compare(folder, first, songs)}")


class Run:
    """A command in the background, whose finished songs are counted."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)

    def wait_for(self, count: int) -> None:
        """Wait until so many songs are finished."""
        while len(self.lines) < count:
            assert self.process.poll() is None, "it ended too early"
            time.sleep(0.05)

    def end(self) -> str:
        """Wait, and tell the exit status and what was said of the songs."""
        status = self.process.wait()
        self._reader.join()
        found = statuses("".join(self.lines))
        twice = [song for song, said in found.items() if len(said) > 1]
        each = [said[0] for said in found.values()]
        counts = ", ".join(f"{each.count(word)} {word}" for word in ("written", "exists", "failed"))
        errors = self.process.stderr.read().strip() if self.process.stderr else ""
        return f"exit {status}; {counts}; {len(twice)} reported twice{'; ' + errors if errors else ''}"


def busy_worker() -> psutil.Process:
    """A worker process of the cluster with a task in work."""
    for _ in range(1000):
        for process in family():
            with suppress(psutil.NoSuchProcess):
                if "ray::_do" in " ".join(process.cmdline()):
                    return process
        time.sleep(0.02)
    raise SystemExit("no worker was at work: give more songs, or longer ones")


def measure_deaths(songs: Sequence[Path], place: Path) -> None:
    subprocess.run(command(songs, place / "one", "-j", 1), check=True, capture_output=True)
    with cluster(NODES) as nodes:
        run = Run(command(songs, place / "worker", "--cluster", nodes.address))
        run.wait_for(1)
        busy_worker().kill()
        print(f"a worker killed: {run.end()}\n  {compare(place / 'worker', place / 'one', songs)}", flush=True)

        run = Run(command(songs, place / "driver", "--cluster", nodes.address))
        run.wait_for(2)
        run.process.kill()
        print(f"the driver killed: {run.end()}", flush=True)
        run = Run(command(songs, place / "driver", "--cluster", nodes.address))
        print(f"started again: {run.end()}\n  {compare(place / 'driver', place / 'one', songs)}", flush=True)

        run = Run(command(songs, place / "node", "--cluster", nodes.address))
        run.wait_for(1)
        nodes.remove_node(nodes.list_all_nodes()[-1], allow_graceful=False)
        print(f"a node killed: {run.end()}\n  {compare(place / 'node', place / 'one', songs)}", flush=True)


def measure_storage(songs: Sequence[Path], place: Path, seconds: float) -> None:
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # each request is a line
    subprocess.run(command(songs, place / "one", "-j", 1), check=True, capture_output=True)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    for song in songs:
        client.upload_file(str(song), "bucket", f"songs/{song.name}")
    with cluster(NODES) as nodes:
        run = Run(command(["s3://bucket/songs"], "s3://bucket/stems", "--cluster", nodes.address))
        run.wait_for(1)
        server.stop()
        print(f"{len(run.lines)} songs done when the server stopped", flush=True)
        time.sleep(seconds)
        print(f"{len(run.lines)} when it started again, {seconds:.0f} s later", flush=True)
        server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
        server.start()
        said = run.end()
    for row in client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix="stems/").search("Contents"):
        file = place / row["Key"]
        file.parent.mkdir(parents=True, exist_ok=True)
        client.download_file("bucket", row["Key"], str(file))
    print(f"storage away: {said}\n  {compare(place / 'stems', place / 'one', songs)}", flush=True)
    server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overhead", "speed", "deaths", "storage"))
    parser.add_argument("--songs", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=20, help="length of a song")
    parser.add_argument("--runs", type=int, default=2, help="of `speed`")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="of `speed`, at once")
    parser.add_argument("--away", type=float, default=30, help="seconds without storage")
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    if options.what == "overhead":
        measure_overhead()
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "songs").mkdir()
        lengths = [options.seconds + number % 3 for number in range(options.songs)]  # so that no two are alike
        songs = [write_song(place / "songs" / f"{number:02}.wav", length) for number, length in enumerate(lengths)]
        if options.what == "speed":
            measure_speed(songs, place, options.runs, options.workers)
        elif options.what == "deaths":
            measure_deaths(songs, place)
        else:
            measure_storage(songs, place, options.away)


if __name__ == "__main__":
    main()
