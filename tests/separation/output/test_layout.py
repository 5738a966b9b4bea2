import pytest

from stemtree.errors import HierarchyError, OptionError
from stemtree.hierarchy import Hierarchy, Node, load
from stemtree.separation.output.filename import Filename
from stemtree.separation.output.layout import Remainder, StemLayout, Sum
from stemtree.separation.output.recipe import children_of

MS21 = load("ms21")
BELOW = children_of(MS21.as_dict())


def test_names_in_folders_and_in_one() -> None:
    stems = ("accompaniment", "accompaniment/bass", Remainder(("vocal", "accompaniment/bass")))
    names = ["accompaniment.ogg", "accompaniment/bass.ogg", "without_vocal+bass.ogg"]
    assert list(StemLayout().files(stems, BELOW, "ogg").values()) == names
    names = ["sums/accompaniment.ogg", "bass.ogg", "sums/without_vocal+bass.ogg"]
    assert list(StemLayout(flat=True).files(stems, BELOW, "ogg").values()) == names


def test_nodes_of_one_name_in_one_folder() -> None:
    slakh = load("slakh")
    below = children_of(slakh.as_dict())
    flat = StemLayout(flat=True)
    files = flat.files(slakh.paths, below, "wav")
    assert len({file.casefold() for file in files.values()}) == len(slakh.paths)
    assert files["bass"] == "sums/bass.wav" and files["bass/bass"] == "sums/bass-bass.wav"
    assert [files[leaf] for leaf in slakh.leaves()] == [f"{leaf.rpartition('/')[2]}.wav" for leaf in slakh.leaves()]
    for path in slakh.paths:  # a node has one name, whatever is written with it
        assert flat.files([path], below, "wav") == {path: files[path]}
    below = {"a": ("a/rest",), "b": ("b/Rest",), "a/rest": (), "b/Rest": ()}
    assert list(flat.files(("a/rest", "b/Rest"), below, "wav").values()) == ["a-rest.wav", "b-Rest.wav"]


def test_names_that_stay_equal_in_one_folder() -> None:
    below = {"a": ("a/b", "a/c"), "a/b": (), "a/c": (), "c": ("c/b",), "c/b": (), "a-b": ()}
    with pytest.raises(OptionError, match=r"nodes 'a/b' and 'a-b' would all be 'a-b.wav': leave --flat out$"):
        StemLayout(flat=True).files(("a/b", "a-b"), below, "wav")


def test_what_is_chosen() -> None:
    assert StemLayout().stems(MS21, ("vocal", "accompaniment")) == ("vocal", "accompaniment")
    assert StemLayout(leaves=True).stems(MS21, MS21.paths) == MS21.leaves()
    chosen = StemLayout(without=("guitar", "accompaniment/other", "bass")).stems(MS21, MS21.paths)
    assert chosen == (Remainder(("accompaniment/bass", "accompaniment/other")),)


def test_contradictions() -> None:
    for options in ({"leaves": True}, {"active_only": True}):
        with pytest.raises(OptionError, match=r"--without writes one file.*give them in two runs"):
            StemLayout(without=("bass",), **options)
    with pytest.raises(OptionError, match="without vocals and accompaniment nothing is left of the song: name fewer"):
        StemLayout(without=("vocals", "accompaniment")).stems(MS21, ())
    with pytest.raises(HierarchyError, match="no node 'theremin'"):
        StemLayout(without=("theremin",)).stems(MS21, ())
    only = Hierarchy("any", Node("mixture", (Node("a", (Node("b"),)),)))
    with pytest.raises(OptionError, match="without b nothing is left"):
        StemLayout(without=("b",)).stems(only, ())


def test_sums_and_two_stems() -> None:
    layout = StemLayout(sums=("drums + bass", "vocals", "guitar"))
    assert layout.names == ("drums", "bass", "vocals", "guitar")
    bass, drums = "accompaniment/bass", "accompaniment/percussion"
    guitars = ("accompaniment/other/electric_guitar", "accompaniment/other/acoustic_guitar")
    assert layout.stems(MS21, ()) == (Sum((bass, drums)), "vocal", Sum(guitars))
    assert list(layout.files([Sum((bass, drums))], {}, "wav").values()) == ["bass+percussion.wav"]
    two = StemLayout().with_two_stems("guitar")
    assert two.stems(MS21, ()) == (Sum(guitars), Remainder(guitars))
    assert Sum(guitars) != Remainder(guitars)
    assert StemLayout().with_two_stems("vocals").stems(MS21, ()) == ("vocal", Remainder(("vocal",)))
    for sums, message in ((("vocals+accompaniment",), "is the whole song"), (("bass+",), "is no sum of nodes")):
        with pytest.raises(OptionError, match=message):
            StemLayout(sums=sums).stems(MS21, ())
    for options, message in (
        ({"sums": ("a+b",)}, "--sum writes"),
        ({"sums": ("a",), "without": ("a",)}, "--two-stems"),
    ):
        with pytest.raises(OptionError, match=message):
            StemLayout(leaves=True, **options)
    with pytest.raises(OptionError, match="--two-stems and --sum both"):
        layout.with_two_stems("bass")


def test_a_template_must_tell_stems_apart() -> None:
    layout = StemLayout(filename=Filename("{track}/{stem}.{ext}"))
    stems = ("a/x", "b", Sum(("a", "b")))
    assert list(layout.files(stems, {}, "wav", "t", "t.mp3").values()) == ["x.wav", "b.wav", "a+b.wav"]
    with pytest.raises(OptionError, match=r"'a/x' and 'b/x' would all be 'x.wav': add \{path\} to it"):
        layout.files(("a/x", "b/x"), {}, "wav", "t", "t.mp3")
    with pytest.raises(OptionError, match="--flat and --filename"):
        StemLayout(flat=True, filename=Filename("{track}/{stem}.{ext}"))
    assert layout.kind == "{track}/{stem}.{ext}" and StemLayout(flat=True).kind == "flat"
    assert StemLayout(filename=Filename("{track}/{path}.{ext}")).kind is None
