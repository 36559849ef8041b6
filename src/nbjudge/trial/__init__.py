"""The judge's run of one submission.

`job`         what the driver asks for, and what it gets back: Job, Trial
`kinds`       what the instructor's cells are
`prepared`    what is the same for every submission of a lab, made once: its tests compiled
`plan`        which cell runs where
`hidden`      which lines of a test cell a student may see
`outputs`     what cells print and display, as a notebook holds it
`shell`       the contestant's IPython
`contestant`  the sealed process
`testcell`    one test cell: run it, give its points
`messages`    what a failure looks like, in visible and in hidden lines
`forbidden`   names that a task forbids, found in the source and in the calls
`lifeline`    the judge's hold on its contestants: deadlines, interrupts, a new one when one died
`judge`       the trusted process: all cells in order, then the Trial
"""
