"""Random checkpoints of the real classes, a megabyte each, built in a second: the shape of the real ones in small.

The tokenizer splits text like Qwen2.5's (digits one by one), the chat template puts the sound before the words of a
turn, windows last 30 s. The weights are noise: what a reply says means nothing, how it comes about is what is tested.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen2.5 cuts text into words before merging bytes."""
MARKS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<sound>", "<|sound_bos|>", "<|sound_eos|>", "<|pad|>")
WORDS = (  # noqa: SIM905
    """music quality production melody harmony rhythm vocals mix master tempo key genre mood overall score content
usefulness enjoyment complexity recommendation instruments style rock jazz folk drums bass guitar piano warm bright dark
slow fast minor major strings café naïve 音楽 très"""
).split()
TEMPLATE = """\
{%- if messages[0]['role'] != 'system' %}<|im_start|>system
You listen to music.<|im_end|>
{% endif %}
{%- for turn in messages %}<|im_start|>{{ turn['role'] }}
{% if turn['content'] is string %}{{ turn['content'] }}
{%- else %}{%- for part in turn['content'] if part['type'] == 'audio' %}<sound>{% endfor %}
{%- for part in turn['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}
{%- endif %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a model is."""

    layers: int = 2
    width: int = 64
    feed_forward: int = 128
    heads: int = 4
    key_heads: int = 2
    sound_layers: int = 1
    sound_width: int = 64
    sound_feed_forward: int = 128
    sound_heads: int = 2
    vocabulary: int = 0
    """Rows of the token table; 0 for a few more than the tokenizer has tokens."""
    spread: float = 0.2
    """Standard deviation of the weights."""


SMALL = Shape(12, 640, 2560, 10, 2, 8, 512, 2048, 8, spread=0.02)
"""A hundred million parameters, shared out between language model and encoder as in the real one."""
REAL = Shape(28, 3584, 18944, 28, 4, 32, 1280, 5120, 20, 151_672, spread=0.02)
"""The real model: 8.27 billion parameters."""


def build_checkpoint(folder: Path, kind: str = "musicflamingo", seed: int = 0) -> Path:
    """Write a tiny checkpoint of one kind, `musicflamingo` or `audioflamingo3`, to a folder and return it."""
    import torch

    torch.manual_seed(seed)
    model, processor = build_model(kind, Shape(), build_tokenizer())
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def build_model(kind: str, shape: Shape, tokenizer: Any, dtype: Any = None) -> tuple[Any, Any]:
    """Return (model, processor) with random weights, on torch's default device."""
    import transformers as hf

    ids = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in MARKS}
    text = hf.Qwen2Config(
        vocab_size=shape.vocabulary or len(tokenizer) + 6,
        hidden_size=shape.width,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=32768,
        bos_token_id=None,
        eos_token_id=ids["<|im_end|>"],
        pad_token_id=ids["<|pad|>"],
        tie_word_embeddings=False,
        initializer_range=shape.spread,
        use_cache=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
    )
    sound = hf.AudioFlamingo3EncoderConfig(
        hidden_size=shape.sound_width,
        num_hidden_layers=shape.sound_layers,
        num_attention_heads=shape.sound_heads,
        intermediate_size=shape.sound_feed_forward,
        num_mel_bins=128,
    )
    features = hf.WhisperFeatureExtractor(feature_size=128, return_attention_mask=True)
    parts: dict[str, Any] = {"feature_extractor": features, "tokenizer": tokenizer, "chat_template": TEMPLATE}
    if kind == "musicflamingo":
        config = hf.MusicFlamingoConfig(
            audio_config=sound,
            text_config=text,
            audio_token_id=ids["<sound>"],
            audio_bos_token_id=ids["<|sound_bos|>"],
            audio_eos_token_id=ids["<|sound_eos|>"],
            rope_parameters={"rope_type": "default", "rope_theta": 1200, "partial_rotary_factor": 0.2},
        )
        made, processor = hf.MusicFlamingoForConditionalGeneration, hf.MusicFlamingoProcessor(**parts)
    else:
        config = hf.AudioFlamingo3Config(audio_config=sound, text_config=text, audio_token_id=ids["<sound>"])
        made, processor = hf.AudioFlamingo3ForConditionalGeneration, hf.AudioFlamingo3Processor(**parts)
    model = made(config) if dtype is None else made._from_config(config, dtype=dtype)
    model.generation_config = hf.GenerationConfig(eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|pad|>"])
    return model.eval(), processor


def build_tokenizer(lines: Sequence[str] = (), size: int = 600) -> Any:
    """Return a byte-level tokenizer of at most `size` tokens and a few marks, trained on noise and further lines."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    chance = random.Random(0)
    noise = [
        json.dumps({chance.choice(WORDS): " ".join(chance.choices(WORDS, k=6))}, ensure_ascii=False) for _ in range(800)
    ]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        [*noise, *lines],
        trainers.BpeTrainer(vocab_size=size, min_frequency=2, initial_alphabet=alphabet, show_progress=False),
    )
    core.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in MARKS])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|pad|>", bos_token=None, padding_side="left"
    )
