from hostile import *

sys.stdin.readline()
say(TEXT, {"type": TEXT})
done()
time.sleep(4711)
