"""The cache that grows in blocks, and the attention that reads it, against the plain ways."""

import pytest

from musicflamingo_cli.engines.flamingo.kv_cache import BLOCK, joined
from musicflamingo_cli.engines.flamingo.model import slices


def filled(songs, positions):
    import torch
    from transformers import DynamicCache

    cache = DynamicCache()
    for layer in range(2):
        cache.update(torch.randn(songs, 2, positions, 4), torch.randn(songs, 2, positions, 4), layer)
    return cache


@pytest.mark.parametrize("steps", [[1] * 5, [3, 1, 40], [BLOCK, 1, BLOCK + 1, 2]])
def test_it_holds_what_a_plain_cache_holds(one_thread, steps):
    import copy

    import torch

    plain = filled(3, 7)
    grown = joined([copy.deepcopy(plain)])
    for step, width in enumerate(steps):
        for layer in range(2):
            more = torch.randn(3, 2, width, 4), torch.randn(3, 2, width, 4)
            for one, other in zip(plain.update(*more, layer), grown.update(*more, layer), strict=True):
                assert torch.equal(one, other)
        if width > 2:
            plain.crop(-2)
            grown.crop(-2)
        if step == 1:
            rows = torch.tensor([2, 0])
            plain.batch_select_indices(rows)
            grown.batch_select_indices(rows)
            break
    for layer in range(2):
        more = torch.randn(len(plain.layers[0].keys), 2, 2, 4), torch.randn(len(plain.layers[0].keys), 2, 2, 4)
        for one, other in zip(plain.update(*more, layer), grown.update(*more, layer), strict=True):
            assert torch.equal(one, other)
    assert plain.get_seq_length() == grown.get_seq_length()


def test_a_token_is_written_without_copying_the_rest(one_thread):
    import torch

    grown = joined([filled(1, 7)])
    grown.update(torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4), 0)
    room = grown.layers[0].keys.data_ptr()
    for _ in range(BLOCK - 1):
        grown.update(torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4), 0)
    assert grown.layers[0].keys.data_ptr() == room


def test_parts_are_joined_in_order(one_thread):
    import torch

    parts = [filled(2, 5), filled(1, 5)]
    expected = torch.cat([part.layers[1].values for part in parts])
    whole = joined(parts)
    assert torch.equal(whole.layers[1].values, expected)
    assert parts[1].layers[1].values is None


@pytest.mark.parametrize(("heads", "key_heads", "n"), [(4, 2, 1), (4, 2, 5), (28, 4, 3), (3, 3, 2)])
def test_packed_heads_attend_as_repeated_keys_do(one_thread, heads, key_heads, n):
    import torch

    from musicflamingo_cli.engines.flamingo.attention import packed_attention

    query, key, value = torch.randn(2, heads, n, 8), torch.randn(2, key_heads, 11, 8), torch.randn(2, key_heads, 11, 8)
    mask = torch.rand(2, 1, n, 11) > 0.3
    mask[..., 0] = True
    got, _ = packed_attention(None, query, key, value, mask, scaling=0.3)
    shared = heads // key_heads
    wide = [t.repeat_interleave(shared, 1) for t in (key, value)]
    expected = torch.nn.functional.scaled_dot_product_attention(query, *wide, attn_mask=mask, scale=0.3)
    torch.testing.assert_close(got, expected.transpose(1, 2))


def test_songs_are_cut_into_groups_of_at_most_so_many_tokens():
    assert [list(group) for group in slices([1000] * 5, 2500)] == [[0, 1], [2, 3], [4]]
    assert [list(group) for group in slices([5000] * 3, 2500)] == [[0], [1], [2]]
    assert [list(group) for group in slices([5000] * 3, None)] == [[0, 1, 2]]
    assert [list(group) for group in slices([900, 500, 500, 800, 9000, 1], 2500)] == [[0, 1], [2, 3], [4], [5]]
    assert slices([], 2500) == []
