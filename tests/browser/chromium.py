"""The browser that the tests look with, and whether the viewer has drawn something in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

# Software WebGL: the machines that run tests have no graphics card.
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
if os.geteuid() == 0:
    FLAGS.append("--no-sandbox")  # as root Chromium runs without its sandbox, or not at all

CANVAS = ".cornerstone-viewport-element canvas"
# The picture as the canvas holds it: how many grey levels, and a sum that changes with it.
PICTURE = """canvas => {
  const copy = document.createElement('canvas');
  [copy.width, copy.height] = [64, 64];
  const pen = copy.getContext('2d');
  pen.drawImage(canvas, 0, 0, 64, 64);
  const pixels = pen.getImageData(0, 0, 64, 64).data;
  let sum = 0;
  pixels.forEach((value, at) => { sum = (sum * 31 + value + at) % 2147483647; });
  return { levels: new Set(pixels).size, sum };
}"""
DRAWN = f"() => {{ const at = document.querySelector('{CANVAS}'); return at && ({PICTURE})(at).levels > 40; }}"


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()
