"""A client of our own to serve, and people who open pages in a real browser."""

import shutil
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "server/web"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>waiting</title>
<link rel="icon" href="client/icon.svg" type="image/svg+xml">
<!-- modules -->
<link rel="stylesheet" href="client/page.css">
<script type="module" src="client/main.js"></script>
</head>
<body><main><h1>A page</h1></main></body>
</html>
"""

MODULES = {
    "main.js": """
import { three } from "./parts/two.js";

document.title = `ran ${three}`;
window.later = () => import("./later.js");
""",
    "parts/two.js": 'export { three } from "../three.js";\n',
    "three.js": "export const three = 3;\n",
    "later.js": 'import { three } from "./three.js";\n\ndocument.title = `later ${three}`;\n',
}


@pytest.fixture
def client_folder(tmp_path):
    """A small client with a style sheet, three modules, and one that is imported later."""
    folder = tmp_path / "web"
    shutil.copytree(WEB / "vendor", folder / "vendor")
    shutil.copy2(WEB / "icon.svg", folder)
    (folder / "page.css").write_text("h1 { color: rgb(1, 2, 3); }\n" * 9)
    (folder / "index.html").write_text(PAGE)
    (folder / "parts").mkdir()
    for name, code in MODULES.items():
        (folder / name).write_text(code)
    return folder
