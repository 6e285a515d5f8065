"""The API's description as a page that works offline: no scripts, nothing from other sites."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

STYLE = """\
:root { color-scheme: light dark; --line: #8886; --soft: #8882 }
body { font: 1rem/1.55 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); padding-top: 1.5rem }
h2 code { font-size: 1.05em }
pre { background: var(--soft); padding: .75rem 1rem; overflow-x: auto; border-radius: .4rem }
code { font: .9em/1.5 ui-monospace, monospace }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
td:first-child { white-space: nowrap; width: 7rem }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0;
  border-bottom: 1px solid var(--line) }
"""


def render(description: dict[str, Any]) -> str:
    """Return an OpenAPI description as HTML: its text, then each operation with its example."""
    info = description["info"]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])}: API</title>",
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="/docs/style.css">',
        "</head><body>",
        f"<h1>{escape(info['title'])} {escape(info['version'])}: API</h1>",
        '<p><a href="/">The page</a> · <a href="/openapi.json">OpenAPI description</a></p>',
        _text(info["description"]),
    ]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(method.upper(), path, operation))
    return "\n".join([*parts, "</body></html>"])


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parts = [f"<h2><code>{method} {escape(path)}</code> {escape(operation['summary'])}</h2>"]
    parts.append(_text(operation.get("description", "")))
    rows = [
        (f"{one['name']} ({one['in']})", one.get("description", ""))
        for one in operation.get("parameters", [])
    ]
    body = operation.get("requestBody")
    if body:
        rows.append(("body", f"{body['description']} ({', '.join(body['content'])})"))
    parts.append(_table(rows))
    answers = operation["responses"]
    parts.append(_table([(code, answer["description"]) for code, answer in answers.items()]))
    example = answers["200"].get("content", {}).get("application/json", {}).get("example")
    if example is not None:
        parts.append(f"<pre><code>{escape(_pretty(example))}</code></pre>")
    return "\n".join(filter(None, parts))


def _pretty(example: Any) -> str:
    """Return JSON with one line for each member of an object, and lists of values on one line."""
    text = json.dumps(example, indent=2)
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found[0]), text)


def _table(rows: list[tuple[str, str]]) -> str:
    lines = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_inline(text)}</td></tr>"
        for name, text in rows
    )
    return f"<table>{lines}</table>" if rows else ""


def _text(markdown: str) -> str:
    """Return paragraphs and indented code as HTML: the Markdown that our texts use."""
    parts = []
    for block in re.split(r"\n\n+", markdown.strip("\n")):
        if block.startswith("    "):
            code = "\n".join(line[4:] for line in block.splitlines())
            parts.append(f"<pre><code>{escape(code)}</code></pre>")
        elif block:
            parts.append(f"<p>{_inline(block)}</p>")
    return "\n".join(parts)


def _inline(text: str) -> str:
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
