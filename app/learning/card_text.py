"""A model card as Markdown and as one HTML file; every value is text from outside and is escaped."""

import base64
import re

from app.domain.text import visible
from app.learning.card import Card, Fact, Grid, Picture
from app.learning.plots import text_of

LONGEST = 4000
STYLE = (
    "body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#24292f;line-height:1.45}"
    "table{border-collapse:collapse;margin:.6rem 0}td,th{border:1px solid #d0d7de;padding:.2rem .6rem;text-align:left}"
    "dt{font-weight:bold;float:left;clear:left;min-width:11rem}dd{margin-left:12rem;overflow-wrap:anywhere}"
    ".missing{color:#9a6700}svg{max-width:100%;height:auto;margin:.6rem 0}"
)


def markdown(card: Card, *, plots: bool = True) -> str:
    """The card as Markdown; with `plots` each one stands in it as a data URI.

    >>> markdown(Card("a*b", ()), plots=False)
    '# a\\\\*b\\n'
    """
    lines = [f"# {_plain(card.title)}", ""]
    for section in card.sections:
        lines += [f"## {section.title}", ""]
        for part in section.parts:
            match part:
                case Fact():
                    text = f"*{_plain(part.text)}*" if part.missing else _plain(part.text)
                    lines.append(f"- **{part.label}**: {text}")
                case Grid():
                    lines += ["", f"| {' | '.join(map(_plain, part.headings))} |", f"|{'---|' * len(part.headings)}"]
                    lines += [f"| {' | '.join(map(_plain, row))} |" for row in part.rows]
                    lines.append("")
                case Picture() if plots:
                    data = base64.b64encode(part.svg.encode()).decode()
                    lines += ["", f"![{part.name}](data:image/svg+xml;base64,{data})", ""]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def html(card: Card) -> str:
    """The card as one HTML file that loads nothing and runs nothing."""
    parts = []
    for section in card.sections:
        parts.append(f"<h2>{text_of(section.title)}</h2>")
        facts = ""
        for part in section.parts:
            if isinstance(part, Fact):
                kind = ' class="missing"' if part.missing else ""
                facts += f"<dt>{text_of(part.label)}</dt><dd{kind}>{text_of(part.text, longest=LONGEST)}</dd>"
                continue
            parts.append(f"<dl>{facts}</dl>" if facts else "")
            facts = ""
            parts.append(_table(part) if isinstance(part, Grid) else part.svg)
        parts.append(f"<dl>{facts}</dl>" if facts else "")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">'
        f"<title>{text_of(card.title, longest=200)}</title><style>{STYLE}</style></head><body>"
        f"<h1>{text_of(card.title, longest=200)}</h1>{''.join(parts)}</body></html>\n"
    )


def _table(grid: Grid) -> str:
    head = "".join(f"<th>{text_of(name)}</th>" for name in grid.headings)
    body = "".join(f"<tr>{''.join(f'<td>{text_of(cell, longest=200)}</td>' for cell in row)}</tr>" for row in grid.rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _plain(value: str) -> str:
    """A value as Markdown that is neither markup nor HTML."""
    text = visible(value, longest=LONGEST).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|!#~])", r"\\\1", text)


__all__ = ["html", "markdown"]
