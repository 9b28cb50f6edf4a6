"""What the site of `make docs` has beside this folder: README, examples and the API."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
PACKAGES = ("snn_mm", "datamodules", "feature_makers")


def on_config(config: Any) -> Any:
    """List every room below "API"."""
    if names := rooms():
        config.nav.append({"API": [{name: f"api/{name}.md"} for name in names]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made: of files elsewhere, and one for each room of the packages."""
    made = {page: (ROOT / file).read_text() for file, page in PAGES.items()}
    for file in sorted((ROOT / "examples").glob("*.py")):
        parts = [
            f"```{x.suffix[1:]}\n{x.read_text()}```\n" for x in (file.with_suffix(".yaml"), file)
        ]
        made[f"examples/{file.stem}.md"] = f"# {file.name}\n\n" + "\n".join(parts)
    made |= {f"api/{name}.md": f"::: {name}\n" for name in rooms()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def rooms() -> list[str]:
    """Each folder and file one level below a package; SNN_MM_DOCS=pages leaves the API out."""
    if os.environ.get("SNN_MM_DOCS") == "pages":
        return []
    places = (p for package in PACKAGES for p in sorted((ROOT / package).glob("[a-z]*")))
    wanted = (p for p in places if p.suffix == ".py" or (p / "__init__.py").is_file())
    return [".".join(p.relative_to(ROOT).with_suffix("").parts) for p in wanted]


def on_page_markdown(markdown: str, page: Any, **kwargs: Any) -> str:
    """Lead links to files elsewhere to their pages."""
    folder = (ROOT / "docs" / page.file.src_uri).parent
    if page.file.src_uri in PAGES.values():
        folder = ROOT
    up = "../" * page.file.src_uri.count("/")

    def target(match: re.Match[str]) -> str:
        text, link, rest = match.groups()
        file = (folder / link).resolve().relative_to(ROOT)
        made = PAGES.get(str(file)) or f"examples/{file.stem}.md" * (file.parts[0] == "examples")
        if made or file.parts[0] == "docs":
            return f"[{text}]({up}{made or file.relative_to('docs')}{rest})"
        return text  # a file that has no page

    return re.sub(r"\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)([^)]*)\)", target, markdown)
