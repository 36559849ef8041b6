"""What a student's function did to the lists, dicts, sets and arrays that it was given.

They cross by copy, and what is done to the copy comes back where the test says that it may: by a function whose name
ends with an underscore, torch's own convention, or by the tag `changes-inputs` on the test's cell.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

CONTAINERS = (list, dict, OrderedDict, set)


def put_back(ours: Any, theirs: Any) -> Any:
    """Gives our containers, however deep, the contents that theirs have; what stands at this place afterwards."""
    kind = type(ours)
    if kind is not type(theirs):
        return theirs
    if kind in (list, tuple):
        parts = [*map(put_back, ours, theirs), *theirs[len(ours) :]]
        if kind is tuple:
            return tuple(parts)
        ours[:] = parts
    elif kind in (dict, OrderedDict):
        contents = {key: put_back(ours.get(key), value) for key, value in theirs.items()}
        ours.clear()
        ours.update(contents)
    elif kind is set:
        ours.clear()
        ours.update(theirs)
    elif is_array(ours) and (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype):
        ours[...] = theirs
    else:
        return theirs
    return ours


def can_change(value: Any) -> bool:
    """Whether it is, or holds, something that `put_back` changes."""
    return type(value) in CONTAINERS or is_array(value) or (type(value) is tuple and any(map(can_change, value)))


def is_array(value: Any) -> bool:
    return type(value).__module__ == "numpy" and type(value).__name__ == "ndarray"
