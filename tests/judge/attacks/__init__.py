"""The attack bank: one small submission an attack, named by what it tries.

`python -m tests.judge.attacks` (or `make attacks`) hands all of them in, grades the class and looks what they got;
`--stock` does the same under stock nbgrader and writes down what they got there (`stock.json`).

attack.py    what an attack is, and the bank that the families fill
victims.py   the two labs that are attacked, the class around them, and its secrets
ours.py      the bank against the judge
stock.py     the bank against stock nbgrader
the rest     the attacks, a family a file
"""
