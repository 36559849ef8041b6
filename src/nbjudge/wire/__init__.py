"""The wire between the judge and the contestant: typed messages, no pickle, nothing looked up by name.

==============  ==========================================================================
``frames``      length-prefixed frames over a socket, with caps and deadlines
``values``      plain Python values: which cross by copy, and how
``handles``     the tables behind opaque handles: what was handed out, what came
``failures``    exceptions that cross
``codec``       values into forms and back
``peer``        requests, replies and callbacks: what both ends have in common
``judge``       the judge's end, and the test cells' namespace
``namespace``   the judge's namespace for test cells
``contestant``  the contestant's end
``proxies``     what the judge sees of a student's object
==============  ==========================================================================
"""

from nbjudge.wire.codec import Extension
from nbjudge.wire.contestant import Contestant
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
