"""The HTML report in a browser that we did not write, judged by axe: no violation of WCAG 2.2 AA,
light and dark, on a desk and on a phone; nothing is loaded, nothing runs, the page never scrolls
sideways. The page is of a made-up organization whose names would like to be more than text."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import node_tools
import world

BROWSER = Path(__file__).parent / "browser"
# A desk, a phone, and one that is wide enough for axe to see every cell of every table.
WIDTHS = (1280, 375, 2600)
SCHEMES = ("light", "dark")
BACKGROUNDS = {"light": "rgb(246, 247, 249)", "dark": "rgb(15, 19, 24)"}
# What the page looks like when it is printed.
PRINTED = "rgb(255, 255, 255)"


@dataclass(frozen=True)
class Spoiled:
    """A page with a defect, and the judgement that must find it."""

    name: str
    old: str
    new: str
    found: str


SPOILED = (
    Spoiled("no language", '<html lang="en">', "<html>", "html-has-lang"),
    Spoiled("two h1", "<h2 id=", "<h1>again</h1><h2 id=", "headings"),
    Spoiled(
        "no letters",
        "h1 { margin: 0 0 .25rem; font-size: 1.75rem; line-height: 1.25",
        "h1 { font-size: 0",
        "written",
    ),
    Spoiled("pale text", "--quiet: #4d5560", "--quiet: #b0b8c0", "color-contrast"),
    Spoiled("dim text", "--quiet: #a7b2be", "--quiet: #3a434d", "color-contrast"),
    Spoiled("keys do not reach a table", 'tabindex="0"', "", "scrollable-region-focusable"),
    Spoiled("a table that does not scroll", "overflow-x: auto", "overflow-x: visible", "scrolls"),
    Spoiled("a script", "<main>", "<main><script>alert(1)</script>", "refused"),
    Spoiled("a picture", "<main>", '<main><img alt="" src="https://localhost/a.png">', "refused"),
    Spoiled("no policy", "default-src 'none'", "default-src *", "policy"),
    Spoiled("not escaped", "&#60;script&#62;", "<script>", "scripts"),
)


@pytest.fixture(scope="module", autouse=True)
def browser() -> str:
    """The browser's version, or the reason why there is none."""
    if not shutil.which("npm"):
        pytest.skip("the browser needs Node.js 20 with npm")
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip(f"npm has no browser for {platform.machine()}")
    try:
        node_tools.installed(BROWSER)
    except subprocess.SubprocessError as error:
        pytest.skip(f"npm could not install the browser: {error}")
    try:
        return _run([])["browser"]
    except RuntimeError as error:
        if "Failed to launch" not in str(error):
            raise
        pytest.skip(f"the browser does not start here: {error}")


@cache
def program() -> Path:
    """What prints the report of a made-up organization."""
    world.build("--example", "report-page")
    return world.target_folder() / "debug" / "examples" / "report-page"


@cache
def page(*arguments: str) -> str:
    """The report."""
    return subprocess.run(
        [program(), *arguments], check=True, capture_output=True, text=True
    ).stdout


def look(
    name: str, html: str, widths: tuple[int, ...] = WIDTHS, **more: Any
) -> list[dict[str, Any]]:
    """What the browser sees in each scheme and width, with a screenshot of each."""
    folder = world.logs() / "report"
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.html"
    file.write_text(html)
    asked = [
        {
            "file": str(file),
            "width": width,
            "scheme": scheme,
            "screenshot": str(folder / f"{name}-{scheme}-{width}.png"),
            **more,
        }
        for scheme in SCHEMES
        for width in widths
    ]
    answers = _run(asked)["pages"]
    return [view | answer for view, answer in zip(asked, answers, strict=True)]


def _run(pages: list[dict[str, Any]]) -> dict[str, Any]:
    command = ["node", BROWSER / "browse.mjs", node_tools.installed(BROWSER)]
    done = subprocess.run(
        command, input=json.dumps({"pages": pages}), capture_output=True, text=True, timeout=300
    )
    if done.returncode != 0:
        raise RuntimeError(f"the browser failed:\n{done.stderr}")
    return json.loads(done.stdout)


def defects(seen: dict[str, Any]) -> list[str]:
    """What is wrong with a page, each with the view in which it is."""
    found = [f"{each['id']}: {each['help']}: {each['nodes'][:3]}" for each in seen["violations"]]
    # Where nothing scrolls axe must have seen everything.
    if seen["width"] == max(WIDTHS):
        found += [f"not judged: {each['id']}: {each['nodes'][:3]}" for each in seen["incomplete"]]
    outside = [url for url in seen["requests"] if not url.startswith("file:")]
    wrong = {
        "written": seen["written"] < 20 and "there are no letters",
        "headings": seen["headings"] != 1 and f"{seen['headings']} h1",
        "scripts": seen["scripts"] and f"{seen['scripts']} elements that load or run",
        "scrolls": seen["scrolls"] > 0 and f"by {seen['scrolls']} px sideways",
        "requests": outside,
        "refused": seen["refused"],
        "dialogs": seen["dialogs"],
        "policy": seen["policy"] != "default-src 'none'; style-src 'unsafe-inline'"
        and seen["policy"],
    }
    found += [f"{name}: {what}" for name, what in wrong.items() if what]
    return [f"{seen['scheme']}, {seen['width']} px: {each}" for each in found]


@pytest.mark.parametrize("arguments", [("10",), ("10", "silent"), ("0", "silent")])
def test_the_page_is_without_defects(arguments: tuple[str, ...]) -> None:
    views = look(f"page-{'-'.join(arguments)}", page(*arguments))
    wrong = [defect for view in views for defect in defects(view)]
    assert not wrong, "\n".join(wrong)
    assert all(view["passes"] >= 20 for view in views), "axe judged next to nothing"
    assert {(view["scheme"], view["background"]) for view in views} == set(BACKGROUNDS.items())


def test_it_can_be_printed() -> None:
    """On white, whatever the screen is, and no table is cut off."""
    views = look("print", page("10", "silent"), WIDTHS[:1], print=True)
    assert {view["background"] for view in views} == {PRINTED}
    wrong = [defect for view in views for defect in defects(view)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("spoiled", SPOILED, ids=lambda spoiled: spoiled.name)
def test_a_spoiled_page_is_found_out(spoiled: Spoiled) -> None:
    html = page("10", "silent")
    assert spoiled.old in html, f"the page has no `{spoiled.old}`"
    views = look("spoiled", html.replace(spoiled.old, spoiled.new), WIDTHS[1:])
    found = [defect for view in views for defect in defects(view)]
    assert any(f": {spoiled.found}: " in defect for defect in found), "\n".join(found)
