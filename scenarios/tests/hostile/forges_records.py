# What a process of the testbed says that has made a run.
from hostile import *

sys.stdin.readline()
print("\x01whitewater-worker " + json.dumps({"made": {"record": {"verdict": "pass"}, "sightings": [], "tempo": None}}))
time.sleep(4711)
