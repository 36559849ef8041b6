"""`nbjudge check`: what this host can seal, one line a layer, and a verdict."""

from __future__ import annotations

from nbjudge.box import host
from nbjudge.box.host import PROTECTS, Offer, Verdict

SAYS = {
    Verdict.SEALED: "sealed: students' code reaches no file, process or network of this host.",
    Verdict.PARTLY: "partly sealed: grading works; what a missing layer is against, the others hold in part.",
    Verdict.NOT: "not sealed: grading refuses here, because students' code would run with your rights.",
}


def check() -> int:
    """Print what this host offers; 0 if that seals, 1 if partly, 2 if not."""
    offers = host.offers()
    verdict = host.verdict([offer.layer for offer in offers if offer.available])
    for offer in offers:
        print(line(offer))
    print(SAYS[verdict])
    if verdict is Verdict.NOT:
        print(host.ways_out())
    return verdict.value


def line(offer: Offer) -> str:
    """`landlock    yes  (version 7)  against reading …`"""
    return f"{offer.layer:<11} {'yes' if offer.available else 'no ':<4} {offer.how}; against {PROTECTS[offer.layer]}"
