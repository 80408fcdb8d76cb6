"""A catalogue says what it can, and leaves English what it cannot."""

import time

import pytest
from babel.messages.catalog import Catalog

from portal.languages import catalogues, choice
from portal.languages.wording import find_misfit, split_placeholders
from rules.documents.unusual import NOUNS


@pytest.fixture
def malay():
    made = Catalog(locale="ms")
    spoken = [("holding/x.py", 0)]
    for message, told in {
        "Posted": "Telah dipos",
        "You cannot approve %(number)s, because %(t_why)s": "%(number)s tidak: %(t_why)s",
        "You cannot approve %(number)s, because it is %(state)s.": "%(number)s kini %(state)s.",
        "you entered it": "anda memasukkannya",
        "Nothing was changed.": "Tiada perubahan.",
        "100%% of it": "100%% daripadanya",
        "%(t_records)s wait": "%(t_records)s menunggu",
        "%(n)s h": "%(n)s jam",
        "%(no)s of %(name)s": "%(no)s daripada %(name)s",
        "%(name)s is not %(shown)s.": "%(name)s bukan %(shown)s.",
        "%(name)s for %(person)s": "%(name)s bagi pihak %(person)s",
        "on hold": "ditahan",
        "approve, release and reject": "meluluskan, melepaskan dan menolak",
        "or": "atau",
        "Yes: %(t_told)s.": "Ya: %(t_told)s.",
        "%(t_label)s, opened by %(name)s here": "%(t_label)s, dibuka oleh %(name)s",
    }.items():
        made.add(message, told, locations=spoken)
    made.add(("%(n)s record", "%(n)s records"), ("%(n)s rekod",))
    made.add("%(a)s of pages", "muka surat", locations=spoken)  # its value is missing
    made.add("Held by %(who)s", "Ditahan %(who)s", locations=[("portal/templates/x.html", 0)])
    made.add("Ready", "Sedia", flags=["fuzzy"])
    return choice.build_catalogue(made)


@pytest.mark.parametrize(
    ("english", "told"),
    [
        ("Posted", "Telah dipos"),
        ("You cannot approve NS-1, because you entered it",
         "NS-1 tidak: anda memasukkannya"),
        ("You cannot approve NS-1, because it is Posted.", "NS-1 kini Posted."),
        ("Nothing was changed. NS-7 is new.", "Tiada perubahan. NS-7 is new."),
        ("100% of it", "100% daripadanya"),
        ("1,204 records", "1,204 rekod"),
        ("1 record", "1 rekod"),
        ("37 records wait", "37 rekod menunggu"),
        ("7 of pages", "7 of pages"),
        ("26 h", "26 jam"),
        ("Kedai h", "Kedai h"),
        ("7 of Kedai", "7 of Kedai"),
        ("Held by Ann", "Held by Ann"),
        ("Ready", "Ready"),
        ("Kedai Posted", "Kedai Posted"),
        ("SKU is not an item in AiAccount.", "SKU is not an item in AiAccount."),
        ("the sum for it", "the sum for it"),
        ("Ann for Bob Lee", "Ann bagi pihak Bob Lee"),
        ("On hold", "Ditahan"),
        ("on hold.", "ditahan."),
        ("on hold, approve, release and reject", "ditahan, meluluskan, melepaskan dan menolak"),
        ("On hold or Posted", "Ditahan atau Telah dipos"),
        ("on hold, not ours", "on hold, not ours"),
        ("Yes: on hold; it is of others", "Yes: on hold; it is of others"),
        ("Yes: on hold; it is of others.", "Ya: ditahan; it is of others."),
        ("Yes: on hold, opened by Ann here.", "Ya: ditahan, dibuka oleh Ann."),
        ("Nothing was changed. Nothing was changed.", "Tiada perubahan. Tiada perubahan."),
        ("", ""),
    ],
)  # fmt: skip
def test_a_text_is_told(malay, english, told):
    assert malay.translate(english) == told


def test_a_count_is_told_with_its_word(malay):
    assert malay.translate_count(1204, "record") == "1,204 rekod"
    assert malay.translate_count(2, "entry", "entries") == "2 entries"
    assert malay.translate_count(1, "entry", "entries") == "1 entry"


def test_what_people_wrote_is_never_translated(malay):
    """A value keeps its words, also where the product has the same ones."""
    told = malay.translate("You cannot approve Nothing was changed, because it is Posted.")
    assert told == "Nothing was changed kini Posted."


