"""The whole suite at the size ``tiny``: every definition is trained, measured and reported."""

from pathlib import Path

from stemtree.experiments.definition import available


def test_every_experiment_runs_to_its_report(cli, workplace: Path, tmp_path: Path) -> None:
    options = ("--size", "tiny", "-o", tmp_path / "runs", "--rows", tmp_path / "rows")
    done = cli("experiment", "run", "--jobs", 0, *options)
    assert done.code == 0, done.out + done.err
    runs = int(done.out.split(" runs:")[0])
    assert done.out.splitlines()[-1] == f"{runs} runs: {runs} evaluated"
    status = cli("experiment", "status", *options)
    assert status.code == 0 and "all, each run once" in status.out and "failed" not in status.err
    pages = tmp_path / "pages"
    assert cli("experiment", "report", *options, "--pages", pages).out.endswith(f"{runs} runs more than before\n")
    names = {file.name for file in pages.glob("*.md")}
    assert (pages / "4_relation_and_loss_chunk.png").exists()
    assert names == {*(f"{name}.md" for name in available()), "index.md", "reproduce.md"}
    for name in available():
        assert "Missing" not in (pages / f"{name}.md").read_text(), name
    again = cli("experiment", "run", "--jobs", 0, *options[:3], tmp_path / "new", *options[4:])
    assert again.out.startswith(f"{runs} runs: {runs} evaluated")  # by the rows that were kept
