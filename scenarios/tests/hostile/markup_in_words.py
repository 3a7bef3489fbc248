from hostile import *

sys.stdin.readline()
say("sim", {"type": TEXT})
done()
time.sleep(4711)
