"""Options that would say nothing beside others are refused, before anything is done."""

import pytest

CORPUS = ("--corpus", "none", "--kind", "musdb18")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("separate", "--list", "--json", "-q"), "and separates nothing: leave out --quiet and --json"),
        (("separate", "--list", "--dry-run"), "leave out --dry-run"),
        (("models", "runs", "--show", "queries"), "--show prints one model and no list: leave out the folders"),
        (("train", "small", "--list", "-o", "run"), "configurations that come along: leave out CONFIG... and --output"),
        (("train", "--list", "--print"), "leave out --print"),
        (("evaluate", "mixture", *CORPUS, "--chunks", "a.csv", "--duration", 10), "to measure: leave out --duration"),
        (("evaluate", "mixture", *CORPUS, "--chunks", "a.csv", "--family"), "to measure: leave out --family"),
        (("evaluate", "mixture", *CORPUS, "--window", 1024), "for oracle masks, not for 'mixture': leave out --window"),
        (("evaluate", "query-tree", *CORPUS, "--hop", 5), "'query-tree' measures whole songs' trees: leave out --hop"),
        (("curate", "split", "ms21", "--songs", "a.csv"), "songs and their splits within it: leave out --songs"),
        (("experiment", "run", "--jobs", 0, "--cluster", "local"), "--jobs 0 does runs in this process, and --cluster"),
        (
            ("curate", "stems", "raw", "--annotation", "a.csv", "-o", "ms21", "--mono", "--automix"),
            "takes cannot be spread in mono: leave out --automix, or --mono",
        ),
    ],
)  # fmt: skip
def test_options_without_effect(words: tuple[object, ...], message: str, cli, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli(*words)
    assert (outcome.code, outcome.out) == (1, "")
    assert message in outcome.err and outcome.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_variables_of_the_environment_are_no_options(cli, monkeypatch) -> None:
    monkeypatch.setenv("STEMTREE_OUTPUT", "elsewhere")
    assert cli("separate", "--list").code == 0
