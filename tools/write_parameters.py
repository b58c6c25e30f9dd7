"""Write config/pear.yaml and docs/parameters.md from the table: python tools/write_parameters.py"""

from pathlib import Path

from pear_ros.live.settings import as_markdown, as_yaml

ROOT = Path(__file__).parents[1]

if __name__ == "__main__":
    (ROOT / "config" / "pear.yaml").write_text(as_yaml(), encoding="utf-8")
    (ROOT / "docs" / "parameters.md").write_text(as_markdown(), encoding="utf-8")
    print("config/pear.yaml, docs/parameters.md")
