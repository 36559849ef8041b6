"""`{lab} regularization`: how to open a topic's lab, and what it asks for, read from the release notebook."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

COLAB = "https://colab.research.google.com/github/{repository}/blob/{branch}/labs/{topic}/{topic}.ipynb"
TASK = re.compile(r"^## \d+\. (.+)$", re.M)
TEXT = """\
```{{button-link}} {colab}
:color: primary
Open on Colab
```

{{download}}`Download the notebook </../labs/{topic}/{topic}.ipynb>`: {count} tasks, {points:g} points.

{tasks}
"""


def points(notebook: nbformat.NotebookNode) -> float:
    return sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells)


class Lab(SphinxDirective):
    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        topic = self.arguments[0]
        path = Path(self.env.srcdir).parent / "labs" / topic / f"{topic}.ipynb"
        self.env.note_dependency(str(path))
        notebook = nbformat.read(path, as_version=4)
        tasks = [name for cell in notebook.cells if cell.cell_type == "markdown" for name in TASK.findall(cell.source)]
        text = TEXT.format(
            colab=COLAB.format(topic=topic, **self.config.course),
            topic=topic,
            count=len(tasks),
            points=points(notebook),
            tasks="\n".join(f"{number}. {name}" for number, name in enumerate(tasks, 1)),
        )
        return self.parse_text_to_nodes(text)


def setup(app: Sphinx) -> None:
    app.add_directive("lab", Lab)
