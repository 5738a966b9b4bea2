import torch
from hypothesis import given
from hypothesis import strategies as st

from stemtree.curation.annotation.classifier.kernels import SparseRows, plain_product

rows = st.lists(st.dictionaries(st.integers(0, 6), st.floats(-2, 2, width=32), max_size=7), min_size=1, max_size=5)


@given(rows)
def test_products_equal_the_plain_one(rows: list[dict[int, float]]) -> None:
    matrix = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    sparse = SparseRows.of([(list(row), list(row.values())) for row in rows])
    torch.testing.assert_close(sparse.times(matrix), plain_product(sparse, matrix))
    torch.testing.assert_close(sparse.times(matrix, 2 * sparse.values), 2 * plain_product(sparse, matrix))


def test_a_share_of_the_values_becomes_zero() -> None:
    torch.manual_seed(0)
    values = SparseRows.of([(list(range(1000)), [2.0] * 1000)]).with_zeros(0.3)
    assert set(values.tolist()) == {0.0, 2.0} and 250 < int((values == 0).sum()) < 350
