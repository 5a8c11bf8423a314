"""The cache of fixed rows, the attention that reads it, and which songs share a prefill, against the plain ways."""

from types import SimpleNamespace

import pytest

from musicflamingo_cli.engines.flamingo.kv_cache import BLOCK, SPARE, KVCache
from musicflamingo_cli.engines.flamingo.model import packed_attention, slices

SHAPE = SimpleNamespace(num_hidden_layers=2, num_key_value_heads=2, num_attention_heads=4, hidden_size=16)


def empty(lengths, fixed=True):
    import torch

    return KVCache(SHAPE, lengths, torch.float32, "cpu", fixed)


def put(cache, slots, keys):
    """Write keys (values are ten times them) at slots of every layer; return what attention would read."""
    import torch

    cache.slots = torch.tensor(slots)
    return [cache.held.update(keys, 10 * keys, layer) for layer in range(2)]


@pytest.mark.parametrize("fixed", [True, False])
def test_each_row_holds_its_own_tokens_behind_each_other(one_thread, fixed):
    import torch

    cache = empty([3, 5, 2], fixed)
    plain = [[], [], []]
    for rows in (range(2), range(2, 3)):
        longest = max(cache.lengths[row] for row in rows)
        keys = torch.randn(len(rows), 2, longest, 4)
        with cache.filling(rows):
            got = cache.held.update(keys, 10 * keys, 0)
            cache.held.update(keys, 10 * keys, 1)
        assert got[0] is keys  # a prompt looks at itself alone
        for place, row in enumerate(rows):
            plain[row] = [keys[place, :, n] for n in range(longest - cache.lengths[row], longest)]
    for step in range(SPARE + 2):
        cache.reserve(max(cache.lengths) + 1)
        keys = torch.randn(3, 2, 1, 4)
        fed = [row for row in range(3) if (step + row) % 3]
        put(cache, [[cache.lengths[row] if row in fed else cache.pad_slot] for row in range(3)], keys)
        for row in fed:
            plain[row].append(keys[row, :, 0])
            cache.lengths[row] += 1
    for layer in cache.held.layers:
        for row, tokens in enumerate(plain):
            assert cache.lengths[row] == len(tokens)
            assert torch.equal(layer.keys[row, :, : len(tokens)], torch.stack(tokens, 1))
            assert torch.equal(layer.values[row, :, : len(tokens)], 10 * torch.stack(tokens, 1))
    cache.keep([2, 0])
    assert cache.lengths == [len(plain[2]), len(plain[0])]
    assert torch.equal(cache.held.layers[1].keys[1, :, : len(plain[0])], torch.stack(plain[0], 1))


def test_attention_reads_whole_rows_or_as_far_as_tokens_go(one_thread):
    import torch

    for fixed, positions in ((True, empty([7]).size), (False, 9)):
        cache = empty([7, 4], fixed)
        cache.reserve(9)
        for keys, values in put(cache, [[7, 8], [4, 5]], torch.ones(2, 2, 2, 4)):
            assert keys.shape == values.shape == (2, 2, positions, 4)


def test_a_token_is_written_in_place_and_few_sizes_come_up(one_thread):
    cache = empty([7])
    assert cache.size == 320  # 7 + 256 + 1, in blocks of 64
    homes, sizes = set(), set()
    for needed in range(8, 320):
        cache.reserve(needed)
        homes.add(cache.held.layers[0].keys.data_ptr())
    assert len(homes) == 1
    for needed in range(320, 32_768, 7):
        cache.reserve(needed)
        sizes.add(cache.size)
        assert cache.size > needed
    assert len(sizes) <= 7
    assert all(size % BLOCK == 0 for size in sizes)


@pytest.mark.parametrize(("heads", "key_heads", "n"), [(4, 2, 1), (4, 2, 5), (28, 4, 3), (3, 3, 2)])
def test_packed_heads_attend_as_repeated_keys_do(one_thread, heads, key_heads, n):
    import torch

    query, key, value = torch.randn(2, heads, n, 8), torch.randn(2, key_heads, 11, 8), torch.randn(2, key_heads, 11, 8)
    seen = torch.rand(2, 1, n, 11) > 0.3
    seen[..., 0] = True
    mask = torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))
    shared = heads // key_heads
    got, _ = packed_attention(None, query, key, value, mask.repeat(1, 1, shared, 1), scaling=0.3)
    wide = [t.repeat_interleave(shared, 1) for t in (key, value)]
    expected = torch.nn.functional.scaled_dot_product_attention(query, *wide, attn_mask=seen, scale=0.3)
    torch.testing.assert_close(got, expected.transpose(1, 2))


def test_songs_are_cut_into_groups_of_at_most_so_many_tokens():
    assert [list(group) for group in slices([1000] * 5, 2500)] == [[0, 1], [2, 3], [4]]
    assert [list(group) for group in slices([5000] * 3, 2500)] == [[0], [1], [2]]
    assert [list(group) for group in slices([5000] * 3, None)] == [[0, 1, 2]]
    assert [list(group) for group in slices([900, 500, 500, 800, 9000, 1], 2500)] == [[0, 1], [2, 3], [4], [5]]
    assert slices([], 2500) == []


def test_long_songs_share_a_prefill_with_their_like_alone():
    """A mask would be needed for the shorter ones."""
    assert [list(group) for group in slices([5000, 5000, 4999, 2001, 2000, 30], None)] == [[0, 1], [2], [3], [4, 5]]
    assert [list(group) for group in slices([30, 2001, 30, 30, 2000], None)] == [[0], [1], [2, 3, 4]]
