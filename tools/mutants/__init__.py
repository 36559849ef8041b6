"""Mutation testing: how many small mistakes, one at a time, do the tests notice?

`places` draws the mistakes, `forks` runs work in copies of a warm process, `runs` runs tests in them, and
`python -m tools.mutants` puts them together, resumes where it was stopped, and names what no test noticed.
"""
