import pytest

from stemtree.corpora.track import Corpus
from stemtree.errors import SamplingError
from stemtree.evaluation.estimators.queries import find_queries, leaves_to_ask_for
from stemtree.evaluation.settings import EvaluationSettings
from stemtree.hierarchy import Hierarchy

BASS, DRUMS, OTHER = (f"accompaniment/{leaf}" for leaf in ("bass", "drums", "other"))


def test_draws_depend_on_seed_song_and_start_alone(
    query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings
) -> None:
    def draws(seed: int) -> list[tuple[str, int]]:
        queries = find_queries(query_corpus, hierarchy, [BASS], settings.chunking, seed)
        drawn = [queries.draw(BASS, track, start) for track in "012" for start in range(0, 24000, 800)]
        return [(query.track.id, query.start) for _, query in drawn]

    assert draws(0) == draws(0) != draws(1)
    assert set(draws(0)[:30]) == {("1", 0), ("1", 8000), ("1", 16000), ("2", 0)}  # never of song 0


def test_where_targets_are_salient(query_corpus: Corpus, hierarchy: Hierarchy, settings: EvaluationSettings) -> None:
    queries = find_queries(query_corpus, hierarchy, [BASS, DRUMS, OTHER], settings.chunking, 0)
    starts = (0, 8000, 16000)
    found = {
        target: [queries.starts_for(target, track, starts) for track in query_corpus.tracks]
        for target in (BASS, DRUMS, OTHER)
    }
    assert found == {BASS: [[*starts], [*starts], [0]], DRUMS: [[*starts], [], []], OTHER: [[], [], []]}
    with pytest.raises(SamplingError, match=f"'{DRUMS}' is salient in no song but this one"):
        queries.draw(DRUMS, "0", 0)


def test_leaves_to_ask_for() -> None:
    piano, guitar, drums = "accompaniment/other/piano", "accompaniment/other/guitar", "accompaniment/percussion/drums"
    voice, all_four = "vocal/lead", ("accompaniment/other/piano", "accompaniment/other/guitar", drums, "vocal/lead")
    assert leaves_to_ask_for(all_four, "target") == {leaf: (leaf,) for leaf in all_four}
    assert leaves_to_ask_for(all_four, "family") == {piano: (guitar,), guitar: (piano,), drums: (piano, guitar)}
    assert leaves_to_ask_for(all_four, "other") == {
        piano: (drums, voice),
        guitar: (drums, voice),
        drums: (voice,),
        voice: (piano, guitar, drums),
    }
