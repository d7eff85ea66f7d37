"""The user's own notes.md: paragraphs, lists and headings; everything else stays as it was typed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BULLET = re.compile(r"\s*[-*+]\s+(.*)")
_NUMBER = re.compile(r"\s*\d+[.)]\s+(.*)")
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")


@dataclass
class Block:
    """One block of text.

    Attributes:
        kind: `p`, `ul`, `ol` or `h`.
        lines: Its text, or its entries; to be escaped by whoever shows them.
    """

    kind: str
    lines: list[str] = field(default_factory=list)


def blocks(text: str) -> list[Block]:
    """The blocks of a text, in order."""
    found: list[Block] = []
    fresh = True
    for line in text.splitlines():
        if not line.strip():
            fresh = True
            continue
        heading, bullet, number = (rule.match(line) for rule in (_HEADING, _BULLET, _NUMBER))
        entry = bullet or number
        if heading:
            found.append(Block("h", [heading[1]]))
            fresh = True
        elif entry:
            kind = "ul" if bullet else "ol"
            if not found or found[-1].kind != kind:
                found.append(Block(kind))
            found[-1].lines.append(entry[1])
            fresh = False
        elif fresh:
            found.append(Block("p", [line.strip()]))
            fresh = False
        else:
            # A line that goes on: of the last entry, or of the paragraph.
            found[-1].lines[-1] += " " + line.strip()
    return found
