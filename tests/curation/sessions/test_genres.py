from stemtree.curation.sessions.genres import UNKNOWN, genre_families, genre_family


def test_families() -> None:
    assert len(genre_families()) == 17 and genre_families()[-1] == "Other"
    genres = ["Progressive Death Metal", "Big Band Jazz", "Hip Hop", " ", "Cumbia"]
    assert [genre_family(genre) for genre in genres] == ["Metal", "Jazz", "Rap", UNKNOWN, "Other"]
