"""Texts that were left in English, or said the opposite, on Malay and Chinese pages."""

import pytest

from portal.languages.choice import catalogue

UNCHANGED = (
    "Nothing changed since 12:00: item “CUP-30” (still missing), version 1 of the record,"
    " rule version 3 and what is known of AiAccount are as they were."
)
MALAY = (
    "Tiada perubahan sejak 12:00: item “CUP-30” (masih tiada), versi 1 rekod,"
    " versi peraturan 3 dan maklumat tentang AiAccount tidak berubah."
)
CHINESE = (
    "自 12:00 以来没有变更：商品“CUP-30”（仍缺少对照）、记录版本 1、规则版本 3"
    " 和 AiAccount 的已知信息 均未改变。"
)


@pytest.mark.parametrize(
    ("text", "malay", "chinese"),
    [
        ("2 approved", "2 dokumen diluluskan", "已批准 2 张单据"),
        ("SO-1 approved", "SO-1 diluluskan", "已批准 SO-1"),
        ("13 records", "13 rekod", "13 条记录"),
        ('Clears when "CUP-30" is mapped.', 'Selesai apabila "CUP-30" dipetakan.',
         '解除条件：已为 "CUP-30" 建立对照。'),
        ("Partly delivered", "Dihantar sebahagian", "部分送货"),
        ("not applicable", "tidak berkenaan", "不适用"),
        ("Wrong:", "Salah:", "错误："),
        ("Your change may not have been saved.", "Perubahan anda mungkin tidak disimpan.",
         "您的更改可能未保存。"),
        (UNCHANGED, MALAY, CHINESE),
    ],
)  # fmt: skip
def test_a_text_is_told(text, malay, chinese):
    assert (catalogue("ms").translate(text), catalogue("zh").translate(text)) == (malay, chinese)


@pytest.mark.parametrize(
    ("code", "title"), [("ms", "Halaman tidak ditemui."), ("zh", "找不到此页面。")]
)
def test_a_page_that_is_not_there_says_so_in_the_language(visit, code, title):
    asked = {"Accept-Language": code}
    page = visit("farah").client.get("/c/kedai/nosuch", headers=asked).get_data(as_text=True)
    assert f"<h1>{title}</h1>" in page
