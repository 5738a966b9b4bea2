from stemtree.data.candidates import family_of

BASS, DRUMS = "accompaniment/bass", "accompaniment/drums"


def test_families() -> None:
    """The nearest node above that holds another target; the mixture is none."""
    targets = (BASS, DRUMS, "vocals")
    assert family_of(BASS, targets) == (DRUMS,) and family_of("vocals", targets) == ()
    assert family_of("a/b/c", ("a/b/c", "a/b/d", "a/e")) == ("a/b/d",)
    assert family_of("a/b/c", ("a/b/c", "a/e/f", "g")) == ("a/e/f",)
