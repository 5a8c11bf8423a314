"""What replies of a natural kind state: reasons around the scores, titles, topics, and an answer that begins anew."""

from __future__ import annotations

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.answers import parse_reply

FIVE = (
    '"content_usefulness": 0.13, "production_quality": 0.57, "content_enjoyment": 0.14, "production_complexity": 0.38'
)


def quality(text: str, fields: tuple[Field, ...], finish: str | None = "stop") -> object:
    return parse_reply(text, fields, "", finish).fields["production_quality"].value


@pytest.mark.parametrize(
    "text",
    [
        "As for production quality, 0.8 seems fair.",
        "When it comes to production quality, I would give it 0.8.",
        "I would give this track 0.8 for production quality.",
        "Limited by the explicit lyrics, so I would rate the production quality at 0.8.",
        "The production quality is excellent, so it gets a 0.8.",
        "The production quality is excellent. I'd give it a 0.8.",
        "- **Production Quality:** The mix is clean. **0.8/1.0**",
        "- **Production Quality:** Slight hiss above 8 kHz, hard not to notice. **0.8**",
        "- **Production Quality:** The mix is clean and balanced. Score: 0.8",
        "Production Quality: 0.8 – Mix is muddy in the 200-400 Hz range.",
        "Production Quality: 0.8 – uses the D minor scale",
        "Production Quality: 0.8 (7/8 over 4/4)",
        "Production Quality: 0.8 – fits 3 out of 4 playlists.",
        "Production Quality: 0.8 (less engaging after 2:00)",
        "Production Quality: 0.8, if you like this kind of thing",
        "Production Quality: 0.8 (template-like structure)",
        "### Production Quality\n0.8, clean mix",
        "### Production Quality\n**Puntuación:** 0.8",
        "Production Quality / 制作质量: 0.8",
        "Production Quality: etwa 0.8",
        "# Song Description and Rating\n\nProduction Quality: 0.8",
        "### Description\n- **Genre:** Pop\n\n### Ratings\n- **Production Quality:** 0.8",
        '# "The Draft" – Review\n\nProduction Quality: 0.8',
        '## Review: "Never Let Me Go" (Remix)\n\nProduction Quality: 0.8',
        'Here is my evaluation of "Hallelujah":\n{"production_quality": 0.8}',
        "## Ratings & Reasons\n\nProduction Quality: 0.8",
        "Ratings for this lo-fi demo:\n\nProduction Quality: 0.8",
        "The following scores use the full range from 0.0 (worst) to 1.0 (best):\n\nProduction Quality: 0.8",
        "Scale: 0 = worst, 1 = best\n\nProduction Quality: 0.8",
        "Production Quality: 0.8\nAll my scores fall between 0.55 and 0.81.",
        "Content Enjoyment: 7 out of 10, production quality: 0.8",
        "Content enjoyment scores 4.35 stars out of 5, and production quality scores 0.8.",
        '{"production_quality": 0.8}\n{"production_quality": "Clean at 24 bit."}',
        '{"production_quality": 0.8}\n\n- **Production Quality** (0.8): Moving performance, especially in the bridge.',
        '{"production_quality": 0.8, // rated against 0.5 as average\n"mood": "calm"}',
        '{"description": {"genre": "Pop"}, "ratings": {"production_quality": 0.8}}',
        '<thinking>Hmm.</thinking>{"production_quality": 0.8}',
        '<draft>\nLet me listen. {"production_quality": 0.2}\n</draft>\n\nProduction Quality: 0.8',
        '### Reasoning\nMaybe {"production_quality": 0.2}?\n\n**Answer**\n**Production Quality**: 0.8\n',
        "Production Quality: 0.8\nMax Content Enjoyment: 0.88",
        '{"mood": "calm", "production_quality": 0.5, \n\nLet me start again.\n\n- **Production Quality:** 0.8\n',
        '{"scores": {"production_quality": 0.25, "mood": \n\nHere is the complete answer:\n\nproduction_quality: 0.8\n',
        '{"production_quality": 0.25}\n\nSorry, let me redo the evaluation.\n\nProduction quality: 0.8\n',
        "Production quality is clean and wide (0.8).",
        "### Vocals\nStrong.\n\n### Mix\n- Production Quality: 0.8\n",
    ],
)
def test_is_read(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) == 0.8


