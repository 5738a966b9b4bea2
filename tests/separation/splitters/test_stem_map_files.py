"""Reading stem maps, those that come along and those of users."""

from pathlib import Path

import pytest

from stemtree.errors import SplitterError
from stemtree.hierarchy import load
from stemtree.separation.preview import preview
from stemtree.separation.splitters.catalogue import _content, category_of, stems_of
from stemtree.separation.splitters.stem_map_files import shipped_maps, stem_map_of, stem_maps_for
from stemtree.separation.splitters.stem_parts import SeparatorStems

DEEP = load("ms21_deep")


def test_every_line_of_the_maps_that_come_along_names_nodes() -> None:
    for one in shipped_maps():
        for line in one.lines:
            assert not line.names or one._leaves(DEEP, [line])


def test_every_catalogued_stem_of_music_has_a_line() -> None:
    """Models of something else than music, such as reverberation, say so when they are named."""
    if not _content("pymss"):
        pytest.skip("pymss is not installed")
    served = []
    for entry in _content("pymss")["models"]:
        name = Path(entry["name"]).stem
        if (stems := stems_of("pymss", name)) is None:
            continue
        found = stem_map_of("pymss", name, category_of("pymss", name), stems)
        try:
            served.append(SeparatorStems(name, stems, found).stem_map.parts(DEEP, stems))
        except SplitterError as error:
            assert entry["primary_category"] != "music_stems" or entry["secondary_category"] == "dnr_stems", error
    assert len(served) > 200 and all(found is not None for found in served)
    mega = next(found for found in served if found and len(found.parts) > 12)
    leaves = [leaf for part in mega.parts for node in part for leaf in DEEP.leaves(node)]
    assert sorted(leaves) == sorted(DEEP.leaves())  # each once


@pytest.mark.parametrize(
    ("name", "stems"),
    [
        ("demucs:htdemucs_6s", "drums bass other vocals guitar piano"),
        ("unblend:bs_roformer_sw", "bass drums other vocals guitar piano"),
        ("pymss:BS-ROFORMER-SW", "bass drums other vocals guitar piano"),
        ("pymss:bs_mega_53stem_accordion_mvsep", "accordion other"),
        ("pymss:nothing", None),
        ("demucs:mine", None),
    ],
)
def test_stems_are_known_before_anything_is_loaded(name: str, stems: str | None) -> None:
    package, _, model = name.partition(":")
    if package != "demucs" and not _content(package):
        pytest.skip(f"{package} is not installed")
    assert stems_of(package, model) == (tuple(stems.split()) if stems else None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stems: {guitar: gitar}", "sends 'guitar' to 'gitar', which is no node of 'ms21_deep'; did you mean guitar"),
        ("stems: {guitar: guitar, piano: acoustic_guitar}", "covers 'accompaniment/other/acoustic_guitar' twice, with"),
        ("stems: {guitar: [other, pianos]}", "covers 'accompaniment/other/pianos' twice, with 'guitar': leave one"),
        ("stems: {drums: drums, bass: drums}", "twice, with 'drums' and 'bass': leave one of them out, or write 'a"),
        ("divides: vocal\nstems: {drums: kick}", "'.*/kick', which is not within the 'vocal' it divides"),
        ("divides: voc\nstems: {drums: kick}", "divides 'voc', which is no node"),
        ("divides: guitar\nstems: {drums: electric_guitar}", "divides 'guitar', which is several nodes: name one"),
        ("divides: [a]\nstems: {drums: kick}", r"divides \['a'\]: name one node"),
        ("stems: {drums: 3}", "sends 'drums' to 3: give a node, a list of nodes"),
        ("stems: {drums: {part: kick}}", "sends 'drums' to {'part': 'kick'}: give a node"),
        ("stems: {Drums: kick, drums: snare}", "has two lines for the stem 'drums': keep one"),
        ("stems: {'+': kick}", "has a line without a stem"),
        ("stems: {}", "has no stems: under the key 'stems' map each"),
        ("vocals: vocal", "has no stems: under the key 'stems' map each"),
        ("stem: {a: vocal}\nstems: {a: vocal}", "has an unknown key 'stem'"),
        ("models: 3\nstems: {drums: kick}", "has an unknown key 'models': there are 'stems' and 'divides'"),
        ("stems: {wocals: vocal}", "has a line for 'wocals', which is no stem of this separator: it makes drums, bass"),
        ("stems: [", "not readable as YAML"),
    ],
)
def test_maps_that_are_wrong(text: str, message: str, mapped) -> None:
    pytest.importorskip("demucs")
    with pytest.raises(SplitterError, match=message) as caught:
        preview(None, ["demucs:htdemucs_6s"], stem_maps=[mapped(text)])
    assert "\n" not in str(caught.value) and "stems.yaml" in str(caught.value)


def test_a_map_names_what_a_model_of_one_stem_leaves(mapped) -> None:
    """No catalogue does; that of a separator of voices may call it instrumental."""
    if not _content("pymss"):
        pytest.skip("pymss is not installed")
    model = "pymss:bs_roformer_mag_anvuew"
    plan = preview(None, [model], depth=1, stem_maps=mapped("stems: {vocals: vocal, instrumental: accompaniment}"))
    assert plan is not None and plan.tree.paths == ("vocal", "accompaniment")
    with pytest.raises(SplitterError, match=r"a line for 'b', which is no stem of this separator: it makes vocals, a$"):
        preview(None, [model], stem_maps=[mapped("stems: {vocals: vocal, a: bass, b: accompaniment}")])


def test_whose_map_it_is(mapped, tmp_path: Path) -> None:
    file = mapped("stems: {a: vocal}")
    assert list(stem_maps_for(file, ["demucs"])) == list(stem_maps_for(str(file), ["demucs"])) == ["demucs"]
    assert list(stem_maps_for([file], ["demucs"])) == list(stem_maps_for({"demucs": file}, ["demucs", "unblend"]))
    assert list(stem_maps_for([f"unblend={file}"], ["demucs", "unblend"])) == ["unblend"]
    for given, splitters, message in (
        ([str(file)], ["demucs", "unblend"], "there are several separators: give --stem-map SPLITTER=.*stems.yaml$"),
        ([str(file)], [], "no separator is given for it: name one with --stem-map SPLITTER="),
        ([f"pymss={file}"], ["demucs"], "the splitter 'pymss' of the stem map .* is none of those given"),
        ([f"pymss={file}"], [], "is for the splitter 'pymss', which is not given: add --splitter pymss"),
        ([str(file), str(file)], ["demucs"], "the splitter 'demucs' .* has two stem maps"),
        (["nowhere.yaml"], ["demucs"], "cannot read the stem map 'nowhere.yaml'"),
    ):
        with pytest.raises(SplitterError, match=message):
            stem_maps_for(given, splitters)
