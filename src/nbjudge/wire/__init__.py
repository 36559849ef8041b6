"""The wire between the judge and the contestant: typed messages, no pickle, nothing looked up by name.

==============  ==========================================================================
``frames``      length-prefixed frames over a socket, with caps and deadlines
``values``      plain Python values: which cross by copy, and how
``handles``     the tables behind opaque handles: what was handed out, what came
``failures``    exceptions that cross
``extension``   what a library adds to the wire
``codec``       values into forms and back
``peer``        requests, replies and callbacks: what both ends have in common
``judge``       the judge's end, and the test cells' namespace
``namespace``   the judge's namespace for test cells
``contestant``  the contestant's end
``warmup``      both ends talk before the zygote forks
``proxies``     what the judge sees of a student's object
``mistakes``    what the judge itself finds wrong with a student's code
``seeds``       the random states of Python and numpy
``arrays``      numpy's arrays and numbers, where numpy is imported
``torch``       where torch is imported: what differs between judge and contestant
``rides``       … what rides along with each message: changes, deaths, graphs, generators
``sharing``     … values as forms: tensors by number and copy
``tensors``     … shapes, dtypes and bytes
``twins``       … the table of tensors that both ends hold
``autograd``    … gradients across the wire, both ways
``modules``     … modules: mirrors, and torch's own by recipe
``mirrors``     … what stands in for a module
``optimizers``  … optimizers: options at both ends, steps where they are
``modes``       … a test's modes see what the contestant calls
``inplace``     … a changed input is not to be used again
``randomness``  … torch's random state, and generators
``names``       … torch's functions and classes by name
==============  ==========================================================================
"""

from nbjudge.wire.contestant import Contestant
from nbjudge.wire.extension import Extension
from nbjudge.wire.frames import Caps, Channel, Closed, Late, WireError
from nbjudge.wire.judge import Judge
from nbjudge.wire.peer import Peer
from nbjudge.wire.proxies import Refused

__all__ = [
    "Caps",
    "Channel",
    "Closed",
    "Contestant",
    "Extension",
    "Judge",
    "Late",
    "Peer",
    "Refused",
    "WireError",
]
