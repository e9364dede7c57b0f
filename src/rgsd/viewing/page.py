"""Parts of a self-contained HTML page: everything inline, text escaped, light and dark."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

EN_DASH = "–"
"""The mark of a value that does not exist."""

STYLE = """
:root { color-scheme: light dark; --ink: #1f2733; --muted: #6b7686; --line: #e1e5eb; --page: #f5f6f8; --card: #ffffff;
  --accent: #2563a8; --good: #2f855a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --muted: #98a3b3; --line: #2d3540; --page: #12161c;
  --card: #1a2029; --accent: #7fb2ea; --good: #7cc9a0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, Roboto, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.02em; }
h2 { font-size: 19px; margin: 44px 0 6px; letter-spacing: -0.01em; }
h3 { font-size: 15px; margin: 22px 0 4px; }
p { margin: 4px 0 12px; max-width: 78ch; } p.lead, .note { color: var(--muted); } .note { font-size: 13px; }
.facts { display: flex; flex-wrap: wrap; gap: 6px 26px; margin: 16px 0 0; }
.facts div { font-size: 13px; } .facts dt { color: var(--muted); display: inline; }
.facts dd { display: inline; margin: 0 0 0 5px; font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(136px, 1fr)); gap: 12px; margin: 24px 0 8px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; }
.card .name { color: var(--muted); font-size: 12.5px; } .card .beside { color: var(--muted); font-size: 12px; }
.card .value { font-size: 27px; font-weight: 650; letter-spacing: -0.02em; line-height: 1.25; }
.card .unit { font-size: 14px; font-weight: 500; color: var(--muted); margin-left: 3px; }
figure { margin: 14px 0; background: #ffffff; border: 1px solid var(--line); border-radius: 12px; padding: 10px; }
figure img, figure video { display: block; width: 100%; border-radius: 6px; }
figcaption { color: #6b7686; font-size: 13px; padding: 8px 4px 0; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; margin: 12px 0; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 9px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { white-space: normal; color: var(--muted); font-weight: 600; vertical-align: bottom; line-height: 1.3; }
th small { font-weight: 400; }
th:first-child, td:first-child { text-align: left; } tbody tr:last-child td { border-bottom: 0; }
tr.sum td { font-weight: 600; border-top: 2px solid var(--line); } tr.beside td { color: var(--muted); }
td b { color: var(--good); font-weight: 700; } .heat { text-align: center; }
code, pre { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, monospace; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
footer { margin-top: 48px; border-top: 1px solid var(--line); padding-top: 4px; }
"""


def shown(value: object, digits: int = 2) -> str:
    """A number with `digits` decimals, text as it is (escaped), and an en dash for null, NaN and infinity."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return EN_DASH
    if isinstance(value, float):
        return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return escape(str(value))


def facts(pairs: Sequence[tuple[str, object]]) -> str:
    """A line of names and values; those that are None are left out."""
    items = "".join(f"<div><dt>{escape(n)}</dt><dd>{shown(v)}</dd></div>" for n, v in pairs if v is not None)
    return f'<dl class="facts">{items}</dl>'


@dataclass(frozen=True)
class Card:
    """One headline metric."""

    name: str
    """What it is."""
    value: object
    """The metric; null is shown as a dash."""
    unit: str = ""
    """Its unit."""
    beside: str = ""
    """What to hold it against."""
    digits: int = 2
    """Decimals."""


def cards(items: Sequence[Card]) -> str:
    """Headline metrics side by side."""
    parts = []
    for card in items:
        unit = f'<span class="unit">{escape(card.unit)}</span>' if card.unit else ""
        value = f'<div class="value">{shown(card.value, card.digits)}{unit}</div>'
        beside = f'<div class="beside">{escape(card.beside)}</div>'
        parts.append(f'<div class="card"><div class="name">{escape(card.name)}</div>{value}{beside}</div>')
    return f'<div class="cards">{"".join(parts)}</div>'


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    name: str
    """First cell."""
    cells: Sequence[str]
    """The other cells, as HTML."""
    kind: str = ""
    """`sum` for a total, `beside` for what a total is held against."""


def table(header: Sequence[tuple[str, str]], rows: Sequence[Row]) -> str:
    """A table; the header gives each column's name and, below it, its unit."""
    titles = "".join(f"<th>{escape(name)}<br><small>{escape(unit)}</small></th>" for name, unit in header)
    body = "".join(
        f'<tr class="{row.kind}"><td>{escape(row.name)}</td>{"".join(f"<td>{c}</td>" for c in row.cells)}</tr>'
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def heat_table(names: Sequence[str], fractions: Sequence[Sequence[float | None]]) -> str:
    """A square table of fractions in [0, 1], the redder the more; rows are `from`, columns `to`."""
    titles = "".join(f'<th class="heat">{escape(n)}</th>' for n in names)
    rows = []
    for name, values in zip(names, fractions, strict=True):
        tints = (f"background: rgba(200, 85, 61, {0.75 * (v or 0.0):.2f})" for v in values)
        cells = "".join(f'<td class="heat" style="{t}">{shown(v)}</td>' for t, v in zip(tints, values, strict=True))
        rows.append(f"<tr><td>{escape(name)}</td>{cells}</tr>")
    head = f"<thead><tr><th>from \\ to</th>{titles}</tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>{"".join(rows)}</tbody></table></div>'


def picture(png: bytes, caption: str) -> str:
    """A PNG with its caption."""
    data = base64.b64encode(png).decode()
    return (
        f'<figure><img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def film(mp4: bytes, caption: str) -> str:
    """An MP4 that plays by itself, without sound, over and over."""
    data = base64.b64encode(mp4).decode()
    return (
        f'<figure><video controls autoplay loop muted playsinline src="data:video/mp4;base64,{data}"></video>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def section(title: str, *parts: str) -> str:
    """A titled section."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; `kind` may be `lead` or `note`."""
    return f'<p class="{kind}">{escape(text)}</p>'


def page(title: str, *parts: str) -> str:
    """The whole document."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )
