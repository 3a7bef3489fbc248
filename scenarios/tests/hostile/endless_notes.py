from hostile import *

sys.stdin.readline()
while True:
    say("sim", {"type": "note", "text": TEXT})
