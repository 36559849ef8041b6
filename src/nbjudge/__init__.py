"""Tools for grading an nbgrader course. Knows nothing of any particular course."""
