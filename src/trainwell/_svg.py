"""Small SVG for the book's pages, where a figure that moves brings every one of its frames."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

LETTER = re.compile(r"([MLz])\s*([-\d.]*)\s*([-\d.]*)")
DECIMALS = re.compile(r"(\d\.\d)\d+")
POINTER = re.compile(r"(^#|url\(#)")
LEVEL = re.compile(r"rotate\(-?0 .*\)")
BEFORE_PARSING = (
    (re.compile(r"<metadata>.*?</metadata>|<style.*?</style>", re.S), ""),  # a style would hold for the whole page
    (re.compile(r'\s(?:width|height)="[\d.]+pt"'), ""),  # the page decides how wide
    (re.compile(r'\sxmlns(?::\w+)?="[^"]*"|\sversion="[\d.]+"'), ""),  # not needed within a page
    (re.compile(r"xlink:href"), "href"),
    (re.compile(r" font-family: [^;\"]*;?"), ""),  # the page's own
    (re.compile(r"#000000|#262626"), "currentColor"),
)


def compact(svg: str, name: str) -> str:
    """``svg`` in the page's own text colour and font, its ids beginning with ``name``."""
    svg = svg[svg.index("<svg") :]
    for pattern, replacement in BEFORE_PARSING:
        svg = pattern.sub(replacement, svg)
    root = ET.fromstring(svg)
    root.set("fill", "currentColor")  # texts and formulas say no colour of their own
    root.set("stroke-linejoin", "round")
    _slim(root, set(re.findall(r"#([\w.-]+)", svg)), name)
    return ET.tostring(root, encoding="unicode")


def _slim(node: ET.Element, used: set[str], name: str) -> None:
    """Leave out ids that nothing points to, groups that group nothing and shapes that show nothing."""
    node.tail = None
    node.text = node.text if node.text and node.text.strip() else None
    children: list[ET.Element] = []
    for child in node:
        _slim(child, used, name)
        if child.tag in ("g", "defs") and not child.attrib and (child.tag == "g" or not len(child)):
            children += child
        elif child.get("style") != "fill:none":
            children.append(child)
    node[:] = children
    _shorten(node, used, name)
    _share_style(node)


def _shorten(node: ET.Element, used: set[str], name: str) -> None:
    for key, value in list(node.attrib.items()):
        if (key == "id" and value not in used) or LEVEL.fullmatch(value):
            del node.attrib[key]
        elif key == "id":
            node.set(key, f"{name}-{value}")
        elif key == "style":
            node.set(key, re.sub(r"(?<=[;:])\s+|;\s*$", "", value))
        elif key == "d":
            node.set(key, _steps(value))
        elif not value.startswith(("data:", "matrix", "scale")):
            node.set(key, DECIMALS.sub(r"\1", POINTER.sub(rf"\g<1>{name}-", value)))


def _share_style(node: ET.Element) -> None:
    """What all marks of a line have in common is said once."""
    styles = {child.get("style") for child in node}
    if len(node) > 1 and len(styles) == 1 and {child.tag for child in node} == {"use"} and "style" not in node.attrib:
        for child in node:
            node.set("style", child.attrib.pop("style", ""))


def _steps(path: str) -> str:
    """A path in tenths of a point; straight lines as steps from point to point, which are shorter to write."""
    if set(re.findall("[A-Za-z]", path)) - set("MLz"):
        return DECIMALS.sub(r"\1", " ".join(path.split()))
    steps, here, start = [], (0, 0), (0, 0)
    for letter, x, y in LETTER.findall(path):
        if letter == "z":
            steps.append("z")
            here = start
            continue
        to = round(10 * float(x)), round(10 * float(y))
        steps.append(f"{letter.lower()}{(to[0] - here[0]) / 10:g} {(to[1] - here[1]) / 10:g}")
        here, start = to, (to if letter == "M" else start)
    return "".join(steps)
