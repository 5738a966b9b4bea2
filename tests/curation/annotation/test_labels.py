from stemtree.curation.annotation.labels import instrument_by_label
from stemtree.hierarchy import load


def test_the_table_of_labels_is_the_hierarchy() -> None:
    table, tree = instrument_by_label(), load("ms21")
    assert len(table) == 72
    assert len({name for name in table.values() if name}) == 14
    for label, instrument in table.items():
        if instrument is not None:
            assert tree.leaf(label).rpartition("/")[2] == instrument
    assert [label for label, instrument in table.items() if instrument is None] == ["Ambient_Microphone", "Unused"]