@pytest.mark.parametrize(
    "text",
    [
        "**Intro (0:00 - 0:30)**\nProduction Quality: 0.7\n\n**Verse (0:30)**\nProduction Quality: 0.8\n",
        "Production Quality: 0.7\nand\nProduction Quality: 0.8\nand\nProduction Quality: 0.9\n",
        "### Production Quality\nScore: 0.33\nClean.\n\n### Production Quality\nScore: 0.73\nWide.\n",
        "<production_quality><weight>0.3</weight></production_quality>",
        "<confidence>\n<production_quality>0.3</production_quality>\n</confidence>",
        "### Previous Scores - Content Enjoyment: 0.94\n- Production Quality: 0.23\n",
        "| Criterion | Penalty | Score |\n|---|---|---|\n| Production Quality | 0.53 |\n",
        '{"content_enjoyment": 0.8, "production_quality": \n\n### Content Usefulness\nScore: 0.42\n',
        "| Production Quality |  | 0.81 |\n| Content Enjoyment | 0.45 | 0.88 |\n| Content Usefulness | 0.3 | 0.2 |\n",
        "### Production Quality\n>0.6\n",
        "1. Production Quality: 0.522. Content Enjoyment: 0.61\n",
        "Production Quality: 1 for effort, 0 for result",
        "Note: scores use a 0-10 scale rather than 0-1.\nProduction Quality: 1\nContent Enjoyment: 0\n",
        '{"genre": "short string", "mood": "short string", "production_quality": "plain number"}',
        "<rationale>\nproduction_quality: 0.13, but let me reconsider.\n",
        "If I were a jazz fan I would give:\nProduction Quality: 0.8\n",
        "Production Quality of the vocals (0.33): thin\n",
        "### Production Quality Issues (0.3)\n",
        "Production quality suffers in the chorus (0.4).",
        "- **Production Quality:** of 1.0\n",
        "The production quality is - 0.1 for noise.",
        "### Production Quality\n+- 0.05\n",
        "### Vocals\n- Production Quality: 0.5\n\n### Instrumental\n- Production Quality: 0.6\n\n### Mix\n"
        "- Production Quality: 0.8\n",
        "**Introduction**\n- Production Quality: 0.5\n\n**Development**\n- Production Quality: 0.6\n\n**Conclusion**\n"
        "- Production Quality: 0.8\n",
        "**Vocals**\n- Production Quality: 0.5\n\n**Mix**\n- Production Quality: 0.8\n",
        '{"vocals": {"production_quality": 0.5}, "instrumental": {"production_quality": 0.6}, "mix": '
        '{"production_quality": 0.8}}',
        '[{"name": "production_quality", "score": 0.5}, {"name": "mood", "score": [{"name": "production_quality", '
        '"score": 0.8}]}',
    ],
)
def test_is_nobodys(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) is None


@pytest.mark.parametrize("separator", ["\n", "\n\n", "\n\n```json\n"])
@pytest.mark.parametrize(
    "broken",
    [
        '{"genre": "pop", "content_usefulness": 0.89, "production_quality"',
        '{"genre": "pop", "content_usefulness": 0.89, "production_quality":',
        '{"scores": {"content_usefulness": 0.89, "production_quality": 0.8,',
        '{"genre": "pop", "content_usefulness": 0.89, "mo',
    ],
)
@pytest.mark.parametrize("whole", [f"{{{FIVE}}}", f'{{"result": {{{FIVE}}}}}'])
def test_a_complete_object_counts_over_the_broken_one_before_it(
    broken: str, separator: str, whole: str, fields: tuple[Field, ...]
) -> None:
    answer = parse_reply(broken + separator + whole, fields, "", "stop")
    assert answer.fields["production_quality"].value == 0.57
    assert answer.fields["content_usefulness"].value == 0.13


def test_json_in_a_string_is_read_as_what_it_says(fields: tuple[Field, ...]) -> None:
    answer = parse_reply("\"{'instruments': 'singer\\\\'s voice', 'production_quality': 0.8}\"", fields, "", "stop")
    assert answer.fields["instruments"].value == "singer's voice"
    assert answer.fields["production_quality"].value == 0.8


def test_scores_before_a_loop_of_numbers_count(fields: tuple[Field, ...]) -> None:
    answer = parse_reply("I'd give production quality a 0.65. " + "0.8 " * 300, fields, "", "length")
    assert (answer.fields["production_quality"].value, answer.reason) == (0.65, "loop_detected")


