"""The box that a student's code runs in, and the zygote that makes one for each submission.

`kernel`     system calls that Python does not offer
`paths`      which files of the host a contestant may read
`view`       a file tree that holds those and a private scratch, nothing else
`landlock`   the same promise again, by the kernel's Landlock
`syscalls`   the system calls that seccomp refuses
`usage`      limits on CPU, memory, processes, files; memory cgroups
`seal`       all layers, in order, in the child after the fork
`host`       which layers this host offers (`nbjudge check`)
`messages`   what driver, zygote, judge and contestant tell each other
`spawned`    what the judge holds of a contestant
`start`      the zygote's own process: imports, then serves
`server`     it forks judges and contestants and tells how they ended
`children`   what they do after the fork
`warm`       what all of them would otherwise import
`zygote`     the driver's end: `Zygote(...).judge(job)`
`check`      the command
"""
