"""Random checkpoints of the real classes, a megabyte each, built in a second: the shape of the real ones in small.

The tokenizer splits text like Qwen2.5's (digits one by one), the chat template puts the sound before the words of a
turn, windows last 30 s. The weights are noise: what a reply says means nothing, how it comes about is what is tested.
"""

from __future__ import annotations

import json
import random
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


def build_checkpoint(
    folder: Path, kind: str = "musicflamingo", seed: int = 0, width: int = 64, layers: int = 2
) -> Path:
    """Write a checkpoint of one kind, `musicflamingo` or `audioflamingo3`, to a folder and return it."""
    import torch
    import transformers as hf

    tokenizer = build_tokenizer()
    ids = {mark: tokenizer.convert_tokens_to_ids(mark) for mark in MARKS}
    text = hf.Qwen2Config(
        vocab_size=len(tokenizer) + 6,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=32768,
        bos_token_id=None,
        eos_token_id=ids["<|im_end|>"],
        pad_token_id=ids["<|pad|>"],
        tie_word_embeddings=False,
        initializer_range=0.2,
        use_cache=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
    )
    sound = hf.AudioFlamingo3EncoderConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * width,
        num_mel_bins=128,
    )
    torch.manual_seed(seed)
    features = hf.WhisperFeatureExtractor(feature_size=128, return_attention_mask=True)
    parts: dict[str, Any] = {"feature_extractor": features, "tokenizer": tokenizer, "chat_template": TEMPLATE}
    if kind == "musicflamingo":
        config = hf.MusicFlamingoConfig(
            audio_config=sound,
            text_config=text,
            audio_token_id=ids["<sound>"],
            audio_bos_token_id=ids["<|sound_bos|>"],
            audio_eos_token_id=ids["<|sound_eos|>"],
            rope_parameters={"rope_type": "default", "rope_theta": 1200},
        )
        model, processor = hf.MusicFlamingoForConditionalGeneration(config), hf.MusicFlamingoProcessor(**parts)
    else:
        config = hf.AudioFlamingo3Config(audio_config=sound, text_config=text, audio_token_id=ids["<sound>"])
        model, processor = hf.AudioFlamingo3ForConditionalGeneration(config), hf.AudioFlamingo3Processor(**parts)
    model.generation_config = hf.GenerationConfig(eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|pad|>"])
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def build_tokenizer() -> Any:
    """Return a byte-level tokenizer of some 500 tokens."""
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
    lines = [
        json.dumps({chance.choice(WORDS): " ".join(chance.choices(WORDS, k=6))}, ensure_ascii=False) for _ in range(800)
    ]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=600, min_frequency=2, initial_alphabet=alphabet, show_progress=False)
    )
    core.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in MARKS])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|pad|>", bos_token=None, padding_side="left"
    )