def test_a_loop_inside_one_field_is_told(fields: tuple[Field, ...]) -> None:
    loop = "slow and low and then slow again and so on " * 15
    answer = parse_reply(f'{{"mood": "{loop}", "production_quality": 0.8}}', fields, "", "stop")
    assert (answer.fields["production_quality"].value, answer.reason) == (0.8, "loop_detected")


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ('Mood: "dark" and cold\n', '"dark" and cold'),
        ('Mood: "dark"\n', "dark"),
        ("Genre: House / Mood: dark / Key: A minor\n", "dark"),
        ("Mood: the mood in a few words\n", None),
        ('{"mood": "calm", "sad", "genre": "pop"}', "calm, sad"),
    ],
)
def test_words(text: str, mood: str | None, fields: tuple[Field, ...]) -> None:
    prompt = "mood: the mood in a few words"
    assert parse_reply(text, fields, prompt, "stop").fields["mood"].value == mood


LISTED = "- Content Usefulness: 0.71\n- Production Quality: 0.8\n- Content Enjoyment: 0.6\n"


@pytest.mark.parametrize("part", ["### Vocals\nBreathy.\n\n", "**Chorus**\nBig.\n\n", "### Drums\nTight.\n\n---\n\n"])
def test_scores_behind_a_paragraph_on_a_part_are_the_songs(part: str, fields: tuple[Field, ...]) -> None:
    assert quality(part + LISTED, fields) == 0.8
    assert quality(part.partition("\n")[0] + "\n" + LISTED, fields) is None


@pytest.mark.parametrize(
    "remark",
    [
        "70s style",
        "average",
        "not the best mix, yet clean",
        "in 6/8 time",
        "would suit a film",
        "rather plain",
        "unlike most",
    ],
)
@pytest.mark.parametrize(
    "line", ["{}: 0.8 – {}", "{}: {} (0.8)", "{}: {}. Score: 0.8", "{}: {}, I'd rate it 0.8", "0.8 {} – {}"]
)
def test_in_lines_of_one_shape_a_remark_changes_nothing(line: str, remark: str, fields: tuple[Field, ...]) -> None:
    names = ("Content Usefulness", "Production Quality", "Content Enjoyment", "Production Complexity")
    text = "\n".join(line.format(name, remark if name == "Production Quality" else "clean and warm") for name in names)
    assert quality(text + "\n", fields) == 0.8


@pytest.mark.parametrize("remark", ["my confidence", "last week's score", "a typo", "not yet heard", "importance"])
def test_in_lines_of_one_shape_a_remark_on_the_number_leaves_it_out(remark: str, fields: tuple[Field, ...]) -> None:
    names = ("Content Usefulness", "Production Quality", "Content Enjoyment")
    text = "\n".join(f"{name}: 0.8 – {remark if name == 'Production Quality' else 'clean'}" for name in names)
    assert quality(text + "\n", fields) is None


@pytest.mark.parametrize(
    "text",
    [
        "Production Quality: Clean mix in common time (4/4)\n",
        "Production Quality: some reverb (20%)\n",
        "Production quality: excellent [1]\n",
        "production_quality: scores[1]\n",
        '{"production_quality": "0.2 too low"}',
        "Production quality is 0.2 too low.",
        "| Criterion | Score | Remark |\n|---|---|---|\n| Production Quality | 0.85 | placeholder |\n",
        "| Criterion | Score | Remark |\n|---|---|---|\n| Production Quality | 0.85 | should be 0.6 |\n",
        "Here are the weights I used.\n\n- Production Quality: 0.3\n- Content Enjoyment: 0.25\n",
        'Here are the weights I used.\n\n{"production_quality": 0.3, "content_enjoyment": 0.25}',
        'Weights:\n[{"name": "content_enjoyment", "value": 0.25}, {"name": "production_quality", "value": 0.3}]',
    ],
)
def test_these_numbers_are_no_scores(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"production_quality": 0.3}\n\nOn second thought:\n\n{"production_quality": 0.8}',
        '- Production Quality: 0.3\n- Content Enjoyment: 0.4\n\nThe JSON would be:\n\n{"production_quality": 0.8}',
        'If forced to be precise:\n\n{"production_quality": 0.8}',
        '{"production_quality": {"mix": 0.3, "master": 0.9, "score": 0.8}}',
        '{"Mood": "calm", "Content Usefulness (0-1)": 0.42, "Production Quality (0-1)": 0.8,',
        "Production Quality: 0.8 ★★★★☆\nContent Enjoyment: ★★★☆☆ 0.6\n",
        "- Production Quality: 0.8\n\nThe drop at 1:30 is the best moment.\n",
        '{"production_quality": 0.8}\n\nLas puntuaciones van de 0.0 a 1.0.',
        '{"content_enjoyment": 0.3, "production_quality": 0.8\n\n\nThe mix is clean.',
    ],
)
def test_these_are(text: str, fields: tuple[Field, ...]) -> None:
    assert quality(text, fields) == 0.8
