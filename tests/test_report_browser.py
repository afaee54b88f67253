"""Pages of reports in a real browser: nothing is loaded, nothing is wrong, and the filter works without a mouse."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import FIXTURES

import stance
from stance.article_page import article_page
from stance.corpus_page import corpus_page
from stance.page import clean

webdriver = pytest.importorskip("selenium.webdriver")
By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
Select = pytest.importorskip("selenium.webdriver.support.select").Select
WebDriverWait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of the driver's own connections
]
NASTY = (
    "<script>document.title = 'run'</script> <img src=x onerror=\"document.title = 'run'\"> "
    "</p> & مرحبا \u202eשלום \ud800"
)
WINDOW = "--window-size=1280,1000"
HIDDEN_TEXT = "return arguments[0].textContent"


class Page:
    """A page that is open in a browser."""

    def __init__(self, driver: Any, path: Path) -> None:
        self.driver = driver
        self.path = path

    def __getattr__(self, name: str) -> Any:
        return getattr(self.driver, name)

    def all(self, css: str) -> list[Any]:
        found: list[Any] = self.driver.find_elements(By.CSS_SELECTOR, css)
        return found

    def shown(self, css: str) -> list[Any]:
        return [element for element in self.all(css) if element.is_displayed()]

    def choose(self, name: str, option: str) -> None:
        Select(self.all(f"select[name={name}]")[0]).select_by_visible_text(option)

    def style(self, element: Any, name: str) -> str:
        return str(self.execute_script("return getComputedStyle(arguments[0])[arguments[1]]", element, name))


Open = Callable[[str], Page]


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    browser, service = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or service is None:
        message = "Chromium and its driver are not installed: apt-get install chromium chromium-driver"
        if "STANCE_NEEDS_BROWSER" in os.environ:
            pytest.fail(message)
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", WINDOW):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(service))
    yield opened
    opened.quit()


@pytest.fixture
def open_page(driver: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a page; at the end nothing was loaded and nothing went wrong."""
    path = tmp_path / "page.html"

    def open_page(html: str) -> Page:
        path.write_text(html, encoding="utf-8")
        driver.get_log("browser")
        driver.get_log("performance")
        driver.get(path.as_uri())
        # On a busy machine a page may be there before its window has a size, in which nothing is displayed.
        WebDriverWait(driver, 30).until(lambda driver: driver.execute_script("return innerWidth * innerHeight > 0"))
        return Page(driver, path)

    yield open_page
    assert driver.get_log("browser") == []
    sent = [entry["message"] for entry in driver.get_log("performance") if "requestWillBeSent" in entry["message"]]
    assert [message for message in sent if path.as_uri() not in message and '"url":"data:,"' not in message] == []
    assert len(sent) >= 1
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def corpus() -> str:
    rows = pd.read_csv(FIXTURES / "paragraphs.csv")[["text", "year"]]
    return corpus_page(stance.score(rows, progress=False), "Paragraphs", date="year")


@pytest.fixture(scope="module")
def article() -> str:
    return article_page(stance.load(), (FIXTURES / "article.txt").read_text("utf-8"), "Article")


@pytest.fixture(scope="module")
def evaluation(tiny_model: stance.Model, paragraphs: pd.DataFrame) -> str:
    return stance.evaluate(tiny_model, paragraphs.iloc[120:], progress=False).to_html()


