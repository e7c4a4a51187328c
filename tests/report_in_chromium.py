"""A report in a browser without a network: it must load nothing, fit a wide page and a phone, in light and dark, and be legible.

    pip install playwright
    cargo run --example animate -- --episodes 8 --out runs
    python tests/report_in_chromium.py runs/animate_seed0.html runs/screenshots

Takes the Chromium of the system (`CHROMIUM`, or `chromium` on the path), and leaves a picture of each page to look at.
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PAGES = {"wide": (1200, 900), "phone": (390, 844)}
# In px of the screen: what is smaller cannot be read.
LEAST_LETTERS = 9
# The WCAG's ratio of luminances for text, level AA.
LEAST_CONTRAST = 4.5

MEASURE = """() => {
    const visible = element => element.getClientRects().length > 0;
    const color = text => text.match(/[\\d.]+/g).map(Number);
    const luminance = ([r, g, b]) => [r, g, b]
        .map(value => value / 255)
        .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, channel) => sum + value * [0.2126, 0.7152, 0.0722][channel], 0);
    const paper = element => {
        for (; element; element = element.parentElement) {
            const [r, g, b, alpha = 1] = color(getComputedStyle(element).backgroundColor);
            if (alpha > 0) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const contrast = element => {
        const [a, b] = [luminance(color(getComputedStyle(element).color)), luminance(paper(element))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    };
    const texts = [...document.querySelectorAll("h1, h2, p, dt, dd, th, td, a, figcaption")].filter(visible);
    const letters = [...document.querySelectorAll("svg text")].filter(text => visible(text) && text.textContent.trim());
    const outside = letters.filter(text => {
        const [inner, outer] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
        return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
    });
    const scale = svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    return {
        overflow: document.documentElement.scrollWidth - window.innerWidth,
        texts: texts.length,
        contrast: Math.min(...texts.map(contrast)),
        plots: [...document.querySelectorAll("svg")].filter(visible).length,
        outside: outside.map(text => text.textContent.trim()),
        letters: Math.min(...letters.map(text => parseFloat(getComputedStyle(text).fontSize) * scale(text.ownerSVGElement))),
        images: [...document.images].map(image => image.complete && image.naturalWidth),
        scripts: document.scripts.length,
    };
}"""

# Adds what the page must not load, and tells what the browser says to it.
ATTACK = """() => new Promise(resolve => {
    const blocked = [];
    addEventListener("securitypolicyviolation", event => {
        blocked.push(event.effectiveDirective);
        if (blocked.length === 3) resolve(blocked.sort());
    });
    const add = (name, key, value) => {
        const element = document.createElement(name);
        element[key] = value;
        document.body.append(element);
    };
    add("img", "src", "https://example.com/picture.png");
    add("script", "src", "https://example.com/script.js");
    add("iframe", "src", "https://example.com/");
    setTimeout(() => resolve(blocked), 5000);
})"""


def main(report, screenshots):
    url = Path(report).resolve().as_uri()
    Path(screenshots).mkdir(parents=True, exist_ok=True)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (width, height) in PAGES.items():
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=False, offline=True
                )
                page, requests, messages = context.new_page(), [], []
                page.on("request", lambda request: requests.append(request.url))
                page.on("console", lambda message: messages.append(message.text))
                page.goto(url)
                page.screenshot(path=Path(screenshots) / f"{name}_{scheme}.png", full_page=True)
                found = page.evaluate(MEASURE)
                print(name, scheme, found)
                loaded = [request for request in requests if request != url and not request.startswith("data:")]
                assert not loaded, loaded
                assert not messages, messages
                assert found["overflow"] <= 0, "the page is wider than the screen"
                assert found["texts"] > 10 and found["plots"] > 0 and found["images"], "there is something to look at"
                assert all(found["images"]), "an image is broken"
                assert not found["outside"], "letters beyond their plot"
                assert found["letters"] >= LEAST_LETTERS, "letters too small to read"
                assert found["contrast"] >= LEAST_CONTRAST, "letters too pale to read"
                assert found["scripts"] == 0
                context.close()
        page = browser.new_page()
        page.goto(url)
        blocked = page.evaluate(ATTACK)
        assert blocked == ["frame-src", "img-src", "script-src-elem"], blocked
        print("added by hand and blocked by the page itself:", ", ".join(blocked))
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
