"""Labelled lines, cells and tags; and that nothing else is read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from musicflamingo_cli.records import Field
from musicflamingo_cli.scoring.reply.parse import parse_reply


def quality(text: str, fields: Sequence[Field], finish: str = "stop") -> float | str | None:
    answer = parse_reply(text, fields, "", finish).fields["production_quality"]
    assert answer.value is None or answer.obtained in ("labelled", "rescaled")
    return answer.value


@pytest.mark.parametrize(
    "line",
    [
        *(
            "production_quality: 0.8",
            "- Production Quality: 0.8",
            "* **Production Quality:** 0.8",
            "1. Production Quality: 0.8",
        ),
        *(
            "**Production Quality**: 0.8",
            "__Production Quality__: **0.8**",
            "`production_quality`: `0.8`",
            "> Production Quality: 0.8",
        ),
        *(
            "• Production quality : 0.8",
            "### Production Quality: 0.8",
            "Production Quality： 0.8",
            '"production_quality": 0.8,',
        ),
        *(
            "Production Quality: 0.8/1.0",
            "Production Quality: 8/10",
            "Production Quality: 80%",
            "Production Quality: 0,8",
        ),
        *("Production Quality: 8 out of 10", "Production Quality (0-10): 8", "Production Quality: 0.8."),
        *("Production Quality: 0.8 - clean and wide", "Production Quality: **8/10** – very clean, no noise"),
        *("Production Quality: 0.8 — (a keeper)", "production_quality = 0.8", "Production Quality:\n0.8"),
        *("### Production Quality\n0.8", "### Production Quality\n\n**0.8**", "**Production Quality**\n8/10"),
        *("### Production Quality\n**Score:** 0.8", "<production_quality>0.8</production_quality>"),
        "<scores><production_quality> 8/10 </production_quality></scores>",
    ],
)
def test_a_number_behind_its_label(line: str, fields: Sequence[Field]) -> None:
    assert quality(line + "\n", fields) == 0.8
    assert quality(f"- Genre: dub\n{line}\n- Content Enjoyment: 0.4\n", fields) == 0.8
    assert quality(f"Ratings:\n\n{line}\n\nThe drop at 1:30 is the best.\n", fields) == 0.8


@pytest.mark.parametrize(
    "line",
    [
        *(
            "Production quality is great, earning a 0.8.",
            "I'd give production quality a 0.8.",
            "Production quality is 0.8.",
        ),
        *(
            "The production quality: I think 0.8",
            "As for production quality, 0.8 seems fair.",
            "0.8 for production quality",
        ),
        *("Produktionsqualität: 0.8", "制作质量：0.8", "La qualité de production: 0.8", "Low production quality: 0.8"),
        *(
            "Production Quality: 0.8 because it is clean",
            "Production Quality: 0.8 very clean",
            "Production Quality: 0.8 stars",
        ),
        *(
            "Production Quality: 0.8 - was 0.7",
            "Production Quality: 0.7-0.9",
            "Production Quality: 0.8?",
            "Production Quality: ~0.8",
        ),
        *(
            "Production Quality: about 0.8",
            "Production Quality: 0.8 or 0.9",
            "Production Quality: 0.8, 0.9",
            "Production Quality: high",
        ),
        *(
            "Production Quality: > 0.8",
            "Production Quality: 1. The mix is clean",
            "Production Quality: 0.8 (weight)",
            "Production Quality: 4/4",
        ),
        *(
            "### Production Quality\n>0.8",
            "### Production Quality\n+- 0.05",
            "### Production Quality\nThe 0.8",
            "Production Quality: some reverb (20%)",
        ),
        *(
            "Production Quality 0.8",
            "Production Quality - 0.8",
            "Production Quality (0.8)",
            "<weight><production_quality>0.8</production_quality></weight>",
        ),
        *(
            "Production Quality: 8",
            "Production Quality: 1 - out of ten",
            "weights:\n  production_quality: 0.8",
            "### Weights\nProduction Quality: 0.8",
        ),
    ],
)
def test_nothing_else_is_read(line: str, fields: Sequence[Field]) -> None:
    assert quality(line + "\n", fields) is None
    assert quality(f"Content Enjoyment: 0.4\n{line}\n", fields) is None


def test_two_lines_that_differ_are_ambiguous_and_others_stay(fields: Sequence[Field]) -> None:
    text = "Production Quality: 0.8\nContent Enjoyment: 0.4\n\n### Again\nProduction Quality: {}\n"
    answer = parse_reply(text.format(0.7), fields, "", "stop").fields
    assert (answer["production_quality"].value, answer["production_quality"].reason) == (None, "ambiguous")
    assert answer["content_enjoyment"].value == 0.4
    assert quality(text.format(0.8), fields) == 0.8
    assert quality(text.format("The mix is clean"), fields) == 0.8


BLOCK = "- **Content Usefulness:** fits (0.5)\n- **Production Quality:** clean{}\n- **Content Enjoyment:** fun (0.7)\n"


@pytest.mark.parametrize(
    ("remark", "value"),
    [(" (0.8)", 0.8), (" (8/10)", 0.8), ("", None), (" with 2 guitars (0.8)", None), (" (0.8) and wide", None)],
)
def test_numbers_in_brackets_count_in_every_line_of_a_block_or_in_none(
    remark: str, value: float | None, fields: Sequence[Field]
) -> None:
    answer = parse_reply(BLOCK.format(remark), fields, "", "stop").fields
    assert answer["production_quality"].value == value
    assert answer["content_enjoyment"].value == (None if value is None else 0.7)


HEAD = "| Dimension | {} |\n|---|---|\n| Production Quality | {} |\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((HEAD.format(head, 0.8), 0.8) for head in ("Score", "Rating", "Value", "Score (0-1)", "**Final Score**")),
        *((HEAD.format(head, 8), 0.8) for head in ("Score /10", "Score (max 10)", "Rating (out of 10)")),
        *((HEAD.format(head, 0.8), None) for head in ("Weight", "Confidence", "Max", "Track A", "Notes")),
        (HEAD.format("Score", "0.7 - 0.9"), None),
        (HEAD.format("Score", "<0.5"), None),
        ("| Production Quality | 0.8 |\n| Content Enjoyment | 0.4 |\n", 0.8),
        ("| Production Quality | 0.8 | 0.3 |\n", None),
        ("Dimension | Score\n---|---\nProduction Quality | 0.8\n", 0.8),
        ("| Dimension | Weight | Score |\n|:--|--:|---|\n| **Production Quality** | 0.3 | **0.8** |\n", 0.8),
        ("| Dimension | Score | Remark |\n|---|---|---|\n| Production Quality | 0.8 | 3 guitars |\n", 0.8),
        ("| Dimension | Score | Max |\n|---|---|---|\n| Production Quality | 1 | 10 |\n", None),
        ("| Dimension | Track A | Track B |\n|---|---|---|\n| Production Quality | 0.1 | 0.8 |\n", None),
        ("| Criterion | Penalty | Score |\n| Production Quality | 0.53 |\n", None),
        ("| | |\n|-|-|\n| Production Quality | 0.8 |\n", 0.8),
        ("| | | |\n|-|-|-|\n| Production Quality | 0.1 | 0.8 |\n", None),
    ],
)
def test_cells(text: str, value: float | None, fields: Sequence[Field]) -> None:
    assert quality(text, fields) == value


@pytest.mark.parametrize(
    "between", ["", "\n", "+---+---+\n", "===\n", "|---|---|\n\n", "Four words and more.\n", "\n| Chord | Bar |\n"]
)
@pytest.mark.parametrize(("head", "value"), [("Score", 0.8), ("Weight", None), ("Max", None)])
def test_the_head_of_a_table_holds_up_to_the_next(
    between: str, head: str, value: float | None, fields: Sequence[Field]
) -> None:
    text = f"| Dimension | {head} |\n{between}| Production Quality | 0.8 |\n"
    assert quality(text, fields) == (None if "Chord" in between else value)
    again = "\n| Dimension | Rating |\n|---|---|\n| Content Enjoyment | 0.4 |\n"
    assert parse_reply(text + again, fields, "", "stop").fields["content_enjoyment"].value == 0.4


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("| Dimension  Max | Score |", "| Production Quality | 0.2 | 0.8 |"),
        ("| # | Dimension | Score | Max |", "| Production Quality | 0.8 | 1.0 |"),
        ("| Dimension | Weight | Previous | Score |", "| Production Quality | 0.5 || 0.4 | 0.8 |"),
        *(
            (f"{mark} | Dimension | Score | Max |", "| Production Quality | 0.8 | 1.0 |")
            for mark in ("Scores:", ">", "1.")
        ),
    ],
)
def test_a_row_out_of_step_with_its_head_states_nothing(head: str, row: str, fields: Sequence[Field]) -> None:
    rule = "|---" * (head.count("|") - 1) + "|"
    assert quality(f"{head}\n{rule}\n{row}\n", fields) is None


def test_a_rule_whose_head_is_lost_leaves_its_rows_unread(fields: Sequence[Field]) -> None:
    assert quality("|---|---|\n| Production Quality | 0.8 |\n", fields) is None


def test_a_table_holds_words(fields: Sequence[Field]) -> None:
    for edge in ("| ", ""):
        rows = ("Field | Value", "---|---", "Genre | dub", "Mood | calm", "Production Quality | 0.8")
        answer = parse_reply("".join(f"{edge}{row}\n" for row in rows), fields, "", "stop").fields
        assert [answer[name].value for name in ("genre", "mood", "production_quality")] == ["dub", "calm", 0.8]


def test_lines_stand_under_a_name_right_above_them(fields: Sequence[Field]) -> None:
    lines = "  - Production Quality: 0.8\n  - Content Enjoyment: 0.4\n"
    assert quality("My assessment of it:\n\n" + lines, fields) == 0.8
    assert quality("Track B:\n" + lines, fields) is None
    assert quality("Weights:\n\n" + lines, fields) is None


@pytest.mark.parametrize("below", ["5", " 5", ".5", "5,", "0.3"])
def test_a_number_alone_below_a_labelled_one_leaves_it_in_doubt(below: str, fields: Sequence[Field]) -> None:
    for label in ("- Production Quality: ", "Production Quality\n", "Genre: dub\nProduction Quality: "):
        answer = parse_reply(f"{label}0.8\n{below}\nContent Enjoyment: 0.4\n", fields, "", "stop").fields
        assert (answer["production_quality"].value, answer["production_quality"].reason) == (None, "ambiguous")
        assert answer["content_enjoyment"].value == 0.4


def test_a_closed_tag_neither_goes_on_nor_is_cut() -> None:
    genre = (Field("genre", "text"),)
    assert parse_reply("<genre>dub</genre>\nThat is all.\n", genre, "", "stop").fields["genre"].value == "dub"
    score = (Field("production_quality", "score", low=0.0, high=1.0, weight=1.0),)
    closed = parse_reply("<production_quality>0.8</production_quality>", score, "", "length")
    assert closed.fields["production_quality"].value == 0.8


@pytest.mark.parametrize("cut", ["0.8", "0.8 ", "0.8 - cle", "8/1", "0.", "1"])
def test_the_last_line_of_a_text_that_the_model_did_not_end_is_cut_off(cut: str, fields: Sequence[Field]) -> None:
    answer = parse_reply(f"Content Enjoyment: 0.4\nProduction Quality: {cut}", fields, "", "length").fields
    assert (answer["production_quality"].value, answer["production_quality"].reason) == (None, "cut_off")
    assert answer["content_enjoyment"].value == 0.4


def test_lines_of_the_prompt_are_no_answer(fields: Sequence[Field]) -> None:
    prompt = "Answer like this:\nmood: the mood in a few words\nproduction_quality: 0.5\n"
    text = "- Mood: the mood in a few words\n- production_quality: 0.5\n"
    assert parse_reply(text, fields, prompt, "stop").status == "failed"
    answer = parse_reply(text + "Production Quality: 0.8\n", fields, prompt, "stop").fields
    assert (answer["production_quality"].value, answer["mood"].value) == (0.8, None)


DESCRIBE = tuple(Field(name, "text") for name in ("genre", "tempo", "key", "description"))
WHOLE = {"genre": "dub, 4 to the floor", "tempo": "120 BPM", "key": "A minor", "description": "It opens.\n\nIt ends."}


def texts(text: str, finish: str = "stop") -> dict[str, object]:
    return {n: one.value for n, one in parse_reply(text, DESCRIBE, "", finish).fields.items() if one.value is not None}


@pytest.mark.parametrize(
    "form",
    [
        "genre: {genre}\ntempo: {tempo}\nkey: {key}\ndescription: {description}\n",
        "**Genre:** {genre}\n**Tempo:** {tempo}\n**Key:** {key}\n**Description:**\n{description}\n",
        "## Genre\n{genre}\n\n## Tempo\n{tempo}\n\n## Key\n{key}\n\n## Description\n{description}\n",
        "**Genre**\n{genre}\n\n**Tempo**\n{tempo}\n\n**Key**\n{key}\n\n**Description**\n{description}\n",
    ],
)
def test_the_words_of_a_pack_without_numbers_are_whole(form: str) -> None:
    assert texts(form.format(**WHOLE)) == WHOLE


@pytest.mark.parametrize(
    "words", ["The guitar (key: C major) plays a riff.", "What is key: the groove.", "Slow; tempo: 60 BPM. Then fast."]
)
def test_names_among_words_are_words(words: str) -> None:
    text = f"genre: dub\ntempo: 120 BPM\nkey: A minor\ndescription: {words}\n"
    assert texts(text) == {"genre": "dub", "tempo": "120 BPM", "key": "A minor", "description": words}


def test_words_that_the_end_cuts_off_are_none() -> None:
    assert texts("genre: dub\n\ndescription: It opens.\nIt en", "length") == {"genre": "dub"}


@pytest.mark.parametrize(
    ("line", "words"),
    [("genre: *dub*, **blues**", "dub, blues"), ('genre: "dub"', "dub"), ('genre: "dub" and ska', '"dub" and ska')],
)
def test_marks_of_markdown_are_no_words(line: str, words: str) -> None:
    assert texts(line + "\n")["genre"] == words


def test_numbers_above_their_labels_are_not_read_as_those_below(fields: Sequence[Field]) -> None:
    assert quality("0.3\nGenre\n0.4\nProduction Quality\n0.8\nContent Enjoyment\n", fields) is None
    assert quality("0.4\n**Production Quality**\n\n0.8\n**Content Enjoyment**\n\nA fine song.\n", fields) is None
    assert quality("Content Usefulness\n0.4\n\nProduction Quality\n0.8\n\nContent Enjoyment\n0.7\n", fields) == 0.8
    # A number whose label is none of ours may as well stand above one that is.
    assert quality("Drums\n0.4\n\nProduction Quality\n0.8\n\nContent Enjoyment\n0.7\n", fields) is None
    assert quality("Production Quality\n0.8\nContent Enjoyment\n", fields) == 0.8


BULLETS = "- Production Quality: 0.8\n- Content Enjoyment: 0.4\n"
PLAIN = "Production Quality: 0.8\nContent Enjoyment: 0.4\n"


@pytest.mark.parametrize(
    "above",
    [
        *(
            "Ratings:\n",
            "## Ratings (0-1)\n\n",
            "**My Scores**\n",
            "# Music Quality Report\n\n## 2. Scores\n",
            "> Scores\n",
        ),
        *("Sure! Here is how I would rate it:\n\n", "I like it.\n\n", "Overall impression: warm\n\n", "```yaml\n"),
        *("Song: Midnight Drive\nArtist: Luna\n\n", "Scores\n------\n", "The track is warm.\n\n---\n\n"),
    ],
)
def test_lines_count_under_names_of_the_closed_list_and_sentences(above: str, fields: Sequence[Field]) -> None:
    for lines in (BULLETS, PLAIN):
        assert quality(above + lines, fields) == 0.8


@pytest.mark.parametrize(
    "name", ["Weights", "Track B", "Example output", "Midnight Drive", "we:ights", "Wei ghts", "W"]
)
@pytest.mark.parametrize(
    "form", ["{}:\n", "{}\n", "{}:\n\n", "## {}\n", "**{}**\n\n", "### {}:\n", "{}: \n  ", "{};\n"]
)
def test_lines_count_under_no_other_name_however_it_is_damaged(name: str, form: str, fields: Sequence[Field]) -> None:
    for lines in (BULLETS, PLAIN, "Content Enjoyment: 0.4\n" + PLAIN):
        assert quality(form.format(name) + lines, fields) is None


def test_sections_that_differ_are_ambiguous_and_nested_names_are_not(fields: Sequence[Field]) -> None:
    assert quality("## Scores\n" + PLAIN + "\n## Track B\n" + PLAIN.replace("0.8", "0.3"), fields) is None
    assert quality("scores:\n  production_quality: 0.8\nweights:\n  production_quality: 0.3\n", fields) == 0.8


@pytest.mark.parametrize(
    "outer", ["<weights>{}</weights>", "weights>{}</weights>", "<weights>{}</weight>", "{}</weights>"]
)
def test_tags_within_others_or_behind_a_torn_one_state_nothing(outer: str, fields: Sequence[Field]) -> None:
    assert quality(outer.format("\n<production_quality>0.8</production_quality>\n") + "\n", fields) is None


def test_the_head_of_a_table_is_its_first_row_even_if_the_rule_is_damaged(fields: Sequence[Field]) -> None:
    rows = "| Production Quality | 0.8 |\n| Content Enjoyment | 0.4 |\n"
    for rule in ("|---|---|\n", "|-x-|---|\n", ""):
        assert quality(f"| Dimension | Weight |\n{rule}{rows}", fields) is None
        assert quality(f"| Dimension | Score |\n{rule}{rows}", fields) == 0.8
    assert (
        quality(f"| Dimension | Score |\n|---|---|\n{rows}\n| Dimension | Weight |\n|---|---|\n{rows}", fields) == 0.8
    )


@pytest.mark.parametrize("last", ["Overall", "Ove", "Groove", "Total", "", "{", "}", "]"])
def test_no_number_that_may_belong_to_the_label_below_it(last: str, fields: Sequence[Field]) -> None:
    listed = f"0.8\nContent Usefulness\n\n0.7\nProduction Quality\n\n0.6\n{last}"
    for text in (listed, f"Scores\n{listed}", f"{listed}\n0.5\n}}"):
        for finish in ("stop", "length"):
            assert quality(text, fields, finish) is None, text


def test_a_remark_that_holds_another_label_is_no_remark(fields: Sequence[Field]) -> None:
    joined = "- Production Quality: clear, Content Enjoyment: warm (0.7)\n- Content Usefulness: good (0.6)\n"
    assert quality(joined, fields) is None
    assert quality(joined.replace(", Content Enjoyment:", " and"), fields) == 0.7


@pytest.mark.parametrize(("behind", "value"), [("/10", 0.1), (" out of 10", 0.1), ("\n/10", 0.1)])
def test_a_scale_behind_a_closing_tag_is_the_number_s(
    behind: str, value: float | None, fields: Sequence[Field]
) -> None:
    assert quality(f"<production_quality>1</production_quality>{behind}\n", fields) == value
    tagged = f"<production_quality>0.8</production_quality>{behind}\n<content_enjoyment>0.4</content_enjoyment>\n"
    assert quality(tagged, fields) is None
    assert quality(tagged.replace(behind, " clean", 1), fields) == 0.8


@pytest.mark.parametrize("below", ["/10", "/ 10", "out of 10", "%", "of 10"])
def test_a_scale_below_a_number_leaves_it_unread(below: str, fields: Sequence[Field]) -> None:
    assert quality(f"Production Quality: 0.5\n{below}\nContent Enjoyment: 0.4\n", fields) is None