@pytest.mark.parametrize("kind", ["article", "corpus", "evaluation"])
def test_a_page_opens_and_loads_nothing(kind: str, open_page: Open, request: pytest.FixtureRequest) -> None:
    opened = open_page(request.getfixturevalue(kind))
    assert len(opened.shown("h1")) == 1
    assert all(chart.size["width"] > 200 for chart in opened.shown("svg"))
    assert opened.execute_script("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("kind", ["article", "corpus", "evaluation"])
def test_dark_follows_the_system_and_print_is_light(kind: str, open_page: Open, request: pytest.FixtureRequest) -> None:
    opened = open_page(request.getfixturevalue(kind))
    seen = {}
    for media, scheme in (("", "light"), ("", "dark"), ("print", "dark")):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        (text,) = opened.all("svg text")[:1]
        seen[media, scheme] = (
            opened.style(opened.all("body")[0], "backgroundColor"),
            opened.style(text, "fill"),
        )
    assert seen["", "light"] == ("rgb(251, 251, 250)", "rgb(29, 35, 41)")
    assert seen["", "dark"] == ("rgb(20, 24, 28)", "rgb(230, 233, 236)")
    assert seen["print", "dark"] == ("rgb(255, 255, 255)", "rgb(0, 0, 0)")


@pytest.mark.parametrize("kind", ["article", "corpus", "evaluation"])
def test_a_page_fits_a_telephone(kind: str, open_page: Open, request: pytest.FixtureRequest) -> None:
    opened = open_page(request.getfixturevalue(kind))
    size = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert opened.execute_script("return document.documentElement.scrollWidth") == 360


def test_the_filter_works_with_a_mouse(open_page: Open, corpus: str) -> None:
    opened = open_page(corpus)
    assert len(opened.shown(".rows li")) == 20
    opened.choose("topic", "nuclear")
    rows = opened.shown(".rows li")
    assert 0 < len(rows) <= 20
    assert all("nuclear" in [label.text for label in row.find_elements(By.TAG_NAME, "bdi")] for row in rows)
    assert [row.text.split()[0] for row in opened.shown("tbody tr")] == ["all", "nuclear"]
    assert [title.text for title in opened.shown("h4")] == ["cooperative", "tense", "mixed", "neutral", "nuclear"]
    assert len(opened.shown("[data-series]")) == 2
    opened.choose("tone", "mixed")
    assert {row.find_element(By.CSS_SELECTOR, ".tone").text for row in opened.shown(".rows li")} == {"mixed"}
    assert [title.text for title in opened.shown("h4")] == ["mixed", "nuclear"]
    (told,) = opened.all("output")
    n_rows = len({row.text for row in opened.shown(".rows li")})
    assert told.text == f"{n_rows} paragraphs fit"
    opened.shown("button[type=reset]")[0].click()
    assert len(opened.shown(".rows li")) == 20
    assert opened.shown("[data-series]") == []
    opened.choose("tone", "tense")
    (nothing,) = opened.shown(".nothing")
    assert nothing.text == "None."


def test_the_filter_works_with_the_keyboard(open_page: Open, corpus: str) -> None:
    opened = open_page(corpus)

    def press(*keys: str) -> None:
        opened.switch_to.active_element.send_keys(*keys)

    press(Keys.TAB)
    assert opened.switch_to.active_element.text == "To the content"
    press(Keys.TAB)
    assert opened.switch_to.active_element.get_attribute("name") == "topic"
    assert opened.style(opened.switch_to.active_element, "outlineStyle") == "solid"
    press("cyber")
    rows = opened.shown(".rows li")
    assert rows
    assert all("cybersecurity" in row.text for row in rows)
    press(Keys.TAB)
    assert opened.switch_to.active_element.get_attribute("name") == "tone"
    press("tense")
    assert {row.find_element(By.CSS_SELECTOR, ".tone").text for row in opened.shown(".rows li")} == {"tense"}
    press(Keys.TAB)
    press(Keys.ENTER)
    assert len(opened.shown(".rows li")) == 20
    opened.execute_script("arguments[0].focus()", opened.shown(".more")[0])
    press(Keys.ENTER)
    assert len(opened.shown(".rows li")) == 30
    assert opened.switch_to.active_element == opened.shown(".rows li")[10]


def test_without_script_all_paragraphs_are_there(open_page: Open, corpus: str) -> None:
    opened = open_page(corpus.split("<script>")[0])
    assert len(opened.shown(".rows li")) == len(opened.all(".rows li"))
    assert opened.shown("select, .more") == []


def test_words_are_shaded_for_the_label_that_is_chosen(open_page: Open, article: str) -> None:
    opened = open_page(article)
    fourth = opened.all("article")[3]

    def shaded() -> set[str]:
        return {mark.text for mark in fourth.find_elements(By.CSS_SELECTOR, "mark.for") if mark.is_displayed()}

    assert {"accused", "threatened", "rejected"} <= shaded()
    fourth.find_elements(By.TAG_NAME, "label")[1].click()
    assert "gas" in shaded()
    assert "accused" not in shaded()
    opened.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    assert {"accused", "threatened", "rejected"} <= shaded()
    opened.switch_to.active_element.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert fourth.find_elements(By.CSS_SELECTOR, "input:checked + label")[0].text == "diplomacy"


def test_no_text_gets_out_of_its_place(open_page: Open) -> None:
    frame = pd.DataFrame({"text": [NASTY], "topics": [NASTY[:20]], "tone": [NASTY]}, dtype=object)
    opened = open_page(corpus_page(frame, NASTY))
    assert opened.title.startswith("<script>document.title = 'run'</script> <img src=x")
    assert opened.execute_script(HIDDEN_TEXT, opened.all("p.text")[0]) == clean(NASTY)
    assert opened.all("img") == []
    assert len(opened.all("script")) == 1


def test_a_page_runs_no_script_but_its_own(driver: Any, tmp_path: Path, corpus: str) -> None:
    path = tmp_path / "page.html"
    path.write_text(corpus.replace("</main>", "<script>document.title = 'run'</script></main>"), encoding="utf-8")
    driver.get(path.as_uri())
    assert driver.title == "Paragraphs"
    assert "violates the following Content Security Policy" in driver.get_log("browser")[0]["message"]
    driver.get("about:blank")


def test_text_from_right_to_left_is_set_so(open_page: Open) -> None:
    opened = open_page(article_page(stance.load(), "مرحبا بالعالم\n\nTroops shelled the border town."))
    assert [opened.style(text, "direction") for text in opened.shown("p.text")] == ["rtl", "ltr"]
