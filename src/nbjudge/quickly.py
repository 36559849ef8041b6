"""Imported before nbgrader, so that every command of ours begins a second sooner.

jsonschema, which nbformat needs, builds a grammar of internationalised addresses when it is imported, if it finds the
package for it. No schema of notebooks asks for one.
"""

import sys

GRAMMAR = "rfc3987_syntax"

if GRAMMAR not in sys.modules:
    sys.modules[GRAMMAR] = None  # type: ignore[assignment]  # as if it were not installed
    import jsonschema  # noqa: F401

    del sys.modules[GRAMMAR]
