"""docs/teaching: timetables add up and agree with the lessons' cards; the answers are those of today's lessons."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "teaching"
LESSONS = {path.name[:2]: path for path in sorted((ROOT / "notebooks" / "text").glob("[0-9][0-9]_*.py"))}


@cache
def cells(number: str) -> tuple[list[str], list[str]]:
    """A lesson's words and its code, cell by cell."""
    words, code = [], []
    for cell in re.split(r"^# %%", LESSONS[number].read_text(encoding="utf-8"), flags=re.M)[1:]:
        head, _, body = cell.partition("\n")
        words.append(re.sub(r"^# ?", "", body, flags=re.M)) if "[markdown]" in head else code.append(body)
    return words, code


def page(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


def sections(text: str, level: str) -> dict[str, str]:
    """Heading -> what stands under it."""
    parts = re.split(rf"^{level} (.+)$", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a page's first table, by column."""
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", text, re.M)]
    return [dict(zip(table[0], row, strict=True)) for row in table[2:]]


# --- Timetables


def minutes_line(number: str) -> str:
    return next(line for words in cells(number)[0] for line in words.splitlines() if line.startswith("**Minutes**"))


def card(number: str, how: str = "whole") -> tuple[int, int]:
    """Minutes to read and to run (two CPU cores, `quick`) of a lesson or of its "part one", from its first cell."""
    line = minutes_line(number)
    read, ran = re.match(r"\*\*Minutes\*\* (\d+) to read, (\d+) on (?:two CPU cores|any machine)", line).groups()
    part = re.search(rf"\b{how}(?: takes)? (\d+)", line)
    assert part or how == "whole", f"the card of {number} does not say how long {how} takes: {line}"
    return int(part[1] if part else read), int(ran)


def headings(number: str) -> set[str]:
    return set(re.findall(r"^## (.+)$", "\n".join(cells(number)[0]), re.M))


def wrong_minutes(heading: str, table: list[dict[str, str]]) -> list[str]:
    """What does not agree: the sums with the heading, each lesson with its card, named sections with the notebook."""
    wrong, each = [], int(re.search(r"(\d+) minutes", heading)[1])
    counted = re.search(r"(one|five|twelve) (?:days|weeks)", heading)
    unit = next((name for name in ("day", "week") if name in table[0]), None)
    sums = {}
    for row in table:
        place = row[unit] if unit else "1"
        sums[place] = sums.get(place, 0) + int(row["minutes"])
        for number in re.findall(r"\d\d", row["lesson"]):
            if number not in LESSONS:
                wrong.append(f"{heading}: there is no lesson {number}")
                continue
            minutes, (read, ran) = int(row["minutes"]), card(number, row["how"] if row["how"] == "part one" else "whole")
            needs = f"{heading}: {minutes} minutes for {number}, whose card says {read} to read and {ran} to run"
            if row["how"] in ("whole", "part one") and not read + ran <= minutes <= 2 * (read + ran):
                wrong.append(needs)
            if row["how"] == "parts":
                what = row[next(name for name in row if name.startswith("what"))]
                named = re.findall(r"\*([^*]+)\*", what)
                wrong += [f"{heading}: {number} has no section {one!r}" for one in named if one not in headings(number)]
                if minutes >= read + ran or not named:
                    wrong.append(f"{needs}: no part, or no section is named")
            if row["how"] not in ("whole", "part one", "parts"):
                wrong.append(f"{heading}: {number} is done in which way? {row['how']!r}")
    days = {"five": 5, "twelve": 12}[counted[1]] if counted else 1
    if list(sums) != [str(one) for one in range(1, days + 1)]:
        wrong.append(f"{heading}: these have a row: {', '.join(sums)}")
    return wrong + [f"{heading}: {one} has {total} minutes" for one, total in sums.items() if total != each]


TIMETABLES = {
    head: rows(text) for head, text in sections(page("README.md"), "##").items() if re.search(r"\d+ minutes", head)
}


def test_there_are_four_timetables_and_all_lessons_have_a_place_in_the_longest():
    assert [re.match(r"90 minutes|Half a day|A week|A term", head)[0] for head in TIMETABLES] == [
        "90 minutes", "Half a day", "A week", "A term"]  # fmt: skip
    named = {number for row in list(TIMETABLES.values())[-1] for number in re.findall(r"\d\d", row["lesson"])}
    assert named == set(LESSONS), f"without a place in the term: {sorted(set(LESSONS) - named)}"


@pytest.mark.parametrize("heading", TIMETABLES)
def test_minutes_add_up_and_agree_with_the_lessons_cards(heading):
    wrong = wrong_minutes(heading, TIMETABLES[heading])
    assert not wrong, "\n".join(["docs/teaching/README.md:", *wrong])


@pytest.mark.parametrize("number", LESSONS)
def test_a_lessons_parts_take_together_what_its_card_says_and_each_has_its_heading(number):
    headed = [name.split(":")[0] for name in re.findall(r"^## (Part \w+: .+)$", "\n".join(cells(number)[0]), re.M)]
    told = re.findall(r"\b(part \w+)(?: takes)? (\d+)", minutes_line(number))
    assert [name.lower() for name in headed] == [name for name, _ in told] and len(told) != 1
    assert not told or sum(int(minutes) for _, minutes in told) == card(number)[0]


def test_wrong_timetables_are_found():
    def row(minutes, lesson, how, what=""):
        return {"minutes": minutes, "lesson": lesson, "how": how, "what": what}

    read, ran = card("02")
    short, unknown = row(str(read + ran - 1), "02", "whole"), row("5", "02", "parts", "*No such section*")
    total = read + ran - 1 + 5
    found = wrong_minutes(f"X: {total} minutes", [short, unknown])
    assert len(found) == 2 and "whose card says" in found[0] and "No such section" in found[1]
    assert any("has 30 minutes" in line for line in wrong_minutes("X: 90 minutes", [row("30", "", "")]))
    assert "whose card says" in wrong_minutes("X: 20 minutes", [row("20", "02", "part one")])[0]
    assert "no lesson 77" in wrong_minutes("X: 30 minutes", [row("30", "77", "whole")])[0]


# --- The answer key


ANSWERS = {head[:2]: sections(text, "###") for head, text in sections(page("answers.md"), "##").items()}


def questions(number: str) -> list[str]:
    """The recall questions of a lesson, in order."""
    recap = next(words for words in cells(number)[0] if words.startswith("## Recap"))
    return re.findall(r"^\d+\. (.+)$", recap, re.M)


def predictions(number: str) -> list[str]:
    """What follows each "Predict" of a lesson, up to the next one or the cell's end."""
    return sum((re.split(r"\*\*[Pp]redict\*\*", words)[1:] for words in cells(number)[0]), [])


def test_every_lesson_has_its_answers():
    assert list(ANSWERS) == list(LESSONS)


@pytest.mark.parametrize("number", LESSONS)
def test_every_recall_question_stands_in_the_key_word_by_word(number):
    asked = questions(number)
    answered = re.findall(r"^\d+\. \*\*(.+?)\*\* ", ANSWERS[number]["Questions"], re.M)
    lesson = LESSONS[number].name
    wrong = [f"the recap of {lesson} asks, and it has no answer: {one}" for one in asked if one not in answered]
    wrong += [f"{lesson} no longer asks: {one}" for one in answered if one not in asked]
    assert asked and not wrong, "\n".join([f"docs/teaching/answers.md, {number}:", *wrong])
    assert answered == asked, f"docs/teaching/answers.md, {number}: {lesson} asks the questions in another order"


@pytest.mark.parametrize("number", LESSONS)
def test_every_answer_is_short_and_names_the_wrong_one_that_tempts(number):
    blocks = re.split(r"^\d+\. \*\*", ANSWERS[number]["Questions"], flags=re.M)[1:]
    for block in blocks:
        question, _, rest = block.partition("** ")
        answer, mark, tempting = rest.partition("\n   - *Tempting*: ")
        count = len(re.findall(r"[.?!](?=\s|$)", answer))
        assert 2 <= count <= 5, f"{number}: {count} sentences in the answer to {question!r}"
        named = mark and re.match(r"\".+\"\. \S.{15,}", tempting)
        assert named, f"{number}: no wrong answer and reason for {question!r}"


@pytest.mark.parametrize("number", LESSONS)
def test_every_prediction_has_what_comes(number):
    asked = predictions(number)
    answered = re.findall(r'^- "(.+?)" (.{20,})$', ANSWERS[number].get("Predictions", ""), re.M)
    place, lesson = f"docs/teaching/answers.md, {number}", LESSONS[number].name
    for tail, (quoted, _) in zip(asked, answered, strict=False):
        assert quoted in tail, f"{place}: {lesson} asks {tail.strip()[:120]!r}, where the answers have {quoted!r}"
    assert len(asked) == len(answered), f"{place}: {len(answered)} answers to {len(asked)} predictions of {lesson}"


# --- Rubric and handout


def test_the_rubrics_weights_add_up_and_every_level_is_described():
    table = rows(page("rubric.md"))
    assert len(table) == 6 and sum(int(row["weight"]) for row in table) == 100
    for row in table:
        levels = [row[level] for level in ("very good", "good", "enough", "not yet")]
        assert len(set(levels)) == 4 and all(len(level) > 10 for level in levels), row["criterion"]
    weights = {row["criterion"]: int(row["weight"]) for row in table}
    example = weights["Measurement with uncertainty"] + (100 - weights["Measurement with uncertainty"]) / 2
    assert f"= {example}." in page("rubric.md")


def test_the_handout_is_one_page_and_its_ten_words_are_the_glossarys():
    text = page("handout.md")
    figure = re.search(r"```\n(.*?)```", text, re.S)[1].splitlines()
    assert len(text.splitlines()) <= 50 and max(map(len, figure)) <= 90
    words = re.findall(r"^\| ([a-z][\w ,]+) \|", text, re.M)
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| ([\w -]+?)(?: \([^|]*\))? \|", glossary, re.M))
    assert len(words) == 10 and {one for word in words for one in word.split(", ")} <= known