def test_sentences_of_full_width_stand_close():
    made = Catalog(locale="zh_Hans")
    made.add("Posted.", "已过账。", locations=[("holding/x.py", 0)])
    made.add("on hold", "暂挂", locations=[("holding/x.py", 0)])
    found = choice.build_catalogue(made)
    assert found.translate("Posted. Posted. Kedai.") == "已过账。已过账。Kedai."
    assert found.translate("on hold.") == "暂挂。"


def test_a_text_is_looked_for_by_one_of_its_words(malay):
    """How long that takes does not grow with the catalogue."""
    tried = [one.translation for one in malay._candidates("You cannot approve NS-1")]
    assert tried == ["%(number)s kini %(state)s.", "%(number)s tidak: %(t_why)s"]
    assert [*malay._candidates("Kedai Kopi")] == []


def test_a_long_text_costs_nothing(malay):
    text = "You cannot approve " * 200
    assert malay.translate(text) is text


def test_a_language_without_a_catalogue_is_english(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "HERE", tmp_path)
    assert choice.read_catalogue("ms").say("Posted") == "Posted"


@pytest.mark.parametrize(
    ("message", "translated", "fits"),
    [
        ("<b>%(a)s</b> waits", "menunggu <b>%(a)s</b>", True),
        ("<b>%(a)s</b> waits", "menunggu %(a)s", False),
        ("<b>%(a)s</b> waits", "</b>%(a)s<b> menunggu", False),
        ("%(a)s waits", "%(b)s menunggu", False),
        ("waits", "<a>menunggu</a>", False),
        ("<a>x</a> <b>y</b>", "<b><a>x</b></a>", False),
    ],
)
def test_a_translation_keeps_values_and_markup(message, translated, fits):
    assert (find_misfit(message, translated) == "") is fits


LONG = [
    "%(name)s is %(money)s, but %(other)s makes %(more)s of it (%(how)s%(ways)s): %(left)s more.",
    "%(table)s: “%(key)s” %(became)s%(since)s%(was)s. %(woken)s checked again.",
    "%(here)s %(base)s here and %(there)s %(base)s there: wrong by %(off)s %(base)s.",
    "%(t_who)s did %(no)s of %(n)s and %(t_what)s.",
    "The %(name)s is wrong on line %(no)s%(more)s.",
    "since%(since)s.",
]


