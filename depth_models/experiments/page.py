"""A document of headings, texts, tables and pictures, as one HTML page or as Markdown."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Table:
    """Rows of cells, the first of each a row's name; numbers come as texts, and `prose` tables have words instead."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    prose: bool = False


@dataclass(frozen=True)
class Picture:
    """A PNG file, relative to the page, and its caption."""

    file: str
    caption: str


@dataclass(frozen=True)
class Verdict:
    """A claim, what is found of it, and why."""

    claim: str
    verdict: str
    because: str


@dataclass(frozen=True)
class Code:
    """Commands or settings, as typed; `title` folds them away."""

    text: str
    title: str = ""


@dataclass
class Section:
    """A heading and what stands below it; a text is a paragraph."""

    title: str
    parts: list[str | Table | Picture | Verdict | Code] = field(default_factory=list)


@dataclass
class Page:
    """A title, a subtitle and sections."""

    title: str
    subtitle: str
    sections: list[Section]


def to_html(page: Page, folder: Path) -> str:
    """One page that needs no other file.

    Args:
        page: what to write.
        folder: where the pictures are.
    """
    from jinja2 import Environment

    def embedded(file: str) -> str:
        return "data:image/png;base64," + base64.b64encode((folder / file).read_bytes()).decode()

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals |= {"embedded": embedded, "kind": lambda part: type(part).__name__}
    return environment.from_string(_HTML).render(page=page)


def to_markdown(page: Page) -> str:
    """For a reader of plain text; pictures are links to their files."""
    lines = [f"# {page.title}", "", page.subtitle, ""]
    for section in page.sections:
        lines += [f"## {section.title}", ""]
        for part in section.parts:
            lines += [_markdown(part), ""]
    return "\n".join(lines)


def _markdown(part: str | Table | Picture | Verdict | Code) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, Picture):
        return f"![{part.caption}]({part.file})\n\n*{part.caption}*"
    if isinstance(part, Verdict):
        return f"* **{part.verdict}**: {part.claim} {part.because}"
    if isinstance(part, Code):
        code = f"```\n{part.text}\n```"
        return f"<details><summary>{part.title}</summary>\n\n{code}\n\n</details>" if part.title else code
    rule = "|".join(["---"] + ["---" if part.prose else "---:"] * (len(part.header) - 1))
    rows = [" | ".join(cell.replace("|", r"\|") for cell in row) for row in (part.header, *part.rows)]
    return "\n".join([f"*{part.caption}*", "", f"| {rows[0]} |", f"|{rule}|", *(f"| {row} |" for row in rows[1:])])


_HTML = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page.title }}</title>
<style>
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5c636b; --line: #dcdfe3; --paper: #fff; --tint: #f5f6f8;
  --confirmed: #17753a; --refuted: #b3261e; --open: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #9aa2ab; --line: #343a41; --paper: #15181b;
  --tint: #1d2125; --confirmed: #6fd08c; --refuted: #ff8a80; --open: #f0bf5a; } }
body { margin: 0 auto; padding: 3rem 1.25rem 5rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.25; margin: 0 0 .4rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .8rem; padding-top: 1.2rem; border-top: 1px solid var(--line); }
p { max-width: 44rem; margin: .7rem 0; }
.subtitle { color: var(--soft); }
.scroll { overflow-x: auto; margin: 1.4rem 0; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
caption { caption-side: top; text-align: left; color: var(--soft); padding-bottom: .5rem; max-width: 44rem; }
th, td { padding: .32rem .9rem .32rem 0; text-align: right; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child, .prose th, .prose td { text-align: left; }
thead th { font-weight: 600; border-bottom: 2px solid var(--line); }
figure { margin: 1.6rem 0; }
figure img { max-width: 100%; height: auto; background: #fff; border-radius: 6px; }
figcaption { color: var(--soft); font-size: .88rem; }
.finding { border-left: 4px solid var(--open); background: var(--tint); padding: .6rem 1rem; margin: .8rem 0; }
.finding.confirmed { border-color: var(--confirmed); } .finding.refuted { border-color: var(--refuted); }
.finding p { margin: .2rem 0; } .finding .word { font-weight: 600; color: var(--open); }
.finding.confirmed .word { color: var(--confirmed); } .finding.refuted .word { color: var(--refuted); }
pre { background: var(--tint); padding: .8rem 1rem; overflow-x: auto; font-size: .82rem; line-height: 1.45; }
summary { cursor: pointer; color: var(--soft); }
</style>
<h1>{{ page.title }}</h1>
<p class="subtitle">{{ page.subtitle }}</p>
{% for section in page.sections %}
<h2>{{ section.title }}</h2>
{% for part in section.parts %}
{% if kind(part) == "str" %}
<p>{{ part }}</p>
{% elif kind(part) == "Table" %}
<div class="scroll"><table{% if part.prose %} class="prose"{% endif %}><caption>{{ part.caption }}</caption>
<thead><tr>{% for cell in part.header %}<th>{{ cell }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in part.rows %}
<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table></div>
{% elif kind(part) == "Picture" %}
<figure><img src="{{ embedded(part.file) }}" alt="{{ part.caption }}">
<figcaption>{{ part.caption }}</figcaption></figure>
{% elif kind(part) == "Verdict" %}
<div class="finding {{ part.verdict }}"><p><span class="word">{{ part.verdict }}</span> {{ part.claim }}</p>
<p>{{ part.because }}</p></div>
{% elif part.title %}
<details><summary>{{ part.title }}</summary><pre>{{ part.text }}</pre></details>
{% else %}
<pre>{{ part.text }}</pre>
{% endif %}
{% endfor %}
{% endfor %}
</html>
"""
