"""What a large job takes, from the rates in docs/results: hours, storage, money, and what gives out first.

    python benchmarks/cost/on_paper.py [--cores N] [--core-hour $] [--gpu-hour $] [--gigabyte-month $] [--requests $]

No machine is asked. Rates are read from the tables of docs/results. Prices, in US dollars, are assumptions to be
replaced by those of the place; so are the length of a song and a GPU's rate, from which its hours are estimated.
"""

import argparse
import re
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "docs" / "results"

# Of the papers: the thesis's table 3, and the size of its library's archives
SESSIONS, SESSION_HOURS, TRACKS, ARCHIVES = 500, 34.2, 20, 532e9

# Assumptions
SONGS, SECONDS, MP3 = 10_000_000, 240, 24_000  # how many, how long, bytes per second at 192 kbit/s
GPU = 10e12  # multiply-adds per second in 32-bit numbers: a third of the peak of a large one of today
LINE = 1.25e9  # bytes per second between a machine and the storage: 10 Gbit/s
CORES_A_MACHINE = 32


def numbers(page: str, row: str, column: int = 1) -> list[float]:
    """The numbers in a cell of the first row that begins so, in a table of a page of results."""
    for line in (RESULTS / page).read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0].startswith(row):
            found = re.findall(r"\d[\d,]*\.?\d*", cells[column])
            return [float(number.replace(",", "")) for number in found]
    raise SystemExit(f"{page} has no row '{row}'")


def sessions(prices: argparse.Namespace) -> None:
    """The papers' library, from raw tracks to stems."""
    seconds = SESSION_HOURS * 3600 * TRACKS
    rates = {
        "`curate listen`": numbers("cost.md", "`curate listen`", 0)[-1] / numbers("cost.md", "`curate listen`", 2)[0],
        "`curate bleed`": numbers("cost.md", "`curate bleed`", 2)[0],
        "`curate stems`": numbers("cost.md", "seconds of track per CPU second", 2)[0],
    }
    print(f"{SESSIONS} sessions, {ARCHIVES / 1e9:.0f} GB, {seconds / 3600:.0f} hours of tracks:\n")
    print("| step | seconds of track per CPU second | CPU hours | $ |\n|---|---|---|---|")
    hours = {step: seconds / rate / 3600 for step, rate in rates.items()}
    for step, rate in rates.items():
        print(f"| {step} | {rate:.0f} | {hours[step]:.1f} | {hours[step] * prices.core_hour:.2f} |")
    total = sum(hours.values())
    print(f"| together | | {total:.1f} | {total * prices.core_hour:.2f} |")
    print(f"| {ARCHIVES / 1e9:.0f} GB kept for a month | | | {ARCHIVES / 1e9 * prices.gigabyte_month:.2f} |")
    print(f"\nFetching them at 1 Gbit/s takes {ARCHIVES * 8 / 1e9 / 3600:.1f} hours.\n")


def songs(prices: argparse.Namespace) -> None:
    """Ten million songs, separated into the whole tree."""
    music = SONGS * SECONDS
    of_cpu, networks = (
        numbers("cost.md", "one (`OMP_NUM_THREADS=1`)")[0],
        (
            numbers("cost.md", "network and masks of the default model")[0],
            numbers("cost.md", "Spleeter's two U-Nets")[0],
        ),
    )
    transforms = numbers("cost.md", "inverse transforms")[0]
    start = numbers("cost.md", "start-up, two thirds")[0]  # once for each worker
    said = re.search(r"(\d+) billion multiply-adds per second, of", (RESULTS / "cost.md").read_text("utf-8"))
    assert said, "cost.md no longer says what the networks reach"
    operations = sum(networks) * 1e9 * float(said[1])
    stems, leaves = (1e3 * numbers("clusters.md", row)[0] for row in ("all nodes, FLAC", "leaves, FLAC"))
    count = numbers("clusters.md", "all nodes, FLAC", 2)[0]
    a_track = 1e-3 * numbers("clusters.md", "10,000")[0]

    cpu = music * (of_cpu - start) / 3600
    gpu, beside = music * operations / GPU / 3600, music * (of_cpu - start - sum(networks) - transforms) / 3600
    kept = music * stems / 1e9
    requests = SONGS * (count + 6)  # tree.json, two for its forerunner; asking what is there, and the song
    rows = [
        ("CPU alone", f"{cpu:,.0f} CPU hours", cpu * prices.core_hour),
        ("with GPUs (estimate): networks", f"{gpu:,.0f} GPU hours", gpu * prices.gpu_hour),
        ("with GPUs: all else", f"{beside:,.0f} CPU hours", beside * prices.core_hour),
        ("requests to the storage", f"{requests / 1e6:,.0f} million", requests / 1e3 * prices.requests),
        ("songs, a month", f"{music * MP3 / 1e12:,.0f} TB", music * MP3 / 1e9 * prices.gigabyte_month),
        ("all stems as FLAC, a month", f"{kept / 1e3:,.0f} TB", kept * prices.gigabyte_month),
        ("leaves alone, a month", f"{music * leaves / 1e12:,.0f} TB", music * leaves / 1e9 * prices.gigabyte_month),
    ]
    print(
        f"{SONGS / 1e6:.0f} million songs of {SECONDS / 60:.0f} minutes, {music / 3600 / 1e3:,.0f} thousand hours. "
        "CPU hours are those of MS21's 16 nodes without positions; the whole tree takes more than a third more.\n"
    )
    print("| what | amount | $ |\n|---|---|---|")
    for what, amount, money in rows:
        print(f"| {what} | {amount} | {money:,.0f} |")

    a_song = SECONDS * (of_cpu - start)
    rate = prices.cores / (of_cpu - start)  # seconds of music per second
    machines = prices.cores / CORES_A_MACHINE
    gives_out = {
        f"storage: {prices.cores:,} cores write": f"{rate * stems / 1e9:.1f} GB a second, "
        f"{rate * stems / machines / LINE:.0%} of 10 Gbit/s for each machine of {CORES_A_MACHINE} cores",
        "driver: one keeps busy": f"{a_song / a_track:,.0f} cores with songs of {a_song:.0f} CPU s each",
        "GPU: one keeps busy": f"{GPU / operations * beside * 3600 / music:.0f} cores with what is not computed on it",
        "time": f"{cpu / prices.cores / 24:.1f} days on {prices.cores:,} cores",
    }
    print("\n| what gives out | at |\n|---|---|")
    for what, where in gives_out.items():
        print(f"| {what} | {where} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=3200)
    parser.add_argument("--core-hour", type=float, default=0.04)
    parser.add_argument("--gpu-hour", type=float, default=3.0)
    parser.add_argument("--gigabyte-month", type=float, default=0.023)
    parser.add_argument("--requests", type=float, default=0.005, help="a thousand")
    prices = parser.parse_args()
    print(
        f"Assumed: ${prices.core_hour:.2f} a core hour, ${prices.gpu_hour:.2f} a GPU hour, "
        f"${prices.gigabyte_month} a gigabyte and month, ${prices.requests} a thousand requests, "
        f"{GPU / 1e9:,.0f} billion multiply-adds a second on a GPU.\n"
    )
    sessions(prices)
    songs(prices)


if __name__ == "__main__":
    main()
