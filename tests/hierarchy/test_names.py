import pytest

from stemtree.errors import HierarchyError
from stemtree.hierarchy import MIXTURE, available, find_all, find_node, find_nodes, from_dict, load
from stemtree.hierarchy.load import parse

MS21 = load("ms21")
OTHER = "accompaniment/other"
GUITARS = (f"{OTHER}/electric_guitar", f"{OTHER}/acoustic_guitar")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("accompaniment/bass", "accompaniment/bass"),
        ("bass", "accompaniment/bass"),
        ("PIANOS", f"{OTHER}/pianos"),
        ("Other/Pianos", f"{OTHER}/pianos"),
        ("accompaniment/pianos", f"{OTHER}/pianos"),
        ("drum set", "accompaniment/percussion/drum_set"),
        ("Drum-Kit", "accompaniment/percussion/drum_set"),
        ("electric-guitar", GUITARS[0]),
        ("tonal_percussion", f"{OTHER}/tonal_percussion"),
        ("drums", "accompaniment/percussion"),
        ("Vocals", "vocal"),
        ("piano", f"{OTHER}/pianos"),
        ("other/piano", f"{OTHER}/pianos"),
        ("instrumental", "accompaniment"),
        ("karaoke", "accompaniment"),
        ("backing track", "accompaniment"),
        ("backing_track", "accompaniment"),
        ("string", f"{OTHER}/strings"),
        ("fx", f"{OTHER}/fx_processed_sound"),
        ("other/fx", f"{OTHER}/fx_processed_sound"),
        ("lead", "vocal/lead_vocal"),
        ("mixture", MIXTURE),
        ("", MIXTURE),
    ],
)
def test_a_node_is_known_by_parts_of_its_path_and_by_what_people_call_it(name: str, path: str) -> None:
    assert find_node(MS21, name) == path


def test_an_alias_may_mean_several_nodes() -> None:
    assert find_nodes(MS21, "Guitars") == find_nodes(MS21, "other/guitar") == GUITARS
    assert find_all(MS21, ["guitar", "bass", "electric_guitar"]) == (*GUITARS, "accompaniment/bass")
    with pytest.raises(HierarchyError, match=f"'guitar' means {GUITARS[0]} and {GUITARS[1]} .* one node is wanted"):
        find_node(MS21, "guitar")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("guitr", "hierarchy 'ms21' has no node 'guitr'; did you mean guitar"),
        ("electr", f"'electr' may be '{OTHER}/electronic_keyboards' or '{GUITARS[0]}' in hierarchy 'ms21': give more"),
        ("violin", f"no node 'violin'; it is a part of '{OTHER}/strings': name that"),
        ("vocal/bass", "no node 'vocal/bass'"),
        ("vocal/guitar", "no node 'vocal/guitar'"),
        (" ", "no node without a name"),
        ("/", "no node without a name"),
    ],
)
def test_what_is_unknown_or_ambiguous_is_said_with_what_comes_near(name: str, message: str) -> None:
    with pytest.raises(HierarchyError, match=message):
        find_nodes(MS21, name)


def test_every_path_is_its_own_name_in_every_hierarchy() -> None:
    for hierarchy in map(load, available()):
        for path in hierarchy.paths:
            assert find_nodes(hierarchy, path) == (path,)
        for alias, paths in hierarchy.aliases:
            assert find_nodes(hierarchy, alias) == paths


@pytest.mark.parametrize("name", sorted({*available()} - {"slakh"}))
@pytest.mark.parametrize("word", ["vocals", "vocal", "drums", "bass", "rest"])
def test_the_four_stems_have_their_names_everywhere(name: str, word: str) -> None:
    assert len(find_nodes(load(name), word)) == 1


def test_of_several_the_one_that_holds_the_others_is_meant() -> None:
    assert find_node(load("slakh"), "bass") == "bass"
    assert find_node(load("slakh"), "synth") == "strings_guitar_keyboards/electronic_keyboards/synthesizer"
    assert find_node(load("moisesdb"), "drum") == "drums"


def test_aliases_follow_the_tree() -> None:
    assert find_node(MS21.prune(2), "drums") == "accompaniment/percussion"
    with pytest.raises(HierarchyError, match="it is a part of 'accompaniment/other'"):
        find_node(MS21.prune(2), "piano")
    assert find_nodes(MS21.subtree("accompaniment"), "guitar") == ("other/electric_guitar", "other/acoustic_guitar")
    assert find_node(from_dict("ms21", MS21.prune(1).as_dict()), "karaoke") == "accompaniment"
    assert from_dict("mine", MS21.as_dict()).aliases == ()


def test_a_users_aliases() -> None:
    text = "aliases: {singer: lead vox, band: [gtr, keys]}\ntree: {lead vox: , rest: {gtr: , keys: , beat: }}"
    mine = parse(text, "mine")
    assert find_node(mine, "Singer") == "lead vox"
    assert find_nodes(mine, "band") == ("rest/gtr", "rest/keys")


@pytest.mark.parametrize(
    ("aliases", "message"),
    [
        ("[a]", "'aliases' must map names to nodes"),
        ("{x: c}", "the alias 'x' means 'c', which is no node; there are a, b"),
        ("{x: 5}", "the alias 'x' must be text and mean a node or a list of nodes, not 5"),
        ("{x: []}", "must be text and mean a node"),
        ("{5: a}", "the alias '5' must be text"),
        ("{A: b}", "the alias 'A' is a node's own name"),
        ("{'-': b}", "none at all"),
        ("{x y: a, x_y: b}", "the alias 'x_y' stands twice"),
        ("{x: [b, b/d]}", "means a node and one within it"),
    ],
)
def test_an_alias_that_means_nothing_is_refused(aliases: str, message: str) -> None:
    with pytest.raises(HierarchyError, match=message):
        parse(f"aliases: {aliases}\ntree: {{a: , b: {{d: , e: }}}}", "mine")


def test_a_node_beneath_the_depth_is_said_to_be_too_deep() -> None:
    drums = "accompaniment/percussion"
    assert find_nodes(MS21, "drums", 2) == (drums,) and find_all(MS21, ["vocal"], 1) == ("vocal",)
    message = rf"'drums' \({drums}\) lies 2 generations under .* 'ms21', and the depth is 1: give a depth of 2, or none"
    for find in (find_nodes, find_node):
        with pytest.raises(HierarchyError, match=message):
            find(MS21, "drums", 1)
    with pytest.raises(HierarchyError, match=rf"'guitar' \({GUITARS[0]} and {GUITARS[1]}\) lies 3 generations"):
        find_all(MS21, ["vocal", "guitar"], 1)
    with pytest.raises(HierarchyError, match="no node 'guitr'"):
        find_nodes(MS21, "guitr", 1)
    with pytest.raises(HierarchyError, match=r"no node 'violin'; it is a part of 'accompaniment': name that"):
        find_nodes(MS21, "violin", 1)
