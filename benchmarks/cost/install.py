"""Measure what installing the package takes besides torch: sizes of wheels, and of what lies in the environment.

    python -m venv env && env/bin/pip install --no-cache-dir --log pip.log .
    env/bin/python benchmarks/cost/install.py pip.log

Run it by the environment's own Python. What torch requires is not counted.
"""

import argparse
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

UNITS = {"kB": 1e-3, "MB": 1.0, "bytes": 1e-6}


def name_of(text: str) -> str:
    """A project's name as PyPI writes it, of a requirement or a wheel."""
    found = re.match(r"[A-Za-z0-9._-]+", text)
    assert found, text
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def wheels(log: Path) -> Iterator[tuple[str, float]]:
    """Every wheel that pip's log names, and its megabytes."""
    for line in log.read_text().splitlines():
        if found := re.search(r"Downloading (?:\S*/)?(\S+\.whl) \(([\d.]+) (kB|MB|bytes)\)", line):
            yield name_of(found[1].partition("-")[0]), float(found[2]) * UNITS[found[3]]
        elif (found := re.search(r"Processing (\S+\.whl)", line)) and Path(found[1]).is_file():
            yield name_of(Path(found[1]).name.partition("-")[0]), Path(found[1]).stat().st_size / 1e6


def required(root: str, skip: str = "") -> set[str]:
    """A package and all that it requires here, by way of packages other than `skip`."""
    found: set[str] = set()
    ahead = [root]
    while ahead:
        name = ahead.pop()
        if name in found or name == skip:
            continue
        try:
            lines = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:  # not on this system
            continue
        found.add(name)
        ahead += [name_of(line) for line in lines if "extra ==" not in line]
    return found


def size_of(name: str) -> float:
    """Megabytes of a package's files, compiled ones left out, which pip writes itself."""
    files = (Path(str(file.locate())) for file in metadata.files(name) or () if file.suffix != ".pyc")
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path, help="what pip wrote with --log")
    sizes = dict(wheels(parser.parse_args().log))
    own = (required("stemtree") - required("torch")) & sizes.keys()  # some are for other systems
    by_librosa = own - required("stemtree", skip="librosa")
    rows = [(sizes[name], size_of(name), name) for name in own]
    print("| package | wheel, MB | installed, MB |\n|---|---|---|")
    for wheel, installed, name in sorted(rows, reverse=True):
        if wheel >= 1:
            mark = "; by way of librosa" if name in by_librosa else ""
            print(f"| {name} {metadata.version(name)}{mark} | {wheel:.1f} | {installed:.0f} |")
    small = [row for row in rows if row[0] < 1]
    print(f"| {len(small)} smaller ones | {sum(row[0] for row in small):.1f} | {sum(row[1] for row in small):.0f} |")
    print(f"| together | {sum(row[0] for row in rows):.1f} | {sum(row[1] for row in rows):.0f} |")
    librosa = [row for row in rows if row[2] in by_librosa]
    print(f"| of it for librosa alone | {sum(row[0] for row in librosa):.1f} | {sum(row[1] for row in librosa):.0f} |")


if __name__ == "__main__":
    main()