@pytest.mark.parametrize("message", LONG)
def test_a_text_from_outside_that_nearly_fits_takes_no_time(message):
    made = Catalog(locale="ms")
    made.add(message, f"Kini {message}", locations=[("holding/x.py", 0)])
    found = choice.build_catalogue(made)
    words = [piece for piece, is_value in split_placeholders(message) if not is_value and piece]
    nearly = words[0] + "".join(
        piece * (catalogues.MAX_TEXT // len(words) // (len(piece) + 2)) for piece in words
    )
    begun = time.process_time()
    for text in (nearly + "\0", "1" * catalogues.MAX_TEXT, words[-1] * 300, " ".join(words) * 9):
        found.translate(text)
    assert time.process_time() - begun < 1


def test_values_stand_where_the_words_around_them_first_do():
    made = Catalog(locale="ms")
    for message in LONG:
        made.add(message, message.replace(" ", "_"), locations=[("holding/x.py", 0)])
    found = choice.build_catalogue(made)
    for text, told in (
        ("map: “a: b” is x, before y. 2 records checked again.",
         "map:_“a: b”_is x, before y._2 records_checked_again."),
        ("map: “k”  . 2. 3 checked again.", "map:_“k”_ ._2. 3_checked_again."),
        ("5 PCS here and 7 PCS there: wrong by 2 PCS.",
         "5_PCS_here_and_7_PCS_there:_wrong_by_2_PCS."),
        ("5 PCS here and 7 BOX there: wrong by 2 PCS.",
         "5 PCS here and 7 BOX there: wrong by 2 PCS."),
        ("Ann did did 3 of 4 and more.", "Ann did_did_3_of_4_and_more."),
        ("Ann did two of 4 and more.", "Ann did two of 4 and more."),
        ("The rate is wrong on line 12.", "The_rate_is_wrong_on_line_12."),
        ("The rate is wrong on line 1,204 and 3.", "The_rate_is_wrong_on_line_1,204 and 3."),
    ):  # fmt: skip
        assert found.translate(text) == told


def test_texts_inside_each_other_are_told_to_a_depth():
    made = Catalog(locale="ms")
    made.add("And %(t_more)s.", "Dan %(t_more)s.", locations=[("holding/x.py", 0)])
    found = choice.build_catalogue(made)
    assert found.translate("And And x..") == "Dan Dan x.."
    deep = "And " * 390 + "x" + "." * 390
    assert (
        found.translate(deep)
        == "Dan " * catalogues.MAX_MESSAGE_DEPTH + deep[4 * catalogues.MAX_MESSAGE_DEPTH :]
    )


@pytest.mark.parametrize(
    ("code", "between", "alone"),
    [("ms", "atau", "Farah boleh."), ("zh", "或", "可由 Farah 处理。")],
)
def test_names_in_a_row_have_the_word_of_the_language_between_them(code, between, alone):
    found = choice.catalogue(code)
    assert found.translate("Farah can.") == alone
    told = found.translate("Adam or Farah can.")
    assert told == alone.replace("Farah", f"Adam {between} Farah")
    because = "You cannot approve NS-1, because you entered it. Adam or Chan Li can."
    assert f"Adam {between} Chan Li" in found.translate(because)
    kept = "Nobody is or has been there can."  # a sentence is no row of names
    assert between not in found.translate(kept)
    assert found.join_names("Adam") == "Adam"


@pytest.mark.parametrize("noun", [*NOUNS.values()])
@pytest.mark.parametrize("code", ["ms", "zh"])
def test_a_cause_with_a_noun_of_the_domain_is_wholly_in_the_language(code, noun):
    told = choice.catalogue(code).translate
    for text in (
        f"AiAccount does not list the {noun} MY-ZERO",
        (
            f"AiAccount does not list the {noun} MY-ZERO, which the document names as {noun}."
            " Nothing was sent."
        ),
        (
            f"{noun} MY-ZERO is added there (AiAccount) and the connection is tested again,"
            " or the document names a code that is listed"
        ),
    ):
        found = told(text)
        assert "MY-ZERO" in found
        assert noun not in found
        assert " code" not in found
        assert "the " not in found


@pytest.mark.parametrize(
    ("text", "malay", "chinese"),
    [
        ("the tax total is filled in", "jumlah cukai diisi", "税额合计已填写"),
        ("the tax total of the line is at least 3", "jumlah cukai pada baris", "该行的税额合计"),
        ("customer name is not known.", "nama pelanggan tidak", "客户名称"),
        ("aiaccount rounds sum then round, and the rules say per line then sum.",
         "setiap baris", "逐行"),
    ],
)  # fmt: skip
def test_a_field_in_a_sentence_is_in_the_language(text, malay, chinese):
    assert malay in choice.catalogue("ms").translate(text)
    assert chinese in choice.catalogue("zh").translate(text)


def test_a_value_of_data_in_a_sentence_stays():
    malay = choice.catalogue("ms")
    assert malay.translate("“total” is not a conversion.").startswith("“total”")
    assert "C-101" in malay.translate("AiAccount does not list C-101")


def test_each_text_of_a_row_is_told_alone_before_one_that_would_swallow_the_next():
    """In a place such as `a.rules:4` no full stop of a sentence is read."""
    text = (
        "Yes, in rule version 1 (hash b4), unique by number in history: a.rules:4 said pass,"
        " compared number = 1; a.rules:5 said pass, compared total = 2.00."
    )
    told = choice.catalogue("zh").translate(text)
    assert told.count("的结果为通过") == 2
    assert "said" not in told
    assert "a。rules" not in told
    assert (
        choice.catalogue("ms").translate("line 1: 3 PCS × 1 = 3 PCS")
        == "baris 1: 3 PCS × 1 = 3 PCS"
    )


@pytest.mark.parametrize(
    ("english", "told"),
    [("Pieces, line 1", "基本单位数量（第 1 行）"), ("tax due of the line", "该行的税额"),
     ("inspected, line 1", "inspected（第 1 行）")],
)  # fmt: skip
def test_a_field_of_our_templates_has_its_name_in_the_language(english, told):
    assert choice.catalogue("zh").translate(english) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("debtor for customer", "客户代码对应的债务人"),
        ("Siti for Lim", "Siti（代理 Lim）"),
        ("the approved version is 2 (now 1)", "已批准版本为 2（现为 1）"),
        ("the total is at most RM 1.00 (now RM 2.00)", "总额不超过 RM 1.00（现为 RM 2.00）"),
        ("Credit note for RM 1.00 and a new document for RM 2.00",
         "开具贷项通知单 RM 1.00 以及新单据 RM 2.00"),
    ],
)  # fmt: skip
def test_an_entry_for_a_value_is_no_delegate_and_what_is_now_is_told(text: str, told: str) -> None:
    assert choice.catalogue("zh").translate(text) == told
