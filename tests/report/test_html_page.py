"""The page as a file: whole, closed to the network, escaped, and readable without seeing it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aecli.config.words import harmless
from aecli.report.html import render
from aecli.report.html.page import _bokeh, safe_json
from tests.report import contents

EMPTY = {"img", "meta", "link", "br", "path", "line", "input", "hr"}
PAGES = {
    "images": lambda: [contents.images()],
    "table": lambda: [contents.table()],
    "nothing to draw": lambda: [contents.bare()],
    "three runs": lambda: [contents.images(), contents.table(name="t/two"), contents.bare(name="t/three")],
}


class Page(HTMLParser):
    """Tags in their order, the text of scripts and styles, and whether everything is closed in its place."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[tuple[dict, str]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in EMPTY:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append((self.tags[-1][1], data))
        elif not self.open or self.open[-1] != "style":
            self.text.append(data)

    def all(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.fixture(scope="module", params=PAGES)
def page(request):
    return Page(render(PAGES[request.param](), "Made by a test"))


def test_nothing_is_asked_of_any_server(page):
    for tag, attrs in page.tags:
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "action", "data", "poster", "srcset"):
                assert value.startswith(("data:", "#")), (tag, name, value[:60])
        assert tag not in ("iframe", "object", "embed", "form", "base")


def test_policy_allows_exactly_the_scripts_of_the_page(page):
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    code = [text for attrs, text in page.scripts if attrs.get("type") != "application/json"]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in code}
    assert set(re.findall(r"'sha256-([^']+)'", allowed["script-src"])) == hashes
    assert "unsafe" not in allowed["script-src"]
    assert allowed["default-src"] == "'none'"
    assert allowed["img-src"] == "data:"
    assert set(allowed) == {"default-src", "img-src", "style-src", "script-src", "base-uri", "form-action"}


def test_is_readable_without_seeing_it(page):
    for image in page.all("img"):
        assert len(image["alt"]) > 5
    for tag, attrs in page.tags:
        if attrs.get("role") in ("img", "region", "group", "application") and attrs.get("class") != "thumb":
            assert attrs.get("aria-label"), (tag, attrs)
    assert all("scope" in attrs for attrs in page.all("th"))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in page.tags:
        for name in ("aria-labelledby", "for", "data-copy"):
            assert attrs.get(name, ids[0]) in ids, (tag, attrs)
        if tag == "a":
            assert attrs["href"][1:] in ids
    assert next(iter(page.all("html")))["lang"] == "en"
    assert len(page.all("main")) == len(page.all("h1")) == 1


def test_headings_are_in_order(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    for before, after in pairwise(levels):
        assert after <= before + 1, levels


def test_a_section_without_content_is_absent():
    sections = {a["id"] for a in Page(render([contents.bare()], "x")).all("section")}
    assert sections == {"metrics", "provenance", "config", "reproduce"}
    everything = {a["id"] for a in Page(render([contents.images()], "x")).all("section")}
    assert everything - sections == {"curves", "reconstructions", "samples", "traversals", "map", "anomalies"}


@pytest.mark.parametrize("text", contents.EVIL)
@pytest.mark.parametrize("runs", [1, 2])
def test_text_of_users_is_text(text, runs):
    page = Page(render([contents.evil(text)] * runs, text))
    clean = Page(render([contents.evil("plain")] * runs, "plain"))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in clean.tags]
    assert [sorted(a) for _, a in page.tags] == [sorted(a) for _, a in clean.tags]
    assert "".join(page.text).count(harmless(text)) > 10
    for attrs, code in page.scripts:
        if attrs.get("type") == "application/json":
            json.loads(code)
            assert not set(code) & set("<>&\u2028\u2029")


@settings(max_examples=8)
@given(
    st.text(st.sampled_from("<>&\"'/=`{}%$\\\0\x1b\u2028\u202e\udcff!-scriptonlx: \n") | st.characters(), min_size=1)
)
def test_whatever_text_users_have_it_makes_no_tag_and_no_attribute(text):
    page, clean = Page(render([contents.evil(text)], text)), Page(render([contents.evil("plain")], "plain"))
    assert [(tag, sorted(a)) for tag, a in page.tags] == [(tag, sorted(a)) for tag, a in clean.tags]
    code = [[text for attrs, text in p.scripts if attrs.get("type") != "application/json"] for p in (page, clean)]
    assert code[0] == code[1]


def test_json_for_a_script_comes_back_as_it_was():
    plain = [text for text in contents.EVIL if harmless(text) == text]  # what would steer is shown as an escape
    assert len(plain) > 3
    value = {"a": [*plain, 1.5, None], "</script>": {"b": "é \U0001f600"}}
    assert json.loads(safe_json(value)) == value
    assert "<" not in safe_json(value)


def test_several_runs_stand_side_by_side():
    other = contents.images(
        name="t/two",
        metrics={**contents.METRICS, "metrics": {**contents.METRICS["metrics"], "mse": 0.5, "psnr": 25.0}},
        config={**contents.CONFIG, "model": {"bottleneck": {"kind": "dense", "size": 8}}},
    )
    text = render([contents.images(), other], "x")
    page = Page(text)
    assert "2 runs compared" in "".join(page.text)
    best = re.findall(r'<td class="num best">([^<]*) ★', text)
    assert best == ["0.01230 ± 0.00040", "25"]  # elbo is equal: no best
    assert "model.bottleneck.size" in text
    assert len([a for a in page.all("div") if a.get("class") == "map"]) == 2


def test_equal_runs_give_equal_bytes():
    pages = [re.sub(r"p\d{4,}|[0-9a-f]{8}-[0-9a-f-]{27}", "", render([contents.table()], "x")) for _ in range(2)]
    assert pages[0] == pages[1]


def test_one_run_is_needed():
    with pytest.raises(ValueError, match="one run"):
        render([], "x")


def test_nothing_in_a_page_steers_a_terminal_or_turns_the_order_of_what_is_read():
    steering = "a\u202eb \x1b[31m c\u2066d"
    text = render([contents.evil(steering)], steering)
    text = text.replace(_bokeh(), "")  # a library's own
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)
    assert "a\\u202eb" in text


def test_json_of_a_page_means_itself_but_for_what_would_steer():
    for said, shown in [("a\u202eb", r"a\u202eb"), (r"\u202e", r"\u202e"), ("\x1b", r"\x1b"), ("é\n\t\\", "é\n\t\\")]:
        assert json.loads(safe_json({"k": said})) == {"k": shown}


def test_a_run_with_more_terms_than_an_objective_has_draws_some_and_says_so():
    line = {"train": (np.arange(2), np.arange(2.0))}
    run = replace(contents.bare(), curves={f"t{i}": line for i in range(100)})
    text = render([run], "now")
    assert "36 more terms are in metrics.jsonl" in text
    assert '"curve-63"' in text
    assert '"curve-64"' not in text
